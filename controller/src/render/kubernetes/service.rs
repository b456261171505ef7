//! The broker's `Service`.

use super::names::{HTTP_PORT, INTERNAL_PORT, METRICS_PORT, Names};
use super::object::{Object, Step, broker_labels};
use crate::model::Instance;
use serde_json::{Value, json};

pub(super) fn service(instance: &Instance, names: &Names) -> Object {
    let port = |name: &str, port: u16| -> Value {
        // Istio tells protocols by it; a sidecar would have to guess otherwise.
        json!({ "name": name, "port": port, "targetPort": name, "protocol": "TCP", "appProtocol": "http" })
    };
    let spec = json!({
        "selector": broker_labels(instance),
        "ports": [port("http", HTTP_PORT), port("internal", INTERNAL_PORT), port("http-metrics", METRICS_PORT)],
    });
    Object::new(Step::Broker, ("v1", "Service"), names.broker(), instance, &instance.owner, json!({ "spec": spec }))
}
