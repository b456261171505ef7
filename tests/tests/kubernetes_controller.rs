//! The controller itself: its rights are enough, and it writes nothing when nothing changes.

use mcp_gateway_tests::client::Http;
use mcp_gateway_tests::fake::{Exchange, Fake, Identity};
use mcp_gateway_tests::kubernetes::{self, Cluster, Mode, Site};
use mcp_gateway_tests::until_told_within;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All that the controller makes or writes to, but for its lease.
const KINDS: &str = "mcpgatewayextensions,mcpserverregistrations.mcpgateway.dev,mcpvirtualservers,\
    deployments,services,serviceaccounts,secrets,configmaps,roles,rolebindings,networkpolicies,poddisruptionbudgets,\
    httproutes,wasmplugins,envoyfilters,serviceentries,destinationrules,backendtlspolicies,events.events.k8s.io";

/// How often it has looked at everything.
async fn passes(cluster: &Cluster) -> u64 {
    let pods = ["-n", "mcp-system", "get", "pods", "-l", "app.kubernetes.io/name=mcp-gateway-controller", "-o", "json"];
    let pods = cluster.kubectl(&pods).await.json();
    let address = pods["items"][0]["status"]["podIP"].as_str().expect("it runs").to_owned();
    let metrics = Http::new().try_get(&format!("http://{address}:8092/metrics")).await.expect("its metrics");
    let lines = metrics.text().lines().filter_map(|line| line.strip_prefix("mcp_gateway_controller_passes_total "));
    lines.filter_map(|count| count.parse().ok()).next().expect("they count passes")
}

/// The version of each object of a namespace.
async fn versions(site: &Site<'_>) -> BTreeMap<String, String> {
    let all: Value = serde_json::from_str(&site.kubectl(&["get", KINDS, "-o", "json"]).await).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = all["items"].as_array().expect("a list").iter();
    // What pods, Services and routes become is written by others.
    let others =
        |kind: &str, object: &Value| kind == "Event" && object["reportingController"] != "mcp-gateway-controller";
    items
        .filter(|object| !others(&text(&object["kind"]), object))
        .map(|object| {
            let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
            let is_spec = ["Deployment", "Service", "HTTPRoute", "PodDisruptionBudget"].contains(&kind.as_str());
            let version = if is_spec { metadata["generation"].to_string() } else { text(&metadata["resourceVersion"]) };
            (format!("{kind} {}", text(&metadata["name"])), version)
        })
        .collect()
}

#[test]
fn prometheus_finds_brokers_and_controllers_by_their_annotations() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let own: Value = serde_json::from_str(&site.kubectl(&["get", "pods", "-o", "json"]).await).expect("JSON");
        let system = cluster.kubectl(&["-n", "mcp-system", "get", "pods", "-o", "json"]).await.json();
        let pods = [own["items"].as_array(), system["items"].as_array()].into_iter().flatten().flatten();
        let mut found = String::new();
        for pod in pods.filter(|pod| pod["metadata"]["annotations"]["prometheus.io/scrape"] == "true") {
            let [port, path] = ["prometheus.io/port", "prometheus.io/path"]
                .map(|name| pod["metadata"]["annotations"][name].as_str().expect("is there"));
            let address = pod["status"]["podIP"].as_str().expect("it runs");
            let metrics = Http::new().try_get(&format!("http://{address}:{port}{path}")).await.expect("it answers");
            found.push_str(metrics.text());
        }
        assert!(found.contains("mcp_gateway_servers{"), "{found}");
        assert!(found.contains("mcp_gateway_controller_leader 1"), "{found}");
    });
}

#[test]
fn when_nothing_changes_nothing_is_written() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let modern = Fake::modern().at(cluster.node()).tool("add", Exchange::ok).start();
        let legacy = Fake::legacy().at(cluster.node()).tool("sub", Exchange::ok).start();
        site.add("modern", "m_", &modern).await;
        site.add("legacy", "l_", &legacy).await;
        // One that is never reached has a status too.
        site.register("away", "a_", "url: https://away.example.com/mcp").await;
        site.not_ready("away", "ServerUnavailable").await;
        until_told_within(kubernetes::PATIENCE, "20 passes write nothing", async || {
            let before = versions(&site).await;
            let begin = passes(cluster).await;
            let mut tick = 0;
            until_told_within(kubernetes::PATIENCE, "it looks at everything", async || {
                tick += 1;
                let tick = format!("tests.mcpgateway.dev/tick={tick}");
                cluster
                    .kubectl(&["annotate", "--overwrite", "namespace", &site.namespace, &tick])
                    .await
                    .expect("a change");
                (passes(cluster).await >= begin + 20).then_some(())
            })
            .await;
            (versions(&site).await == before).then_some(())
        })
        .await;
    });
}

#[test]
fn the_chart_gives_it_all_rights_that_it_needs() {
    kubernetes::test(async |cluster| {
        let listeners = "[{name: http, port: 80, protocol: HTTP}]";
        let site = Site::declare(cluster, Mode::EnvoyFilter, listeners, "  broker: {replicas: 2}").await;
        site.answers().await;
        let server = Fake::modern().at(cluster.node()).tool("add", Exchange::ok).start();
        site.add("server", "a_", &server).await;
        let authority = Identity::of("away.example.com");
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"},
            "data": {"ca.crt": authority.pem()},
        });
        cluster.apply_in(&site.namespace, &map.to_string()).await;
        site.register("away", "b_", "url: https://away.example.com/mcp\ncaCertificateRef: {name: authority}").await;
        let elsewhere = cluster.namespace().await;
        let gateway = format!(
            r"
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: shared}}
spec:
  gatewayClassName: istio
  listeners: [{{name: http, port: 80, protocol: HTTP, allowedRoutes: {{namespaces: {{from: All}}}}}}]
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{name: extensions}}
spec:
  from: [{{group: mcpgateway.dev, kind: MCPGatewayExtension, namespace: {elsewhere}}}]
  to: [{{group: gateway.networking.k8s.io, kind: Gateway}}]
"
        );
        cluster.apply_in(&site.namespace, &gateway).await;
        let extension = format!(
            r"
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPGatewayExtension
metadata: {{name: far}}
spec:
  publicHost: far.example.com
  targetRef: {{name: shared, namespace: {}}}
",
            site.namespace
        );
        cluster.apply_in(&elsewhere, &extension).await;
        let ready = ["-n", &elsewhere, "wait", "--for=condition=Ready", "--timeout=90s", "mcpge/far"];
        cluster.kubectl(&ready).await.expect("the extension from elsewhere is ready");
        let made = |namespace: &str| {
            let kinds = KINDS.replace(",events.events.k8s.io", "");
            ["-n", namespace, "get", &kinds, "-l", "app.kubernetes.io/managed-by=mcp-gateway", "-o", "name"]
                .map(str::to_owned)
        };
        let list = async |namespace: &str| {
            let args = made(namespace);
            cluster.kubectl(&args.each_ref().map(String::as_str)).await.expect("what was made")
        };
        for kind in [
            "wasmplugin",
            "envoyfilter",
            "serviceentry",
            "backendtlspolicy",
            "configmap",
            "poddisruptionbudget",
            "destinationrule",
        ] {
            until_told_within(kubernetes::PATIENCE, &format!("a {kind} is there"), async || {
                list(&site.namespace).await.contains(kind).then_some(())
            })
            .await;
        }
        for namespace in [&elsewhere, &site.namespace] {
            let all = [
                "-n",
                namespace,
                "delete",
                "mcpgatewayextensions,mcpserverregistrations.mcpgateway.dev",
                "--all",
                "--timeout=90s",
            ];
            cluster.kubectl(&all).await.expect("they go");
        }
        for namespace in [&elsewhere, &site.namespace] {
            until_told_within(kubernetes::PATIENCE, "what was made is gone", async || {
                // Those with an owner are the garbage collector's.
                list(namespace).await.is_empty().then_some(())
            })
            .await;
        }
        let log = cluster.whole_log("mcp-system");
        assert!(log.contains("applied"), "{log}");
        // Nobody may write into another test's namespace that is on its way out.
        let lines = log.lines().filter(|line| !line.contains("because it is being terminated"));
        let refused: Vec<_> = lines.filter(|line| line.contains("forbidden")).collect();
        assert!(refused.is_empty(), "{refused:#?}");
    });
}
