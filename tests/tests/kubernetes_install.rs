//! Installed and taken away, as docs/kubernetes.md says: by Helm, and by kustomize.

use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Cluster, Mode, Site, Size};
use mcp_gateway_tests::until_told_within;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often all that the cluster has is looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// Every kind of resource of ours.
const RESOURCES: &str = "mcpserverregistrations.mcpgateway.dev,mcpvirtualservers,mcpgatewayextensions";

/// What Kubernetes and Istio keep of their own, and what comes and goes by itself.
const OTHERS: [&str; 8] = [
    "kube-",
    "istio-",
    "Event ",
    "EndpointSlice ",
    "IPAddress ",
    "APIService ",
    "ServiceAccount mcp-system/default",
    "Pod default/",
];

/// All that the cluster has, as `KIND NAMESPACE/NAME`, but for namespaces of tests.
async fn objects(cluster: &Cluster) -> BTreeSet<String> {
    let kinds = cluster.kubectl(&["api-resources", "--verbs=list", "-o", "name"]).await.expect("the kinds");
    let kinds = kinds.lines().filter(|kind| !kind.starts_with("events")).collect::<Vec<_>>().join(",");
    let template =
        r#"{{range .items}}{{.kind}} {{with .metadata.namespace}}{{.}}{{end}}/{{.metadata.name}}{{"\n"}}{{end}}"#;
    let all = cluster.kubectl(&["get", &kinds, "-A", "--template", template]).await.expect("all objects");
    let lines = all.lines().filter(|line| !OTHERS.iter().any(|other| line.contains(other)) && !line.contains("test-"));
    lines.map(str::to_owned).collect()
}

/// A gateway in either mode, with servers of several kinds, that is called.
async fn gateways(cluster: &Cluster) -> (Vec<Site<'_>>, Vec<Fake>) {
    let (mut sites, mut servers) = (Vec::new(), Vec::new());
    for mode in [Mode::WasmPlugin, Mode::EnvoyFilter] {
        let site = Site::new(cluster, mode).await;
        let server = Fake::legacy().at(cluster.node()).tool("add", Exchange::ok).start();
        site.add("server", "a_", &server).await;
        site.register("away", "b_", "url: https://away.example.com/mcp").await;
        is_called(&site).await;
        sites.push(site);
        servers.push(server);
    }
    (sites, servers)
}

async fn is_called(site: &Site<'_>) {
    for answer in [site.legacy().await.call("a_add", json!({})).await, site.modern().call("a_add", json!({})).await] {
        assert_eq!(answer["result"]["content"][0]["text"], "ok", "{answer}");
    }
}

/// Deletes the resources, as the first step of taking everything away, and sees that nothing is left that was made for them.
async fn delete_resources(cluster: &Cluster) {
    let delete = ["delete", RESOURCES, "-A", "--all", "--timeout=90s"];
    cluster.kubectl(&delete).await.expect("deleting the resources");
    let kinds = "httproutes,wasmplugins,envoyfilters,serviceentries,destinationrules,backendtlspolicies,deployments,\
        services,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,configmaps,secrets";
    let args = ["get", kinds, "-A", "-l", "app.kubernetes.io/managed-by=mcp-gateway", "-o", "name"];
    until_told_within(kubernetes::PATIENCE, "nothing is left that was made for them", async || {
        cluster.kubectl(&args).await.expect("what is left").is_empty().then_some(())
    })
    .await;
}

/// Waits until the cluster has what it had before, and this. What has an owner goes after the owner.
async fn is_left(cluster: &Cluster, before: &BTreeSet<String>, more: &[&str]) {
    let wanted = before.iter().cloned().chain(more.iter().map(|name| (*name).to_owned())).collect::<BTreeSet<_>>();
    let settled = async {
        while objects(cluster).await != wanted {
            tokio::time::sleep(PERIOD).await;
        }
    };
    if tokio::time::timeout(kubernetes::PATIENCE, settled).await.is_err() {
        assert_eq!(objects(cluster).await, wanted);
    }
}

#[test]
fn what_is_installed_can_be_taken_away() {
    let cluster = Cluster::start(Size::Whole);
    kubernetes::test_on(&cluster, async |cluster| {
        let before = objects(cluster).await;
        by_helm(cluster, &before).await;
        by_kustomize(cluster, &before).await;
    });
}

async fn by_helm(cluster: &Cluster, before: &BTreeSet<String>) {
    cluster.install().await;
    let (sites, _servers) = gateways(cluster).await;
    // Without a controller gateways go on, and the next one takes them over.
    cluster.uninstall().await;
    for site in &sites {
        is_called(site).await;
    }
    kubernetes::install(cluster).await;
    for site in &sites {
        site.holds("mcpserverregistrations.mcpgateway.dev/server", "Ready").await;
        site.answers().await;
        is_called(site).await;
    }

    delete_resources(cluster).await;
    cluster.uninstall().await;
    let stays = [
        "CustomResourceDefinition /mcpgatewayextensions.mcpgateway.dev",
        "CustomResourceDefinition /mcpserverregistrations.mcp.kagenti.com",
        "CustomResourceDefinition /mcpserverregistrations.mcpgateway.dev",
        "CustomResourceDefinition /mcpvirtualservers.mcpgateway.dev",
        "Lease mcp-system/mcp-gateway-controller",
        "Namespace /mcp-system",
    ];
    is_left(cluster, before, &stays).await;
    let crds = mcp_gateway_tests::process::root().join("istio-manifests/crds").display().to_string();
    cluster.kubectl(&["delete", "-k", &crds]).await.expect("deleting the definitions");
    cluster.kubectl(&["delete", "namespace", "mcp-system"]).await.expect("deleting the namespace");
    is_left(cluster, before, &[]).await;
}

async fn by_kustomize(cluster: &Cluster, before: &BTreeSet<String>) {
    let overlay = cluster.overlay().await.display().to_string();
    cluster.kubectl(&["apply", "-k", &overlay]).await.expect("installing by kustomize");
    let status = ["-n", "mcp-system", "rollout", "status", "deployment/mcp-gateway-controller", "--timeout=90s"];
    cluster.kubectl(&status).await.expect("the controller runs");
    let (_sites, _servers) = gateways(cluster).await;
    // The same once more: nothing is disturbed by it.
    let again = cluster.kubectl(&["apply", "-k", &overlay]).await.expect("installing by kustomize once more");
    assert!(again.lines().all(|line| line.ends_with("unchanged") || line.ends_with("configured")), "{again}");
    delete_resources(cluster).await;
    cluster.kubectl(&["delete", "-k", &overlay, "--timeout=90s"]).await.expect("taking it away by kustomize");
    is_left(cluster, before, &[]).await;
}
