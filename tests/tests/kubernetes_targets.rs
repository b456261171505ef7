//! What a registration may point at.

use mcp_gateway_tests::fake::{Exchange, Fake, Identity};
use mcp_gateway_tests::kubernetes::{self, Mode, Site};
use mcp_gateway_tests::until_told_within;
use serde_json::json;

fn server(site: &Site<'_>) -> Fake {
    Fake::modern().at(site.cluster.node()).tool("add", Exchange::ok).start()
}

async fn is_called(site: &Site<'_>, tool: &str) {
    for answer in [site.legacy().await.call(tool, json!({})).await, site.modern().call(tool, json!({})).await] {
        assert_eq!(answer["result"]["content"][0]["text"], "ok", "{tool}: {answer}");
    }
}

fn a_route(name: &str, gateway: &str, host: &str, service: &str) -> String {
    format!(
        r"
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{gateway}]
  hostnames: [{host}]
  rules: [{{backendRefs: [{{name: {service}, port: 8000}}]}}]
---
"
    )
}

fn targets_of_every_kind(mode: Mode) {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, mode).await;
        let namespace = &site.namespace;
        let (by_service, by_route, by_entry) = (server(&site), server(&site), server(&site));
        site.add("service", "service_", &by_service).await;

        site.serve("routed", &by_route).await;
        let host = format!("routed.{namespace}.example.com");
        cluster.apply_in(namespace, &a_route("routed", "{name: front}", &host, "routed")).await;
        site.register("route", "route_", "targetRef: {kind: HTTPRoute, name: routed}").await;

        let (host, node, port) = (format!("outside.{namespace}.example.org"), cluster.node(), by_entry.port());
        cluster.name_host(&host, &node.to_string());
        let entry = format!(
            r"
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: outside}}
spec:
  hosts: [{host}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{{number: {port}, name: http, protocol: HTTP}}]
  endpoints: [{{address: {node}}}]
"
        );
        cluster.apply_in(namespace, &entry).await;
        site.register("entry", "entry_", &format!("targetRef: {{kind: ServiceEntry, name: outside, port: {port}}}"))
            .await;

        for name in ["route", "entry"] {
            site.ready(name).await;
        }
        for (tool, server) in [("service_add", &by_service), ("route_add", &by_route), ("entry_add", &by_entry)] {
            is_called(&site, tool).await;
            site.is_straight(tool, server).await;
            is_called(&site, tool).await;
        }
    });
}

#[test]
fn targets_of_every_kind_by_wasm_plugin() {
    targets_of_every_kind(Mode::WasmPlugin);
}

#[test]
fn targets_of_every_kind_by_envoy_filter() {
    targets_of_every_kind(Mode::EnvoyFilter);
}

/// A server has one name and one set of headers, whichever way a request takes.
fn what_a_route_says_holds_for_every_request(mode: Mode) {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, mode).await;
        let server = server(&site);
        site.serve("named", &server).await;
        let route = r"
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: named}
spec:
  parentRefs: [{name: front}]
  hostnames: [named.example.com]
  rules:
  - filters:
    - {type: URLRewrite, urlRewrite: {hostname: tools.example.com}}
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Team, value: blue}], add: [{name: X-Api-Key, value: sesame}]}}
    backendRefs: [{name: named, port: 8000}]
";
        cluster.apply_in(&site.namespace, route).await;
        site.register("named", "n_", "targetRef: {name: named}").await;
        site.ready("named").await;
        site.is_straight("n_add", &server).await;
        is_called(&site, "n_add").await;
        for request in server.seen() {
            let told = ["host", "x-team", "x-api-key"].map(|name| request.header(name).to_owned());
            assert_eq!(told, ["tools.example.com", "blue", "sesame"], "{request:?}");
        }
    });
}

#[test]
fn what_a_route_says_holds_for_every_request_by_wasm_plugin() {
    what_a_route_says_holds_for_every_request(Mode::WasmPlugin);
}

#[test]
fn what_a_route_says_holds_for_every_request_by_envoy_filter() {
    what_a_route_says_holds_for_every_request(Mode::EnvoyFilter);
}

#[test]
fn a_service_goes_by_the_name_that_its_tls_policy_gives_it() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let identity = Identity::of("tools.corp.example");
        let server = Fake::modern().at(cluster.node()).tool("add", Exchange::ok).start_tls(&identity);
        site.serve("tls", &server).await;
        let authority = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": {"ca.crt": identity.pem()},
        });
        cluster.apply_in(&site.namespace, &authority.to_string()).await;
        let policy = r#"
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls}
spec:
  targetRefs: [{group: "", kind: Service, name: tls}]
  validation:
    hostname: tools.corp.example
    caCertificateRefs: [{group: "", kind: ConfigMap, name: authority}]
"#;
        cluster.apply_in(&site.namespace, policy).await;
        site.register("tls", "t_", "targetRef: {kind: Service, name: tls, port: 8000}").await;
        site.ready("tls").await;
        site.is_straight("t_add", &server).await;
        is_called(&site, "t_add").await;
        for request in server.seen() {
            assert_eq!(request.header("host"), "tools.corp.example", "{request:?}");
        }
    });
}

#[test]
fn a_target_in_another_namespace_needs_its_consent() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let other = cluster.namespace().await;
        let server = server(&site);
        site.serve_in(&other, "away", &server).await;
        let target = format!("targetRef: {{kind: Service, name: away, namespace: {other}, port: 8000}}");
        site.register("away", "away_", &target).await;
        site.fails("mcpserverregistrations.mcpgateway.dev/away", "ResolvedRefs", "RefNotPermitted").await;
        assert_eq!(server.seen().len(), 0, "nobody asks a server that may not be pointed at");

        let grant = format!(
            r#"
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{name: mcp}}
spec:
  from:
  - {{group: mcpgateway.dev, kind: MCPServerRegistration, namespace: {0}}}
  - {{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: {0}}}
  to: [{{group: "", kind: Service}}]
"#,
            site.namespace
        );
        cluster.apply_in(&other, &grant).await;
        site.ready("away").await;
        is_called(&site, "away_add").await;

        cluster.kubectl(&["-n", &other, "delete", "referencegrant", "mcp"]).await.expect("deleting the grant");
        site.not_ready("away", "RefNotPermitted").await;
        until_told_within(kubernetes::PATIENCE, "the server's tools are gone", async || {
            site.legacy().await.tools().await.is_empty().then_some(())
        })
        .await;
    });
}

#[test]
fn registrations_of_kagentis_group_work_as_they_are() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let server = server(&site);
        site.serve("weather", &server).await;
        let host = format!("weather.{}.example.com", site.namespace);
        cluster.apply_in(&site.namespace, &a_route("weather", "{name: front}", &host, "weather")).await;
        let registration = r"
apiVersion: mcp.kagenti.com/v1alpha1
kind: MCPServerRegistration
metadata: {name: weather}
spec:
  toolPrefix: weather_
  path: /mcp
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: weather}
";
        cluster.apply_in(&site.namespace, registration).await;
        site.holds("mcpserverregistrations.mcp.kagenti.com/weather", "Ready").await;
        is_called(&site, "weather_add").await;
    });
}

fn a_server_outside(mode: Mode) {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, mode).await;
        let host = format!("outside.{}.example.org", site.namespace);
        cluster.name_host(&host, &cluster.node().to_string());
        let identity = Identity::of(&host);
        let server = Fake::modern().at(cluster.node()).tool("add", Exchange::ok).start_tls(&identity);
        let authority = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": {"ca.crt": identity.pem()},
        });
        cluster.apply_in(&site.namespace, &authority.to_string()).await;
        let url = format!("https://{host}:{}/api/mcp", server.port());
        site.register("outside", "o_", &format!("url: {url}\ncaCertificateRef: {{name: authority}}")).await;
        site.ready("outside").await;
        is_called(&site, "o_add").await;
        site.is_straight("o_add", &server).await;
        is_called(&site, "o_add").await;
        let calls = server.calls();
        let own = format!("{host}:{}", server.port());
        assert!(calls.iter().all(|call| call.path == "/api/mcp" && own.starts_with(call.header("host"))), "{calls:?}");
    });
}

#[test]
fn a_server_outside_by_wasm_plugin() {
    a_server_outside(Mode::WasmPlugin);
}

#[test]
fn a_server_outside_by_envoy_filter() {
    a_server_outside(Mode::EnvoyFilter);
}
