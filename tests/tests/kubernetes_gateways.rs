//! Several Gateways and listeners, and TLS.

use mcp_gateway_tests::client::{Http, Modern, Session};
use mcp_gateway_tests::fake::{Exchange, Fake, Identity};
use mcp_gateway_tests::kubernetes::{self, Cluster, Mode, Site, Tunnel};
use mcp_gateway_tests::until_told_within;
use serde_json::json;

fn server(cluster: &Cluster) -> Fake {
    Fake::legacy().at(cluster.node()).tool("add", Exchange::who).start()
}

#[test]
fn gateways_have_servers_of_their_own() {
    kubernetes::test(async |cluster| {
        let (one, two) = (Site::new(cluster, Mode::WasmPlugin).await, Site::new(cluster, Mode::EnvoyFilter).await);
        let (first, second) = (server(cluster), server(cluster));
        one.add("server", "a_", &first).await;
        two.add("server", "b_", &second).await;
        assert_eq!(one.legacy().await.tools().await, ["a_add"]);
        assert_eq!(two.legacy().await.tools().await, ["b_add"]);
        // A host of the one means nothing to the other.
        let strange = Http::new().with_host(&one.host).post(&two.url()).send("{}").await;
        assert_eq!(strange.status, 404, "{}", strange.text());
    });
}

#[test]
fn the_other_listener_of_a_gateway_is_untouched() {
    kubernetes::test(async |cluster| {
        let listeners = "[{name: mcp, port: 80, protocol: HTTP}, {name: other, port: 8080, protocol: HTTP}]";
        let site = Site::declare(cluster, Mode::EnvoyFilter, listeners, "").await;
        // The extension has to say which.
        site.fails("mcpgatewayextension/mcp", "Accepted", "sectionName").await;
        site.kubectl(&["delete", "mcpgatewayextension", "mcp"]).await;
        let extension = format!(
            r"
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPGatewayExtension
metadata: {{name: mcp}}
spec:
  targetRef: {{name: front, sectionName: mcp}}
  publicHost: {}
  dataPath: {{mode: EnvoyFilter}}
",
            site.host
        );
        cluster.apply_in(&site.namespace, &extension).await;
        site.answers().await;
        let web = Fake::legacy().at(cluster.node()).start();
        site.serve("web", &web).await;
        let route = r"
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: front, sectionName: other}]
  rules: [{backendRefs: [{name: web, port: 8000}]}]
";
        cluster.apply_in(&site.namespace, route).await;
        let url = format!("http://{}:8080/mcp", site.address);
        until_told_within(kubernetes::PATIENCE, "the other listener routes", async || {
            let request = Http::new().post(&url).header("x-mcp-gateway-anything", "kept");
            request.try_send(r#"{"not":"mcp"}"#).await?;
            web.seen().last().map(|seen| assert_eq!(seen.header("x-mcp-gateway-anything"), "kept"))
        })
        .await;
    });
}

fn an_https_listener_with_an_exact_hostname(mode: Mode) {
    kubernetes::test(async |cluster| {
        cluster.install().await;
        let host = format!("secure-{}.example.com", mode.name().to_lowercase());
        let identity = Identity::of(&host);
        let listeners = format!(
            "[{{name: https, port: 443, protocol: HTTPS, hostname: {host}, tls: {{certificateRefs: [{{name: certificate}}]}}}}]"
        );
        let site = Site::declare(cluster, mode, &listeners, "").await;
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "certificate"},
            "stringData": {"tls.crt": identity.certificate(), "tls.key": identity.key()},
        });
        cluster.apply_in(&site.namespace, &secret.to_string()).await;
        // The host that was declared is not under the listener's.
        site.fails("mcpgatewayextension/mcp", "Accepted", &host).await;
        let patch = json!({"spec": {"publicHost": host}}).to_string();
        site.kubectl(&["patch", "mcpgatewayextension", "mcp", "--type=merge", "-p", &patch]).await;
        site.answers().await;
        let server = Fake::modern().at(cluster.node()).tool("add", Exchange::who).start();
        site.add("server", "a_", &server).await;
        let tunnel = Tunnel::to(&format!("{}:443", site.address), &host, identity.pem()).await;
        let http = Http::new().with_host(&host);
        let modern = Modern { http: http.clone(), url: tunnel.url("/mcp") };
        let answer = modern.call("a_add", json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], server.authority(), "{answer}");
        let legacy = Session::open_with(&http, &tunnel.url("/mcp"), "2025-11-25", &json!({})).await;
        let answer = legacy.call("a_add", json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], server.authority(), "{answer}");
        until_told_within(kubernetes::PATIENCE, "calls go by Envoy alone", async || {
            modern.call("a_add", json!({})).await;
            (!server.calls().last()?.header("x-request-id").is_empty()).then_some(())
        })
        .await;
    });
}

#[test]
fn an_https_listener_with_an_exact_hostname_by_wasm_plugin() {
    an_https_listener_with_an_exact_hostname(Mode::WasmPlugin);
}

#[test]
fn an_https_listener_with_an_exact_hostname_by_envoy_filter() {
    an_https_listener_with_an_exact_hostname(Mode::EnvoyFilter);
}

#[test]
fn an_extension_in_another_namespace_than_its_gateway() {
    kubernetes::test(async |cluster| {
        let listeners = "[{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]";
        let gateway = Site::declare(cluster, Mode::EnvoyFilter, listeners, "").await;
        gateway.kubectl(&["delete", "mcpgatewayextension", "mcp"]).await;
        let mut site = gateway.clone();
        site.namespace = cluster.namespace().await;
        let extension = format!(
            r"
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPGatewayExtension
metadata: {{name: mcp}}
spec:
  targetRef: {{name: front, namespace: {}}}
  publicHost: {}
  dataPath: {{mode: EnvoyFilter}}
",
            gateway.namespace, site.host
        );
        cluster.apply_in(&site.namespace, &extension).await;
        site.fails("mcpgatewayextension/mcp", "ResolvedRefs", "RefNotPermitted").await;

        let grant = format!(
            r"
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{name: mcp}}
spec:
  from: [{{group: mcpgateway.dev, kind: MCPGatewayExtension, namespace: {}}}]
  to: [{{group: gateway.networking.k8s.io, kind: Gateway}}]
",
            site.namespace
        );
        cluster.apply_in(&gateway.namespace, &grant).await;
        site.answers().await;
        let server = server(cluster);
        site.add("server", "a_", &server).await;
        let answer = site.modern().call("a_add", json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], server.authority(), "{answer}");

        // What is on the Gateway goes before the extension does: no owner reference could reach it.
        let of_filter = async || gateway.kubectl(&["get", "wasmplugins,envoyfilters", "-o", "name"]).await;
        assert_eq!(of_filter().await.lines().count(), 2);
        site.kubectl(&["delete", "mcpgatewayextension", "mcp", "--timeout=90s"]).await;
        assert_eq!(of_filter().await, "");
    });
}

#[test]
fn each_listener_of_a_gateway_has_an_endpoint_and_servers_of_its_own() {
    kubernetes::test(async |cluster| {
        let listeners = "[{name: one, port: 80, protocol: HTTP}, {name: two, port: 8080, protocol: HTTP}]";
        let site = Site::declare(cluster, Mode::WasmPlugin, listeners, "").await;
        site.kubectl(&["delete", "mcpgatewayextension", "mcp"]).await;
        for (name, mode) in [("one", "WasmPlugin"), ("two", "EnvoyFilter")] {
            let extension = format!(
                r"
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPGatewayExtension
metadata: {{name: {name}}}
spec:
  targetRef: {{name: front, sectionName: {name}}}
  publicHost: {}
  dataPath: {{mode: {mode}}}
",
                site.host
            );
            cluster.apply_in(&site.namespace, &extension).await;
        }
        let (first, second, both) = (server(cluster), server(cluster), server(cluster));
        for (name, server, of) in [("a", &first, "one"), ("b", &second, "two")] {
            site.serve(name, server).await;
            let target =
                format!("targetRef: {{kind: Service, name: {name}, port: 8000}}\nextensionRefs: [{{name: {of}}}]");
            site.register(name, &format!("{name}_"), &target).await;
        }
        site.add("c", "c_", &both).await;
        for name in ["one", "two"] {
            site.holds(&format!("mcpgatewayextension/{name}"), "Ready").await;
        }
        for name in ["a", "b"] {
            site.ready(name).await;
        }
        let at = |port: u16| format!("http://{}:{port}/mcp", site.address);
        for (port, tool, server) in [(80, "a_add", &first), (8080, "b_add", &second)] {
            let session = Session::open_with(site.http(), &at(port), "2025-11-25", &json!({})).await;
            assert_eq!(session.tools().await, [tool, "c_add"]);
            for (tool, server) in [(tool, server), ("c_add", &both)] {
                let answer = session.call(tool, json!({})).await;
                assert_eq!(answer["result"]["content"][0]["text"], server.authority(), "{answer}");
            }
            let other = if port == 80 { "b_add" } else { "a_add" };
            let answer = session.call(other, json!({})).await;
            assert!(answer["error"].is_object(), "{other} is the other listener's: {answer}");
        }
    });
}

#[test]
fn what_an_extension_names_has_to_be_there_and_is_one_extensions_alone() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let others = [
            ("nowhere", "{name: none}", "none"),
            ("no-listener", "{name: front, sectionName: none}", "none"),
            ("second", "{name: front}", "mcp"),
        ];
        for (name, target, named) in others {
            let extension = format!(
                r"
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPGatewayExtension
metadata: {{name: {name}}}
spec: {{targetRef: {target}, publicHost: {}}}
",
                site.host
            );
            cluster.apply_in(&site.namespace, &extension).await;
            site.fails(&format!("mcpgatewayextension/{name}"), "Accepted", named).await;
        }
        site.answers().await;
    });
}
