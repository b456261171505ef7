//! What becomes of registrations: what clients get, and what the status says.

use mcp_gateway_tests::fake::{Exchange, Fake, Identity};
use mcp_gateway_tests::kubernetes::{self, Mode, Site};
use mcp_gateway_tests::until_told_within;
use serde_json::{Value, json};

/// A legacy server with one tool.
fn server(site: &Site<'_>, tool: &str) -> Fake {
    Fake::legacy().at(site.cluster.node()).tool(tool, Exchange::who).start()
}

/// Waits until clients get exactly these tools.
async fn tools_become(site: &Site<'_>, wanted: &[&str]) {
    until_told_within(kubernetes::PATIENCE, &format!("the tools are {wanted:?}"), async || {
        let mut tools = site.legacy().await.tools().await;
        tools.sort();
        (tools == wanted).then_some(())
    })
    .await;
}

/// Who answered a call.
fn who(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn a_server_comes_with_its_registration_and_goes_with_it() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let first = server(&site, "add");
        assert_eq!(site.legacy().await.tools().await, [""; 0]);

        site.add("first", "a_", &first).await;
        tools_become(&site, &["a_add"]).await;
        let status = site.status("first").await;
        assert_eq!(status["tools"], 1, "{status:#}");
        assert_eq!(status["era"], "Legacy", "{status:#}");
        assert_eq!(who(&site.legacy().await.call("a_add", json!({})).await), first.authority());

        site.unregister("first").await;
        tools_become(&site, &[]).await;
        let refused = site.modern().ask("tools/call", json!({"name": "a_add", "arguments": {}})).await;
        assert!(refused.message()["error"].is_object(), "{}", refused.text());

        // The same name again, with another prefix and server.
        let second = server(&site, "add");
        site.serve("first", &second).await;
        site.register("first", "b_", "targetRef: {kind: Service, name: first, port: 8000}").await;
        site.ready("first").await;
        tools_become(&site, &["b_add"]).await;
        assert_eq!(who(&site.modern().call("b_add", json!({})).await), second.authority());
        assert_eq!(who(&site.legacy().await.call("b_add", json!({})).await), second.authority());
    });
}

#[test]
fn a_disabled_server_is_gone_and_comes_back_when_enabled() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::EnvoyFilter).await;
        let server = server(&site, "add");
        site.add("one", "a_", &server).await;
        tools_become(&site, &["a_add"]).await;
        site.change("one", json!({"state": "Disabled"})).await;
        tools_become(&site, &[]).await;
        site.not_ready("one", "Disabled").await;
        site.change("one", json!({"state": "Enabled"})).await;
        site.ready("one").await;
        tools_become(&site, &["a_add"]).await;
    });
}

#[test]
fn clients_hear_of_a_registration() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let server = server(&site, "add");
        let session = site.legacy().await;
        let mut events = session.listen().await;
        site.serve("one", &server).await;
        site.register("one", "a_", "targetRef: {kind: Service, name: one, port: 8000}").await;
        let message = events.message().await;
        assert_eq!(message["method"], "notifications/tools/list_changed", "{message}");
        assert_eq!(session.tools().await, ["a_add"]);
    });
}

#[test]
fn a_server_answers_at_another_path_and_with_its_credential() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::EnvoyFilter).await;
        let server = server(&site, "add");
        site.serve("one", &server).await;
        let secret = r#"{apiVersion: v1, kind: Secret, metadata: {name: key}, stringData: {token: "Bearer first"}}"#;
        cluster.apply_in(&site.namespace, secret).await;
        let target = "targetRef: {kind: Service, name: one, port: 8000}\npath: /custom/v1\ncredentialRef: {name: key}";
        site.register("one", "a_", target).await;
        site.ready("one").await;
        for answer in [site.legacy().await.call("a_add", json!({})).await, site.modern().call("a_add", json!({})).await]
        {
            assert_eq!(who(&answer), server.authority(), "{answer}");
        }
        assert!(
            server
                .seen()
                .iter()
                .all(|request| request.path == "/custom/v1" && request.header("authorization") == "Bearer first")
        );

        // Another credential is used without anything being restarted, and stands nowhere in clear but where it was written.
        let secret = secret.replace("first", "second");
        cluster.apply_in(&site.namespace, &secret).await;
        until_told_within(kubernetes::PATIENCE, "the new credential is used", async || {
            site.legacy().await.call("a_add", json!({})).await;
            (server.calls().last()?.header("authorization") == "Bearer second").then_some(())
        })
        .await;
        for kind in ["secrets", "configmaps", "wasmplugins", "envoyfilters", "httproutes", "deployments"] {
            let all = site.kubectl(&["get", kind, "-o", "json"]).await;
            let objects: Value = serde_json::from_str(&all).expect("a list");
            for object in
                objects["items"].as_array().into_iter().flatten().filter(|object| object["metadata"]["name"] != "key")
            {
                let text = object.to_string();
                assert!(!text.contains("Bearer second") && !text.contains("QmVhcmVyIHNlY29uZA"), "{text}");
            }
        }
    });
}

#[test]
fn a_server_that_is_not_there_is_not_ready_and_the_others_are() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let (there, away) = (server(&site, "add"), server(&site, "add"));
        away.stop();
        site.serve("away", &away).await;
        site.register("away", "b_", "targetRef: {kind: Service, name: away, port: 8000}").await;
        site.register("nowhere", "c_", "targetRef: {kind: Service, name: none, port: 8000}").await;
        site.add("there", "a_", &there).await;
        tools_become(&site, &["a_add"]).await;
        site.not_ready("away", "ServerUnavailable").await;
        site.fails("mcpserverregistrations.mcpgateway.dev/nowhere", "ResolvedRefs", "none").await;

        away.restart().await;
        site.ready("away").await;
        tools_become(&site, &["a_add", "b_add"]).await;
    });
}

#[test]
fn of_two_servers_with_one_prefix_the_older_has_it() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let (older, newer) = (server(&site, "add"), server(&site, "subtract"));
        site.add("older", "same_", &older).await;
        // Kubernetes' times have seconds.
        until_told_within(kubernetes::PATIENCE, "a second has passed", async || {
            let made = site
                .kubectl(&[
                    "get",
                    "mcpserverregistrations.mcpgateway.dev/older",
                    "-o",
                    "jsonpath={.metadata.creationTimestamp}",
                ])
                .await;
            let now = site
                .kubectl(&[
                    "create",
                    "configmap",
                    "now",
                    "--dry-run=server",
                    "-o",
                    "jsonpath={.metadata.creationTimestamp}",
                ])
                .await;
            (now > made).then_some(())
        })
        .await;
        site.serve("newer", &newer).await;
        site.register("newer", "same_", "targetRef: {kind: Service, name: newer, port: 8000}").await;
        site.not_ready("newer", "older").await;
        tools_become(&site, &["same_add"]).await;
        site.unregister("older").await;
        site.ready("newer").await;
        tools_become(&site, &["same_subtract"]).await;
    });
}

#[test]
fn servers_without_prefix_keep_their_names_and_share_none() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::EnvoyFilter).await;
        let node = cluster.node();
        let one = Fake::legacy().at(node).tool("add", Exchange::who).tool("both", Exchange::who).start();
        let two = Fake::modern().at(node).tool("subtract", Exchange::who).tool("both", Exchange::who).start();
        site.add("one", "", &one).await;
        site.add("two", "", &two).await;
        tools_become(&site, &["add", "subtract"]).await;
        assert_eq!(who(&site.legacy().await.call("add", json!({})).await), one.authority());
        assert_eq!(who(&site.modern().call("subtract", json!({})).await), two.authority());
        let refused = until_told_within(kubernetes::PATIENCE, "the status says what is refused", async || {
            let refused = site.status("two").await["refused"].clone();
            refused.is_array().then_some(refused)
        })
        .await;
        let wanted = json!({"kind": "tool", "name": "both", "reason": "NameCollision"});
        for (field, value) in wanted.as_object().expect("an object") {
            assert_eq!(&refused[0][field], value, "{refused}");
        }
        assert_eq!(refused[0]["servers"], json!([format!("{}.one", site.namespace)]), "{refused}");
    });
}

#[test]
fn concurrent_calls_of_a_session_share_one_session_of_the_server() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::EnvoyFilter).await;
        let server = server(&site, "add");
        site.add("one", "a_", &server).await;
        let session = site.legacy().await;
        let before = server.sessions_of_clients();
        let calls = (0..20).map(|_| session.call("a_add", json!({})));
        for answer in futures::future::join_all(calls).await {
            assert_eq!(who(&answer), server.authority(), "{answer}");
        }
        assert_eq!(server.sessions_of_clients() - before, 1);
    });
}

fn a_server_behind_tls_of_an_own_authority(mode: Mode) {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, mode).await;
        let identity = Identity::of(&format!("tls.{}.svc.cluster.local", site.namespace));
        let server = Fake::legacy().at(cluster.node()).tool("add", Exchange::ok).start_tls(&identity);
        site.serve("tls", &server).await;
        let authority = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": {"ca.crt": identity.pem()},
        });
        cluster.apply_in(&site.namespace, &authority.to_string()).await;
        let target = "targetRef: {kind: Service, name: tls, port: 8000}\ncaCertificateRef: {name: authority}";
        site.register("tls", "t_", target).await;
        site.ready("tls").await;
        for answer in [site.legacy().await.call("t_add", json!({})).await, site.modern().call("t_add", json!({})).await]
        {
            assert_eq!(who(&answer), "ok", "{answer}");
        }
    });
}

#[test]
fn a_server_behind_tls_of_an_own_authority_by_wasm_plugin() {
    a_server_behind_tls_of_an_own_authority(Mode::WasmPlugin);
}

#[test]
fn a_server_behind_tls_of_an_own_authority_by_envoy_filter() {
    a_server_behind_tls_of_an_own_authority(Mode::EnvoyFilter);
}
