//! Parts end while clients of both eras call throughout: no call is lost.

use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Cluster, Load, Mode, Site, Size};
use mcp_gateway_tests::until_told_within;
use serde_json::json;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Clients of either era.
const CLIENTS: usize = 2;

/// How long clients call before and after something ends, at least.
const WHILE: Duration = Duration::from_secs(3);

/// A cluster whose parts may be broken. Tests on it come one after the other, since each would disturb the others.
fn breakable(run: impl AsyncFnOnce(&Cluster) + Send) {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    kubernetes::test_on(CLUSTER.get_or_init(|| Cluster::start(Size::Whole)), run);
}

/// A site with one server, that clients call while `disturb` runs.
async fn under_load(cluster: &Cluster, mode: Mode, what: &str, disturb: impl AsyncFnOnce(&Site<'_>)) {
    let site = Site::new(cluster, mode).await;
    let server = Fake::legacy().at(cluster.node()).tool("add", Exchange::ok).start();
    site.add("server", "a_", &server).await;
    let load = Load::start(&site, "a_add", CLIENTS).await;
    tokio::time::sleep(WHILE).await;
    disturb(&site).await;
    tokio::time::sleep(WHILE).await;
    load.stop().await.nothing_lost(what);
}

/// Waits until something that is declared now reaches clients: the whole chain works again.
async fn changes_arrive(site: &Site<'_>) {
    let server = Fake::modern().at(site.cluster.node()).tool("add", Exchange::ok).start();
    site.add("later", "later_", &server).await;
    let answer = site.modern().call("later_add", json!({})).await;
    assert_eq!(answer["result"]["content"][0]["text"], "ok", "{answer}");
}

#[test]
fn the_controller_is_restarted() {
    breakable(async |cluster| {
        under_load(cluster, Mode::WasmPlugin, "controller restarted", async |site| {
            let delete = ["-n", "mcp-system", "delete", "pod", "--all", "--wait=true"];
            cluster.kubectl(&delete).await.expect("deleting the controller's pod");
            changes_arrive(site).await;
        })
        .await;
    });
}

#[test]
fn the_api_server_is_restarted() {
    breakable(async |cluster| {
        under_load(cluster, Mode::EnvoyFilter, "API server restarted", async |site| {
            cluster.part("kube-apiserver").kill();
            tokio::time::sleep(WHILE).await;
            cluster.part("kube-apiserver").start();
            cluster.answers().await;
            changes_arrive(site).await;
        })
        .await;
    });
}

#[test]
fn istiod_is_restarted() {
    breakable(async |cluster| {
        under_load(cluster, Mode::WasmPlugin, "istiod restarted", async |site| {
            cluster.part("istiod").kill();
            tokio::time::sleep(WHILE).await;
            cluster.part("istiod").start();
            changes_arrive(site).await;
        })
        .await;
    });
}

fn the_broker_is_rolled(mode: Mode) {
    breakable(async |cluster| {
        under_load(cluster, mode, &format!("broker rolled ({})", mode.name()), async |site| {
            site.kubectl(&["rollout", "restart", "deployment/mcp-broker"]).await;
            site.kubectl(&["rollout", "status", "deployment/mcp-broker", "--timeout=60s"]).await;
            until_told_within(kubernetes::PATIENCE, "the old broker is gone", async || {
                let pods = site.kubectl(&["get", "pods", "-o", "name"]).await;
                (pods.matches("mcp-broker").count() == 1).then_some(())
            })
            .await;
        })
        .await;
    });
}

#[test]
fn the_broker_is_rolled_by_wasm_plugin() {
    the_broker_is_rolled(Mode::WasmPlugin);
}

#[test]
fn the_broker_is_rolled_by_envoy_filter() {
    the_broker_is_rolled(Mode::EnvoyFilter);
}

#[test]
fn of_two_controllers_the_leader_ends() {
    breakable(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let system =
            async |args: &[&str]| cluster.kubectl(&[&["-n", "mcp-system"], args].concat()).await.expect("kubectl");
        let controller = system(&["get", "deployments", "-o", "name"]).await.trim().to_owned();
        system(&["scale", &controller, "--replicas=2"]).await;
        system(&["rollout", "status", &controller, "--timeout=60s"]).await;
        let holder = async || system(&["get", "leases", "-o", "jsonpath={.items[0].spec.holderIdentity}"]).await;
        let leader = holder().await;
        let pods = system(&["get", "pods", "-o", "name"]).await;
        let pod = pods
            .lines()
            .find(|pod| leader.contains(pod.trim_start_matches("pod/")))
            .expect("the leader is a pod")
            .to_owned();
        let killed = Instant::now();
        system(&["delete", &pod, "--grace-period=0", "--force"]).await;
        changes_arrive(&site).await;
        assert_ne!(holder().await, leader);
        let text = format!("a leader killed: changes arrive again after {:?}\n", killed.elapsed());
        std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
        system(&["scale", &controller, "--replicas=1"]).await;
    });
}
