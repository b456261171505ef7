//! Parts end while clients of both eras call throughout, in both modes: no call is lost, and what is declared meanwhile
//! takes effect.

use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Cluster, Mode, Site, WHILE, breakable, under_load};
use mcp_gateway_tests::until_told_within;
use serde_json::json;
use std::time::Instant;

const BOTH: [Mode; 2] = [Mode::WasmPlugin, Mode::EnvoyFilter];

fn server(cluster: &Cluster) -> Fake {
    Fake::modern().at(cluster.node()).tool("add", Exchange::ok).start()
}

/// Registers a server, without waiting for anything.
async fn declare(site: &Site<'_>, name: &str, server: &Fake) {
    site.serve(name, server).await;
    site.register(name, &format!("{name}_"), &format!("targetRef: {{kind: Service, name: {name}, port: 8000}}")).await;
}

/// Waits until what was declared is ready, and then all calls of it are answered: those too of an Envoy that does not know its
/// route yet, as it has not found back to istiod. In the end Envoy alone carries them.
async fn arrives(site: &Site<'_>, name: &str, server: &Fake) {
    site.ready(name).await;
    until_told_within(kubernetes::PATIENCE, &format!("calls of {name} go by Envoy alone"), async || {
        let before = server.calls().len();
        let answer = site.modern().call(&format!("{name}_add"), json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], "ok", "{answer}");
        server.calls().get(before).filter(|call| !call.header("x-request-id").is_empty()).map(drop)
    })
    .await;
}

/// Declares something at each site, and waits until it reaches clients.
async fn changes_arrive(sites: &[Site<'_>], name: &str) {
    for site in sites {
        let server = server(site.cluster);
        declare(site, name, &server).await;
        arrives(site, name, &server).await;
    }
}

#[test]
fn the_controller_is_restarted() {
    breakable(async |cluster| {
        under_load(cluster, &BOTH, "controller restarted", async |sites| {
            let servers = [server(cluster), server(cluster)];
            let delete = ["-n", "mcp-system", "delete", "pod", "--all", "--wait=false"];
            cluster.kubectl(&delete).await.expect("deleting the controller's pod");
            for (site, server) in sites.iter().zip(&servers) {
                declare(site, "meanwhile", server).await;
            }
            for (site, server) in sites.iter().zip(&servers) {
                arrives(site, "meanwhile", server).await;
            }
        })
        .await;
    });
}

#[test]
fn the_api_server_is_restarted_amid_changes() {
    breakable(async |cluster| {
        under_load(cluster, &BOTH, "API server restarted", async |sites| {
            let (doomed, before) = (server(cluster), server(cluster));
            for site in sites {
                site.add("doomed", "doomed_", &doomed).await;
            }
            for site in sites {
                declare(site, "before", &before).await;
                site.unregister("doomed").await;
            }
            cluster.part("kube-apiserver").kill();
            tokio::time::sleep(WHILE).await;
            cluster.part("kube-apiserver").start();
            cluster.answers().await;
            changes_arrive(sites, "after").await;
            for site in sites {
                arrives(site, "before", &before).await;
                until_told_within(kubernetes::PATIENCE, "the one that was deleted is gone", async || {
                    let tools = site.legacy().await.tools().await;
                    (!tools.contains(&"doomed_add".to_owned())).then_some(())
                })
                .await;
            }
        })
        .await;
    });
}

#[test]
fn istiod_is_restarted() {
    breakable(async |cluster| {
        under_load(cluster, &BOTH, "istiod restarted", async |sites| {
            let meanwhile = server(cluster);
            cluster.part("istiod").kill();
            for site in sites {
                declare(site, "meanwhile", &meanwhile).await;
            }
            tokio::time::sleep(WHILE).await;
            cluster.part("istiod").start();
            for site in sites {
                arrives(site, "meanwhile", &meanwhile).await;
            }
        })
        .await;
    });
}

#[test]
fn the_broker_is_rolled() {
    breakable(async |cluster| {
        under_load(cluster, &BOTH, "broker rolled", async |sites| {
            for site in sites {
                site.kubectl(&["rollout", "restart", "deployment/mcp-broker"]).await;
            }
            for site in sites {
                site.kubectl(&["rollout", "status", "deployment/mcp-broker", "--timeout=90s"]).await;
                until_told_within(kubernetes::PATIENCE, "the old broker is gone", async || {
                    let pods = site.kubectl(&["get", "pods", "-o", "name"]).await;
                    (pods.matches("mcp-broker").count() == 1).then_some(())
                })
                .await;
            }
        })
        .await;
    });
}

#[test]
fn of_two_controllers_the_leader_ends() {
    breakable(async |cluster| {
        under_load(cluster, &BOTH, "leader killed", async |sites| {
            let system =
                async |args: &[&str]| cluster.kubectl(&[&["-n", "mcp-system"], args].concat()).await.expect("kubectl");
            let controller = system(&["get", "deployments", "-o", "name"]).await.trim().to_owned();
            system(&["scale", &controller, "--replicas=2"]).await;
            system(&["rollout", "status", &controller, "--timeout=90s"]).await;
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
            changes_arrive(sites, "after").await;
            assert_ne!(holder().await, leader);
            let text = format!("a leader killed: changes arrive again after {:?}\n", killed.elapsed());
            std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
            system(&["scale", &controller, "--replicas=1"]).await;
        })
        .await;
    });
}
