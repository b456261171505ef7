//! Istio's `AuthorizationPolicy` on a gateway: what each kind sees of a call, and what a client gets that is refused.

use mcp_gateway_tests::client::{Reply, Session};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Mode, PROVIDER, REFUSAL, Site};
use mcp_gateway_tests::until_told_within;
use serde_json::{Value, json};

/// A site with a server that modern clients call straight.
async fn site<'a>(cluster: &'a kubernetes::Cluster, mode: Mode) -> (Site<'a>, Fake) {
    let site = Site::new(cluster, mode).await;
    let server = Fake::modern()
        .at(cluster.node())
        .tool("add", Exchange::ok)
        .tool("other", Exchange::ok)
        .tool("is_refused", Exchange::ok)
        .start();
    site.serve("server", &server).await;
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: key}, stringData: {token: of-the-server}}";
    cluster.apply_in(&site.namespace, secret).await;
    let target = "targetRef: {kind: Service, name: server, port: 8000}\ncredentialRef: {name: key}";
    site.register("server", "a_", target).await;
    site.ready("server").await;
    site.is_straight("a_add", &server).await;
    (site, server)
}

/// Declares the Gateway's only policy; `rules` are YAML.
async fn declare(site: &Site<'_>, action: &str, rules: &str) {
    let policy = format!(
        r"
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: policy}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: front}}]
  action: {action}
  rules: {rules}
"
    );
    site.cluster.apply_in(&site.namespace, &policy).await;
}

async fn call(site: &Site<'_>, tool: &str) -> Reply {
    site.modern().ask("tools/call", json!({"name": tool, "arguments": {}})).await
}

fn answered(message: &Value) -> bool {
    message["result"]["content"][0]["text"] == "ok"
}

/// Waits until requests that the broker answers are refused, or not.
async fn lists_are(site: &Site<'_>, refused: bool) -> Reply {
    until_told_within(kubernetes::PATIENCE, &format!("lists are refused: {refused}"), async || {
        let reply = site.modern().ask("tools/list", json!({})).await;
        ((reply.status == 403) == refused).then_some(reply)
    })
    .await
}

/// Waits until straight calls of a tool are refused, or not.
async fn calls_are(site: &Site<'_>, tool: &str, refused: bool) -> Reply {
    until_told_within(kubernetes::PATIENCE, &format!("calls of {tool} are refused: {refused}"), async || {
        let reply = call(site, tool).await;
        (answered(&reply.message()) != refused).then_some(reply)
    })
    .await
}

/// What a client gets for a request that never came to the filter.
fn is_forbidden(reply: &Reply, mode: Mode, plain: &str) {
    assert_eq!(reply.status, 403, "{}", reply.text());
    match mode {
        Mode::WasmPlugin => assert!(reply.text().contains(plain), "{reply:?}"),
        Mode::EnvoyFilter => {
            assert_eq!(reply.header("content-type"), "application/json");
            let message = reply.message();
            assert_eq!((&message["jsonrpc"], &message["id"]), (&json!("2.0"), &Value::Null), "{message}");
            let said = message["error"]["message"].as_str().unwrap_or_default();
            assert!(said.contains("not allowed"), "{message}");
        }
    }
}

/// What a client gets for what a policy refused behind the filter, on its way to a server or to the broker.
fn is_refused(reply: &Reply, mode: Mode) {
    let message = reply.message();
    // The filter of a `WasmPlugin` has not read the body.
    let id = if mode == Mode::EnvoyFilter { json!("m") } else { Value::Null };
    assert_eq!(message["id"], id, "{message}");
    let said = message["error"]["message"].as_str().unwrap_or_default();
    assert!(said.contains("policy"), "{message}");
}

/// A legacy client's call.
async fn legacy_call(session: &Session, tool: &str) -> Reply {
    let message = json!({
        "jsonrpc": "2.0", "id": session.next_id(), "method": "tools/call", "params": {"name": tool, "arguments": {}},
    });
    session.post().send(message.to_string()).await
}

fn deny(mode: Mode) {
    kubernetes::test(async |cluster| {
        let (site, server) = site(cluster, mode).await;
        let old = Fake::legacy().at(cluster.node()).tool("add", Exchange::ok).start();
        site.add("old", "old_", &old).await;
        let session = site.legacy().await;
        until_told_within(kubernetes::PATIENCE, "calls of legacy clients take their way", async || {
            assert!(answered(&session.call("old_add", json!({})).await));
            let straight = !old.calls().last()?.header("x-request-id").is_empty();
            (straight || mode == Mode::WasmPlugin).then_some(())
        })
        .await;
        // By the public host: what the broker answers is refused, and what goes straight to a server is not.
        declare(&site, "DENY", &format!("[{{to: [{{operation: {{hosts: [{}]}}}}]}}]", site.host)).await;
        let refused = lists_are(&site, true).await;
        is_refused(&refused, mode);
        assert!(answered(&call(&site, "a_add").await.message()));
        let policy = format!("{}/policy (DENY)", site.namespace);
        let told = site.fails("mcpgatewayextension/mcp", "Compatible", &policy).await;
        assert_eq!(told["reason"], "AuthorizationPolicy", "{told}");
        let by_session = legacy_call(&session, "old_add").await;
        match mode {
            Mode::WasmPlugin => {
                assert_eq!(by_session.status, 403);
                is_refused(&by_session, mode);
            }
            Mode::EnvoyFilter => assert!(answered(&by_session.message()), "{}", by_session.text()),
        }
        // By the name that the server has for the tool.
        let by_name = "[{when: [{key: 'request.headers[mcp-name]', values: [add]}]}]";
        declare(&site, "DENY", by_name).await;
        lists_are(&site, false).await;
        site.holds("mcpgatewayextension/mcp", "Compatible").await;
        is_refused(&calls_are(&site, "a_add", true).await, mode);
        assert!(answered(&call(&site, "a_other").await.message()));
        // By the server's path and credentials, on the way to a server.
        let by_server = "[{to: [{operation: {hosts: ['*.mcp-gateway-internal'], paths: [/mcp]}}], \
            when: [{key: 'request.headers[authorization]', values: [Bearer of-the-server]}]}]";
        declare(&site, "DENY", by_server).await;
        is_refused(&calls_are(&site, "a_other", true).await, mode);
        is_refused(&calls_are(&site, "a_add", true).await, mode);
        let before = server.calls().len();
        is_refused(&call(&site, "a_other").await, mode);
        assert_eq!(server.calls().len(), before, "a refused call does not come to the server");
        lists_are(&site, false).await;
    });
}

#[test]
fn what_a_deny_policy_sees_by_wasm_plugin() {
    deny(Mode::WasmPlugin);
}

#[test]
fn what_a_deny_policy_sees_by_envoy_filter() {
    deny(Mode::EnvoyFilter);
}

fn allow(mode: Mode) {
    kubernetes::test(async |cluster| {
        let (site, _server) = site(cluster, mode).await;
        let rule = |hosts: &str| format!("[{{to: [{{operation: {{hosts: [{hosts}]}}}}]}}]");
        declare(&site, "ALLOW", &rule("somewhere.example.com")).await;
        is_refused(&lists_are(&site, true).await, mode);
        declare(&site, "ALLOW", &rule(&site.host)).await;
        lists_are(&site, false).await;
        is_refused(&calls_are(&site, "a_add", true).await, mode);
        declare(&site, "ALLOW", &rule(&format!("{}, '*.mcp-gateway-internal'", site.host))).await;
        calls_are(&site, "a_add", false).await;
        assert!(answered(&site.legacy().await.call("a_add", json!({})).await));
    });
}

#[test]
fn what_an_allow_policy_has_to_name_by_wasm_plugin() {
    allow(Mode::WasmPlugin);
}

#[test]
fn what_an_allow_policy_has_to_name_by_envoy_filter() {
    allow(Mode::EnvoyFilter);
}

fn custom(mode: Mode) {
    kubernetes::test(async |cluster| {
        let (site, server) = site(cluster, mode).await;
        let custom = format!("CUSTOM\n  provider: {{name: {PROVIDER}}}");
        declare(&site, &custom, &format!("[{{to: [{{operation: {{hosts: [{}]}}}}]}}]", site.host)).await;
        let refused = until_told_within(kubernetes::PATIENCE, "the authorizer is asked", async || {
            let reply = call(&site, "a_is_refused").await;
            (reply.status == 403).then_some(reply)
        })
        .await;
        is_forbidden(&refused, mode, REFUSAL);
        let before = server.calls().len();
        assert_eq!(call(&site, "a_is_refused").await.status, 403);
        assert_eq!(server.calls().len(), before, "a refused call does not come to the server");

        let params = json!({"name": "a_add", "arguments": {}});
        let post = site.modern().post("tools/call", "a_add").header("authorization", "Bearer of-the-client");
        let reply = post.send(mcp_gateway_tests::client::Modern::message("tools/call", params)).await;
        assert!(answered(&reply.message()), "{}", reply.text());
        assert_eq!(server.calls().last().expect("it was called").header("authorization"), "Bearer of-the-server");
        let session = site.legacy().await;
        assert!(answered(&session.call("a_is_refused", json!({})).await), "legacy calls have no headers to go by");

        let asked = cluster.authorizer().asked(&site.host);
        let of_client = asked.iter().find(|asked| asked.authorization == "Bearer of-the-client").expect("it was asked");
        assert_eq!((of_client.method.as_str(), of_client.name.as_str()), ("tools/call", "a_add"), "{of_client:?}");
        assert!(asked.iter().all(|asked| asked.path == "/mcp"), "{asked:?}");
        assert!(asked.iter().all(|asked| !asked.authorization.contains("of-the-server")), "{asked:?}");
    });
}

#[test]
fn what_a_custom_policy_sees_by_wasm_plugin() {
    custom(Mode::WasmPlugin);
}

#[test]
fn what_a_custom_policy_sees_by_envoy_filter() {
    custom(Mode::EnvoyFilter);
}
