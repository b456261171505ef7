//! Calls through Istio's Envoy, with the filter's module from a registry: both ways into Istio, both eras, JSON and events.

use mcp_gateway_tests::fake::{Builder, Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Mode, Site};
use mcp_gateway_tests::until_told_within;
use serde_json::json;

/// A server with a tool that answers in JSON, and one that answers by events.
fn tools(server: Builder, site: &Site<'_>) -> Fake {
    let events = async |exchange: Exchange| {
        let answer = exchange.response(r#"{"content":[{"type":"text","text":"streamed"}],"resultType":"complete"}"#);
        let events = exchange.events();
        events.message(answer);
    };
    server.at(site.cluster.node()).tool("json", Exchange::ok).tool("events", events).start()
}

/// How many calls came without the broker: Envoy has marked them.
fn straight(server: &Fake) -> usize {
    server.calls().iter().filter(|call| !call.header("x-request-id").is_empty()).count()
}

fn calls_of_both_eras_reach_their_servers(mode: Mode, has_fast_path: impl Fn(&str) -> bool + Sync) {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, mode).await;
        let (old, new) = (tools(Fake::legacy(), &site), tools(Fake::modern(), &site));
        site.add("old", "old_", &old).await;
        site.add("new", "new_", &new).await;

        let (legacy, modern) = (site.legacy().await, site.modern());
        let mut listed = legacy.tools().await;
        listed.sort();
        assert_eq!(listed, ["new_events", "new_json", "old_events", "old_json"]);
        for (prefix, server, era) in [("old", &old, "legacy"), ("new", &new, "modern")] {
            // A server is called by way of the broker until Envoy's route to it is in force.
            until_told_within(kubernetes::PATIENCE, "calls go by Envoy", async || {
                legacy.call(&format!("{prefix}_json"), json!({})).await;
                modern.call(&format!("{prefix}_json"), json!({})).await;
                (!has_fast_path(era) || straight(server) > 0).then_some(())
            })
            .await;
            let before = straight(server);
            for (tool, text) in [("json", "ok"), ("events", "streamed")] {
                let name = format!("{prefix}_{tool}");
                let answer = legacy.call(&name, json!({"n": 1})).await;
                assert_eq!(answer["result"]["content"][0]["text"], text, "a legacy client: {answer}");
                let answer = modern.call(&name, json!({"n": 1})).await;
                assert_eq!(answer["result"]["content"][0]["text"], text, "a modern client: {answer}");
            }
            let wanted = if has_fast_path(era) { 2 } else { 0 };
            assert_eq!(straight(server) - before, wanted, "calls of {era} clients at {era} servers go by Envoy");
        }
    });
}

#[test]
fn by_wasm_plugin() {
    // Routes are chosen by headers there, which legacy clients' calls do not have.
    calls_of_both_eras_reach_their_servers(Mode::WasmPlugin, |era| era == "modern");
}

#[test]
fn by_envoy_filter() {
    calls_of_both_eras_reach_their_servers(Mode::EnvoyFilter, |_| true);
}
