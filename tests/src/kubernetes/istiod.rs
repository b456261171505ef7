//! istiod, as `istioctl install` would set it up: it signs certificates, validates resources by webhook, and deploys Gateways.

use super::cluster::Cluster;
use super::launcher::Launcher;
use super::network::NODE;
use super::part::Part;
use super::{authorizer, testbed};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Where it says that it is ready.
const READY: &str = "http://10.99.0.1:15080/ready";

/// istiod. Its Service has its real name, and leads to the node.
pub(super) fn istiod(cluster: &Path, launcher: &Arc<Launcher>) -> Part {
    let part = Part::new("istiod", testbed::program("pilot-discovery"), cluster, launcher);
    let folder = part.folder().to_owned();
    write(&folder.join("mesh.yaml"), &mesh());
    std::fs::create_dir_all(folder.join("var/lib/istio/inject")).expect("a folder for istiod");
    write(&folder.join("var/lib/istio/inject/config"), &injection());
    write(&folder.join("var/lib/istio/inject/values"), &values());
    let set = |name: &'static str, value: &str| (name, value.to_owned());
    part.args([
        "discovery".to_owned(),
        "--kubeconfig".to_owned(),
        super::control_plane::kubeconfig(cluster).display().to_string(),
    ])
    .args(["--meshConfig".to_owned(), folder.join("mesh.yaml").display().to_string()])
    .args(["--networksConfig", "none", "--domain", "cluster.local", "--namespace", "istio-system"])
    .args(["--httpAddr", &format!("{NODE}:15080"), "--httpsAddr", &format!("{NODE}:15017")])
    .args(["--grpcAddr", &format!("{NODE}:15010"), "--secureGRPCAddr", &format!("{NODE}:15012")])
    .args(["--monitoringAddr", &format!("{NODE}:15014")])
    .envs([
        set("POD_NAME", "istiod"),
        set("POD_NAMESPACE", "istio-system"),
        set("SERVICE_ACCOUNT", "istiod"),
        set("CLUSTER_ID", "Kubernetes"),
        set("REVISION", "default"),
        set("PILOT_CERT_PROVIDER", "istiod"),
        set("ENABLE_CA_SERVER", "true"),
        set("INJECT_ENABLED", "true"),
        set("INJECTION_WEBHOOK_CONFIG_NAME", ""),
        set("VALIDATION_WEBHOOK_CONFIG_NAME", "istio-validator"),
        set("PILOT_DEBOUNCE_AFTER", "20ms"),
        // Filters that only Istio's own build of Envoy has.
        set("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
        set("PILOT_ENABLE_ALPN_FILTER", "false"),
        set("PILOT_ENABLE_TELEMETRY_LABEL", "false"),
        set("PILOT_ENDPOINT_TELEMETRY_LABEL", "false"),
    ])
}

/// Declares what istiod needs in the cluster.
pub(super) async fn prepare(cluster: &Cluster) {
    let ports = [("grpc-xds", 15010), ("https-dns", 15012), ("https-webhook", 443), ("http-monitoring", 15014)];
    let target = |port: u16| if port == 443 { 15017 } else { port };
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "istiod", "namespace": "istio-system"},
        "spec": {"ports": ports.map(|(name, port)| json!({"name": name, "port": port, "targetPort": target(port)}))},
    });
    let endpoints = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "istiod", "namespace": "istio-system", "labels": {"kubernetes.io/service-name": "istiod"}},
        "endpoints": [{"addresses": [NODE], "conditions": {"ready": true}}],
        "ports": ports.map(|(name, port)| json!({"name": name, "port": target(port)})),
    });
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "istio-validator", "labels": {"istio.io/rev": "default", "istio": "istiod"}},
        "webhooks": [{
            "name": "rev.validation.istio.io", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            // istiod makes it `Fail` when it answers.
            "failurePolicy": "Ignore",
            "clientConfig": {"service": {"name": "istiod", "namespace": "istio-system", "path": "/validate"}},
            "rules": [{
                "operations": ["CREATE", "UPDATE"], "apiVersions": ["*"], "resources": ["*"],
                "apiGroups": ["security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io"],
            }],
        }],
    });
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": super::kubelet::NODE_NAME}});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}});
    for object in [node, namespace, service, endpoints, webhook].into_iter().chain(authorizer::objects()) {
        cluster.apply(&object.to_string()).await;
    }
}

/// Waits until it is ready.
pub(super) async fn ready() {
    let http = crate::client::Http::new();
    crate::until_told_within(super::PATIENCE, "istiod is ready", async || {
        (http.try_get(READY).await?.status == 200).then_some(())
    })
    .await;
}

fn mesh() -> Value {
    json!({
        "rootNamespace": "istio-system",
        "trustDomain": "cluster.local",
        "enableAutoMtls": false,
        "enablePrometheusMerge": false,
        "enableTracing": false,
        "defaultProviders": {},
        "extensionProviders": [authorizer::provider()],
        "accessLogFile": "/dev/stdout",
        "defaultConfig": {
            "discoveryAddress": "istiod.istio-system.svc:15012",
            "concurrency": 1,
            "terminationDrainDuration": "2s",
            "proxyMetadata": {"WASM_INSECURE_REGISTRIES": super::registry::HOST},
        },
    })
}

/// Istio's own template of a Gateway's Deployment.
fn injection() -> Value {
    let template = read("kube-gateway.yaml");
    json!({"policy": "enabled", "defaultTemplates": [], "templates": {"kube-gateway": template}})
}

/// Those of the chart's values that the template asks for.
fn values() -> Value {
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).expect("the chart's values are YAML");
    let values = values.get("_internal_defaults_do_not_set").unwrap_or(&values);
    json!({
        "global": values["global"],
        "gateways": {"securityContext": values["gateways"]["securityContext"], "seccompProfile": values["gateways"]["seccompProfile"]},
        "pilot": {"cni": values["pilot"]["cni"], "env": values["pilot"]["env"]},
        "revision": "",
    })
}

fn read(name: &str) -> String {
    std::fs::read_to_string(testbed::folder().join("istio").join(name)).expect("a file of the test bed")
}

fn write(file: &Path, value: &Value) {
    std::fs::write(file, value.to_string()).expect("writing istiod's configuration");
}
