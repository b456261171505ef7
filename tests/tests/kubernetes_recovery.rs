//! What a gateway and its servers need is deleted, and made again: the status says so each time, and calls come back.

use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Mode, Site};
use mcp_gateway_tests::until_told_within;
use serde_json::json;

const GATEWAY: &str = r"
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
";

fn server(site: &Site<'_>) -> Fake {
    Fake::legacy().at(site.cluster.node()).tool("add", Exchange::ok).start()
}

/// A server that is ready can be called, by clients of both eras.
async fn is_called(site: &Site<'_>, tool: &str) {
    for answer in [site.legacy().await.call(tool, json!({})).await, site.modern().call(tool, json!({})).await] {
        assert_eq!(answer["result"]["content"][0]["text"], "ok", "{answer}");
    }
}

async fn apply_secret(site: &Site<'_>, entry: &str) {
    let secret = format!("{{apiVersion: v1, kind: Secret, metadata: {{name: key}}, stringData: {{{entry}}}}}");
    site.cluster.apply_in(&site.namespace, &secret).await;
}

#[test]
fn what_a_server_needs_comes_back_by_wasm_plugin() {
    kubernetes::test(async |cluster| what_a_server_needs_comes_back(&Site::new(cluster, Mode::WasmPlugin).await).await);
}

#[test]
fn what_a_server_needs_comes_back_by_envoy_filter() {
    kubernetes::test(async |cluster| {
        what_a_server_needs_comes_back(&Site::new(cluster, Mode::EnvoyFilter).await).await;
    });
}

async fn what_a_server_needs_comes_back(site: &Site<'_>) {
    let (kept, server) = (server(site), server(site));
    site.add("kept", "kept_", &kept).await;
    site.serve("one", &server).await;
    apply_secret(site, r#"token: "Bearer first""#).await;
    let target = "targetRef: {kind: Service, name: one, port: 8000}\ncredentialRef: {name: key}";
    site.register("one", "a_", target).await;
    site.ready("one").await;
    is_called(site, "a_add").await;

    site.kubectl(&["delete", "service", "one"]).await;
    site.fails("mcpserverregistrations.mcpgateway.dev/one", "ResolvedRefs", "one").await;
    site.not_ready("one", "one").await;
    site.serve("one", &server).await;
    site.ready("one").await;
    is_called(site, "a_add").await;

    site.kubectl(&["delete", "secret", "key"]).await;
    site.not_ready("one", "key").await;
    apply_secret(site, r#"other: "Bearer second""#).await;
    site.not_ready("one", "token").await;
    apply_secret(site, r#"token: "Bearer second""#).await;
    site.ready("one").await;
    is_called(site, "a_add").await;
    let calls = server.calls();
    assert_eq!(calls.last().unwrap().header("authorization"), "Bearer second");

    // Made again before anyone can have seen that it was gone, under another prefix.
    site.kubectl(&["delete", "mcpserverregistrations.mcpgateway.dev", "one", "--wait=false"]).await;
    site.register("one", "b_", target).await;
    site.ready("one").await;
    is_called(site, "b_add").await;
    until_told_within(kubernetes::PATIENCE, "the old name is gone", async || {
        let mut tools = site.legacy().await.tools().await;
        tools.sort();
        (tools == ["b_add", "kept_add"]).then_some(())
    })
    .await;
    is_called(site, "kept_add").await;
}

#[test]
fn the_gateway_and_its_extension_come_back() {
    kubernetes::test(async |cluster| {
        let mut site = Site::new(cluster, Mode::EnvoyFilter).await;
        let server = server(&site);
        site.add("one", "a_", &server).await;
        is_called(&site, "a_add").await;

        site.kubectl(&["delete", "gateway", "front"]).await;
        site.fails("mcpgatewayextension/mcp", "Ready", "front").await;
        site.not_ready("one", "").await;
        cluster.apply_in(&site.namespace, GATEWAY).await;
        site.address = cluster.programmed(&site.namespace, "front").await;
        site.answers().await;
        site.ready("one").await;
        is_called(&site, "a_add").await;

        let extension = cluster.get(&site.namespace, "mcpgatewayextension/mcp").await;
        let again = json!({
            "apiVersion": extension["apiVersion"], "kind": extension["kind"],
            "metadata": {"name": "mcp"}, "spec": extension["spec"],
        });
        site.kubectl(&["delete", "mcpgatewayextension", "mcp", "--wait=false"]).await;
        cluster.apply_in(&site.namespace, &again.to_string()).await;
        site.answers().await;
        site.ready("one").await;
        is_called(&site, "a_add").await;

        site.kubectl(&["delete", "mcpgatewayextension", "mcp"]).await;
        site.not_ready("one", "").await;
        until_told_within(kubernetes::PATIENCE, "what was made for it is gone", async || {
            let left = site.kubectl(&["get", "deployments,httproutes,secrets", "-o", "name"]).await;
            (!left.contains("mcp-broker")).then_some(())
        })
        .await;
        cluster.apply_in(&site.namespace, &again.to_string()).await;
        site.answers().await;
        site.ready("one").await;
        is_called(&site, "a_add").await;
    });
}
