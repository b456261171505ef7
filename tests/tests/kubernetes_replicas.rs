//! A gateway with two brokers, one of which is killed while clients of both eras call.

use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Cluster, Load, Mode, Site};
use mcp_gateway_tests::redis::Redis;
use mcp_gateway_tests::until_told_within;
use serde_json::{Value, json};

const PASSWORD: &str = "open-sesame";

/// Clients of either era at a gateway: enough that each of the brokers has sessions of some.
const CLIENTS: usize = 3;

/// A gateway with two brokers, clients that call at it, and the servers that they call.
struct Called<'a> {
    site: Site<'a>,
    load: Load,
    old: Fake,
    _new: Fake,
}

impl<'a> Called<'a> {
    async fn start(cluster: &'a Cluster, mode: Mode, redis: Option<&Redis>) -> Self {
        let url = redis.map(|redis| redis.url().replace("redis://", &format!("redis://:{PASSWORD}@")));
        let store = match &url {
            Some(_) => "{type: Redis, urlRef: {name: sessions, key: url}}",
            None => "{type: Memory}",
        };
        let more = format!("  broker: {{replicas: 2}}\n  sessionStore: {store}");
        let site = Site::declare(cluster, mode, "[{name: http, port: 80, protocol: HTTP}]", &more).await;
        if let Some(url) = url {
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "sessions" }, "stringData": { "url": url },
            });
            cluster.apply_in(&site.namespace, &secret.to_string()).await;
        }
        let at = |server: mcp_gateway_tests::fake::Builder| server.at(cluster.node()).tool("add", Exchange::ok).start();
        let (old, new) = (at(Fake::legacy()), at(Fake::modern()));
        site.answers().await;
        tokio::join!(site.add("old", "old_", &old), site.add("new", "new_", &new));
        site.is_straight("new_add", &new).await;
        site.kubectl(&["rollout", "status", "deployment/mcp-broker", "--timeout=90s"]).await;
        if redis.is_some() {
            until_told_within(kubernetes::PATIENCE, "both brokers use the store", async || {
                (site.extension().await["sessionStore"] == json!({ "ready": 2, "total": 2 })).then_some(())
            })
            .await;
        }
        let load = Load::repeating(&site, ("old_add", "new_add"), CLIENTS).await;
        let called = Self { site, load, old, _new: new };
        called.goes_on().await;
        called
    }

    /// The brokers' pods, by name.
    async fn brokers(&self) -> Vec<(String, Value)> {
        let pods = self.site.cluster.get(&self.site.namespace, "pods").await["items"].clone();
        let pods = pods.as_array().cloned().unwrap_or_default().into_iter();
        let named = pods.filter_map(|pod| Some((pod["metadata"]["name"].as_str()?.to_owned(), pod)));
        named.filter(|(name, _)| name.starts_with("mcp-broker")).collect()
    }

    /// Waits until the legacy server was called often enough for each of its clients to have been at it.
    async fn goes_on(&self) {
        let before = self.old.calls().len();
        until_told_within(kubernetes::PATIENCE, "clients call", async || {
            (self.old.calls().len() > before + 10 * CLIENTS).then_some(())
        })
        .await;
    }

    /// Kills a broker, and waits until it is there again.
    async fn loses(&self, broker: &str) {
        self.site.cluster.crash(&self.site.namespace, broker);
        self.goes_on().await;
        until_told_within(kubernetes::PATIENCE, "the broker is there again", async || {
            let all = self.brokers().await;
            let (_, pod) = all.iter().find(|(name, _)| name == broker)?;
            let seen = &pod["status"]["containerStatuses"][0];
            (seen["restartCount"] == 1 && seen["ready"] == true).then_some(())
        })
        .await;
        self.site.answers().await;
        self.goes_on().await;
    }
}

/// Kills the brokers of a gateway, one after the other; gives how many sessions there were at the legacy server at last.
async fn brokers_are_killed(cluster: &Cluster, mode: Mode, redis: Option<&Redis>) -> usize {
    let called = Called::start(cluster, mode, redis).await;
    assert_eq!(called.old.sessions_of_clients(), CLIENTS);
    let brokers = called.brokers().await;
    assert_eq!(brokers.len(), 2, "{brokers:?}");
    for (broker, _) in &brokers {
        called.loses(broker).await;
    }
    let outcome = called.load.stop().await;
    let kept = if redis.is_some() { "sessions kept in Redis" } else { "sessions kept in memory" };
    outcome.nothing_lost(&format!("brokers killed ({}, {kept})", mode.name()));
    assert_eq!(outcome.reopened, 0, "sessions outlive the broker that opened them");
    called.old.sessions_of_clients()
}

#[test]
fn no_call_is_lost_that_is_repeated_and_sessions_in_a_store_go_on() {
    kubernetes::test(async |cluster| {
        let redis = Redis::at(cluster.node(), PASSWORD).await;
        let (header, body) = tokio::join!(
            brokers_are_killed(cluster, Mode::WasmPlugin, Some(&redis)),
            brokers_are_killed(cluster, Mode::EnvoyFilter, Some(&redis)),
        );
        assert_eq!((header, body), (CLIENTS, CLIENTS), "each client kept its session at the server");
    });
}

#[test]
fn without_a_store_clients_keep_their_sessions_and_servers_see_new_ones() {
    kubernetes::test(async |cluster| {
        let sessions = brokers_are_killed(cluster, Mode::WasmPlugin, None).await;
        assert!((CLIENTS + 1..=3 * CLIENTS).contains(&sessions), "{sessions} sessions at the server");
    });
}
