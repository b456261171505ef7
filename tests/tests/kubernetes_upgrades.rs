//! What an operator changes of a gateway while clients of both eras call throughout: no call is lost.

use mcp_gateway_tests::client::Http;
use mcp_gateway_tests::fake::Fake;
use mcp_gateway_tests::kubernetes::{self, Cluster, Mode, Site, WHILE, breakable, under_load};
use mcp_gateway_tests::process::root;
use mcp_gateway_tests::until_told_within;
use serde_json::{Value, json};

/// The HTTP filters of each chain that the Gateway's Envoy has for the endpoint's listener, those that it prepares or ends
/// included.
async fn chains(site: &Site<'_>) -> Vec<Vec<String>> {
    let page = "/config_dump?resource=dynamic_listeners";
    let Some(dump) = site.cluster.envoy(&site.namespace, "front", page).await else { return Vec::new() };
    let dump: Value = serde_json::from_str(&dump).expect("Envoy gives JSON");
    let mut chains = Vec::new();
    for listener in dump["configs"].as_array().into_iter().flatten() {
        for state in ["active_state", "warming_state", "draining_state"] {
            let all = listener[state]["listener"]["filter_chains"].as_array();
            for filter in all.into_iter().flatten().flat_map(|chain| chain["filters"].as_array()).flatten() {
                let Some(filters) = filter["typed_config"]["http_filters"].as_array() else { continue };
                chains.push(filters.iter().filter_map(|filter| filter["name"].as_str().map(str::to_owned)).collect());
            }
        }
    }
    chains
}

#[test]
fn the_way_into_istio_is_switched() {
    breakable(async |cluster| {
        under_load(cluster, &[Mode::WasmPlugin], "switched to EnvoyFilter and back", async |sites| {
            let site = &sites[0];
            for mode in [Mode::EnvoyFilter, Mode::WasmPlugin, Mode::EnvoyFilter] {
                let own = format!("{}.mcp", site.namespace);
                site.switch(mode).await;
                until_told_within(kubernetes::PATIENCE, "the other filter is in the chain", async || {
                    let chains = chains(site).await;
                    let mut is_there = !chains.is_empty();
                    for chain in &chains {
                        let of_gateway: Vec<_> = chain.iter().filter(|name| name.contains(&own)).collect();
                        assert_eq!(of_gateway.len(), 1, "one filter of the gateway's in each chain: {chain:?}");
                        is_there &= of_gateway[0].contains("trafficextension") == (mode == Mode::WasmPlugin);
                    }
                    is_there.then_some(())
                })
                .await;
                site.answers().await;
                assert_eq!(site.extension().await["mode"], mode.name());
                tokio::time::sleep(WHILE).await;
            }
        })
        .await;
    });
}

/// A host of somebody else's on the listener.
async fn other_host(site: &Site<'_>, web: &Fake) -> Http {
    site.serve("web", web).await;
    let host = format!("web.{}.example.com", site.namespace);
    let route = format!(
        r"
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web}}
spec:
  parentRefs: [{{name: front}}]
  hostnames: [{host}]
  rules: [{{backendRefs: [{{name: web, port: 8000}}]}}]
"
    );
    site.cluster.apply_in(&site.namespace, &route).await;
    let http = Http::new().with_host(&host);
    until_told_within(kubernetes::PATIENCE, "the other host is routed", async || {
        http.post(&site.url()).try_send("{}").await;
        (!web.seen().is_empty()).then_some(())
    })
    .await;
    http
}

#[test]
fn the_registry_is_away_while_the_module_is_to_be_replaced() {
    breakable(async |cluster| {
        let both = [Mode::WasmPlugin, Mode::EnvoyFilter];
        under_load(cluster, &both, "registry away during an upgrade", async |sites| {
            let web = Fake::legacy().at(cluster.node()).start();
            let mut others = Vec::new();
            for site in sites {
                others.push(other_host(site, &web).await);
            }
            let url = format!("oci://{}/mcp-gateway/filter:next", cluster.registry());
            cluster.part("registry").kill();
            for (site, other) in sites.iter().zip(&others) {
                site.configure(json!({"module": {"url": url}})).await;
                until_told_within(kubernetes::PATIENCE, "the status says what cannot be had, and why", async || {
                    let status = site.extension().await;
                    let conditions = status["conditions"].as_array()?;
                    let programmed = conditions.iter().find(|condition| condition["type"] == "Programmed")?;
                    let message = programmed["message"].as_str()?;
                    assert_eq!(programmed["status"], "True", "the module in force stays: {programmed}");
                    (message.contains(&url) && message.contains("refused")).then_some(())
                })
                .await;
                site.answers().await;
                let seen = web.seen().len();
                other.post(&site.url()).send("{}").await;
                assert_eq!(web.seen().len(), seen + 1, "somebody else's host is as it was");
            }
            tokio::time::sleep(WHILE).await;
            cluster.part("registry").start();
            cluster.push_module(&url).await;
            for (site, other) in sites.iter().zip(&others) {
                until_told_within(kubernetes::PATIENCE, "the new module is in force", async || {
                    site.extension().await["module"].as_str()?.starts_with(&url).then_some(())
                })
                .await;
                site.answers().await;
                let plugin = site.kubectl(&["get", "wasmplugin", "-o", "jsonpath={.items[*].spec.url}"]).await;
                assert_eq!(plugin, url);
                let seen = web.seen().len();
                other.post(&site.url()).send("{}").await;
                assert_eq!(web.seen().len(), seen + 1, "somebody else's host is as it was");
            }
        })
        .await;
    });
}

/// Waits until all brokers of a site run this image, and no other is left.
async fn brokers_run(site: &Site<'_>, image: &str) {
    until_told_within(kubernetes::PATIENCE, &format!("brokers run {image}"), async || {
        let pods =
            site.kubectl(&["get", "pods", "-l", "app.kubernetes.io/name=mcp-gateway-broker", "-o", "json"]).await;
        let pods: Value = serde_json::from_str(&pods).expect("a list");
        let pods = pods["items"].as_array()?;
        let ready = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
        let runs = |pod: &Value| pod["spec"]["containers"][0]["image"] == image;
        (pods.len() == 1 && pods.iter().all(|pod| ready(pod) && runs(pod))).then_some(())
    })
    .await;
}

#[test]
fn a_new_release_is_installed_by_helm() {
    breakable(async |cluster| {
        let both = [Mode::WasmPlugin, Mode::EnvoyFilter];
        under_load(cluster, &both, "upgraded by Helm", async |sites| {
            let module = format!("oci://{}/mcp-gateway/filter:released", cluster.registry());
            cluster.push_module(&module).await;
            let before = sites[0].extension().await["module"].clone();
            change_definitions(cluster).await;
            cluster.upgrade("released", &module).await;
            for site in sites {
                brokers_run(site, "mcp-gateway:released").await;
                until_told_within(kubernetes::PATIENCE, "the new module is in force", async || {
                    site.extension().await["module"].as_str()?.starts_with(&module).then_some(())
                })
                .await;
                site.answers().await;
                assert_ne!(digest(&site.extension().await["module"]), digest(&before), "another module");
            }
        })
        .await;
    });
}

/// Applies definitions that are not those that Helm has installed, by the command that docs/kubernetes.md gives.
async fn change_definitions(cluster: &Cluster) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    for file in std::fs::read_dir(root().join("istio-manifests/crds")).expect("the definitions") {
        let file = file.expect("a file");
        let text = std::fs::read_to_string(file.path()).expect("a definition").replacen(
            "\nmetadata:\n",
            "\nmetadata:\n  annotations: {release: next}\n",
            1,
        );
        let text = text.replace("description: Name of the", "description: The name of the");
        std::fs::write(folder.path().join(file.file_name()), text).expect("writing a definition");
    }
    let docs = std::fs::read_to_string(root().join("docs/kubernetes.md")).expect("the documentation");
    let said = docs.split('`').find(|code| code.starts_with("kubectl apply") && code.ends_with("istio-manifests/crds"));
    let folder = folder.path().display().to_string();
    let command = said.expect("how definitions are changed").replace("istio-manifests/crds", &folder);
    let args: Vec<_> = command.split(' ').skip(1).collect();
    cluster.kubectl(&args).await.expect(&command);
    for kind in ["mcpgatewayextensions", "mcpserverregistrations", "mcpvirtualservers"] {
        let crd = cluster.get("default", &format!("crd/{kind}.mcpgateway.dev")).await;
        assert_eq!(crd["metadata"]["annotations"]["release"], "next", "{command}");
    }
}

/// The digest in a status' `module`.
fn digest(module: &Value) -> &str {
    module.as_str().and_then(|module| module.split_once('@')).expect("a module has a digest").1
}
