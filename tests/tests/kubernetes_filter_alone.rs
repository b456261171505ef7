//! The filter without the controller, as `wasmplugin/README.md` has it set up by hand.

use mcp_gateway_tests::client::{Http, Session};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Cluster};
use mcp_gateway_tests::process::{built, root};
use mcp_gateway_tests::until_told_within;
use serde_json::json;
use tokio::process::Command;

#[test]
fn what_the_readme_says_makes_a_gateway() {
    kubernetes::test(async |cluster| {
        let server = Fake::legacy().at(cluster.node()).tool("add", Exchange::ok).start();
        for namespace in ["gateway-system", "mcp-test"] {
            cluster.kubectl(&["create", "namespace", namespace]).await.expect("making a namespace");
        }
        cluster.apply(&service(cluster, &server)).await;
        let digest = push(cluster).await;
        let file = |name: &str| {
            let text = std::fs::read_to_string(root().join("wasmplugin").join(name)).expect("a file of wasmplugin/");
            text.replace(&"0".repeat(64), &digest)
                .replace("oci://registry.example.com/", &format!("oci://{}/", cluster.registry()))
        };

        cluster.apply(&file("broker.yaml")).await;
        let broker = ["rollout", "status", "-n", "mcp-system", "deployment/main-broker", "--timeout=90s"];
        cluster.kubectl(&broker).await.expect("the broker runs");
        cluster.apply(&gateway_of_the_readme()).await;
        let address = cluster.programmed("gateway-system", "mcp").await;
        cluster.apply(&file("istio.yaml")).await;
        let (http, url) = (Http::new().with_host("mcp.example.com"), format!("http://{address}/mcp"));
        until_told_within(kubernetes::PATIENCE, "the broker knows the filter", async || {
            let reply = http.post(&url).try_send(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await?;
            (![403, 404, 503].contains(&reply.status)).then_some(())
        })
        .await;
        let client = Session::open_with(&http, &url, "2025-06-18", &json!({})).await;
        assert_eq!(client.tools().await, ["demo_add"]);
        let straight = || server.calls().last().is_some_and(|call| !call.header("x-request-id").is_empty());
        let call = async || assert_eq!(client.call("demo_add", json!({})).await["result"]["content"][0]["text"], "ok");
        call().await;
        assert!(!straight(), "a legacy call goes by the broker");

        cluster.apply(&file("istio-every-call.yaml")).await;
        until_told_within(kubernetes::PATIENCE, "legacy calls go by Envoy", async || {
            call().await;
            straight().then_some(())
        })
        .await;
    });
}

/// The Service that `broker.yaml` and `istio.yaml` name, with a server of the test behind it.
fn service(cluster: &Cluster, server: &Fake) -> String {
    let (node, port) = (cluster.node(), server.port());
    format!(
        r"
apiVersion: v1
kind: Service
metadata: {{name: demo, namespace: mcp-test}}
spec: {{ports: [{{name: http, port: 9001, targetPort: {port}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: demo, namespace: mcp-test, labels: {{kubernetes.io/service-name: demo}}}}
addressType: IPv4
endpoints: [{{addresses: [{node}], conditions: {{ready: true}}}}]
ports: [{{name: http, port: {port}}}]
"
    )
}

/// Pushes the module, and gives what is printed for `sha256`.
async fn push(cluster: &Cluster) -> String {
    let url = format!("oci://{}/mcp-gateway-wasm:0.1.0", cluster.registry());
    let mut push = Command::new(built("mcp-gateway"));
    push.args(["push", &url, "--plain-http", "--module"]).arg(built("mcp-gateway.wasm"));
    let output = push.output().await.expect("mcp-gateway starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = said.split_once("sha256: \"").unwrap_or_else(|| panic!("no digest in {said}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// The Gateway that the page shows.
fn gateway_of_the_readme() -> String {
    let page = std::fs::read_to_string(root().join("wasmplugin/README.md")).expect("the page");
    let (_, from) = page.split_once("```yaml\n").expect("it shows YAML");
    let (block, _) = from.split_once("```").expect("which ends");
    assert!(block.contains("kind: Gateway\n"), "{block}");
    block.lines().map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line))).collect()
}
