//! Sessions in a Redis outside of the cluster, named by a Secret.

use mcp_gateway_tests::client::{Http, Session};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Mode, Site};
use mcp_gateway_tests::redis::Redis;
use mcp_gateway_tests::until_told_within;
use serde_json::json;

const PASSWORD: &str = "open-sesame";
const LISTENERS: &str = "[{name: http, port: 80, protocol: HTTP}]";

fn secret(url: &str) -> String {
    format!("{{apiVersion: v1, kind: Secret, metadata: {{name: sessions}}, stringData: {{url: \"{url}\"}}}}")
}

#[test]
fn a_rolled_broker_goes_on_with_the_sessions_of_the_one_before() {
    kubernetes::test(async |cluster| {
        let redis = Redis::at(cluster.node(), PASSWORD).await;
        let store = "  sessionStore: {type: Redis, urlRef: {name: sessions, key: url}}";
        let site = Site::declare(cluster, Mode::EnvoyFilter, LISTENERS, store).await;
        site.fails("mcpgatewayextension/mcp", "ResolvedRefs", "InvalidSessionStore").await;

        let wrong = redis.url().replace("redis://", "redis://:guessed@");
        cluster.apply_in(&site.namespace, &secret(&wrong)).await;
        site.holds("mcpgatewayextension/mcp", "ResolvedRefs").await;
        site.answers().await;
        let says = async || cluster.get(&site.namespace, "mcpgatewayextension/mcp").await["status"].clone();
        until_told_within(kubernetes::PATIENCE, "the status tells of the wrong password", async || {
            says().await["conditions"].to_string().contains("refuses the user or the password").then_some(())
        })
        .await;
        let right = redis.url().replace("redis://", &format!("redis://:{PASSWORD}@"));
        cluster.apply_in(&site.namespace, &secret(&right)).await;
        until_told_within(kubernetes::PATIENCE, "the brokers use the store", async || {
            (says().await["sessionStore"] == json!({ "ready": 1, "total": 1 })).then_some(())
        })
        .await;

        let server = Fake::legacy().at(cluster.node()).tool("add", Exchange::ok).start();
        site.add("server", "a_", &server).await;
        let http = Http::new().with_host(&site.host);
        let session = Session::open_with(&http, &site.url(), "2025-11-25", &json!({})).await;
        let answer = session.call("a_add", json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], "ok", "{answer}");
        site.kubectl(&["rollout", "restart", "deployment/mcp-broker"]).await;
        site.kubectl(&["rollout", "status", "deployment/mcp-broker", "--timeout=90s"]).await;
        until_told_within(kubernetes::PATIENCE, "the old broker is gone", async || {
            let pods = site.kubectl(&["get", "pods", "-o", "name"]).await;
            (pods.matches("mcp-broker").count() == 1).then_some(())
        })
        .await;
        let answer = session.call("a_add", json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], "ok", "{answer}");
        assert_eq!(server.sessions_of_clients(), 1);
        // Nothing that the cluster keeps shows the password, but the Secret itself.
        let all = site.kubectl(&["get", "deployments,configmaps,mcpgatewayextensions", "-o", "yaml"]).await;
        assert!(!all.contains(PASSWORD), "{all}");
    });
}
