//! Who may connect to the broker.

use super::names::{HTTP_PORT, INTERNAL_PORT, METRICS_PORT, Names};
use super::object::{Object, Step, broker_labels};
use crate::model::Instance;
use serde_json::{Value, json};

/// The port that ambient mesh carries everything over (HBONE); what is inside it is the mesh's to check.
const HBONE_PORT: u16 = 15008;

/// The filter's port is for the gateway's own pods, the endpoint without the filter for the controller; metrics may be read by anybody.
/// Probes come from the node, which no network policy keeps out.
pub(super) fn network_policy(instance: &Instance, names: &Names) -> Object {
    let gateway =
        peer(&instance.gateway.namespace, &json!({ "gateway.networking.k8s.io/gateway-name": instance.gateway.name }));
    let controller =
        peer(&instance.cluster.controller_namespace, &json!({ "app.kubernetes.io/name": "mcp-gateway-controller" }));
    let spec = json!({
        "podSelector": { "matchLabels": broker_labels(instance) },
        "policyTypes": ["Ingress"],
        "ingress": [
            { "from": [gateway], "ports": ports(&[INTERNAL_PORT, HBONE_PORT]) },
            { "from": [controller], "ports": ports(&[HTTP_PORT, HBONE_PORT]) },
            { "ports": ports(&[METRICS_PORT]) },
        ],
    });
    Object::new(
        Step::Broker,
        ("networking.k8s.io/v1", "NetworkPolicy"),
        names.broker(),
        instance,
        &instance.owner,
        json!({ "spec": spec }),
    )
}

fn peer(namespace: &str, pods: &Value) -> Value {
    json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
        "podSelector": { "matchLabels": pods },
    })
}

fn ports(ports: &[u16]) -> Value {
    ports.iter().map(|port| json!({ "port": port, "protocol": "TCP" })).collect()
}
