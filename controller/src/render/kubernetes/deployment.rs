//! The broker's `Deployment`.

use super::names::{HTTP_PORT, INTERNAL_PORT, METRICS_PORT, Names};
use super::object::{Object, Step, broker_labels};
use crate::model::Instance;
use serde_json::{Value, json};

/// Where the keys are, in the container.
const KEYS: &str = "/etc/mcp-gateway/keys";
/// Seconds for which a broker that is going to end still serves: until every Envoy has heard that it is no endpoint any more.
const LEAVING: u32 = 10;
/// Seconds that a broker then has for the calls that are under way.
const GRACE: u32 = 60;
/// A user and group that own nothing.
const NOBODY: u32 = 65532;

pub(super) fn deployment(instance: &Instance, names: &Names) -> Object {
    let labels = broker_labels(instance);
    let spec = json!({
        "replicas": instance.broker.replicas,
        "selector": { "matchLabels": labels },
        // No broker goes before another is ready to take its place.
        "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } },
        "template": { "metadata": { "labels": labels, "annotations": scraped() }, "spec": pod(instance, names) },
    });
    Object::new(
        Step::Broker,
        ("apps/v1", "Deployment"),
        names.broker(),
        instance,
        &instance.owner,
        json!({ "spec": spec }),
    )
}

/// What Prometheus goes by as Istio's samples set it up; an Istio sidecar, too.
fn scraped() -> Value {
    json!({
        "prometheus.io/scrape": "true",
        "prometheus.io/port": METRICS_PORT.to_string(),
        "prometheus.io/path": "/metrics",
    })
}

fn pod(instance: &Instance, names: &Names) -> Value {
    let mut pod = json!({
        "serviceAccountName": names.broker().name,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": LEAVING + GRACE,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "fsGroup": NOBODY,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "topologySpreadConstraints": spread(&["kubernetes.io/hostname", "topology.kubernetes.io/zone"], instance),
        "containers": [container(instance, names)],
        "volumes": [{ "name": "keys", "secret": { "secretName": names.key_secret().name, "defaultMode": 0o440 } }],
    });
    if !instance.broker.pull_secrets.is_empty() {
        pod["imagePullSecrets"] = instance.broker.pull_secrets.iter().map(|name| json!({ "name": name })).collect();
    }
    pod
}

/// Asks for brokers apart from each other, in each of `topologies`, without insisting.
fn spread(topologies: &[&str], instance: &Instance) -> Value {
    let constraint = |topology: &&str| -> Value {
        json!({
            "maxSkew": 1,
            "topologyKey": topology,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": broker_labels(instance) },
        })
    };
    topologies.iter().map(constraint).collect()
}

fn container(instance: &Instance, names: &Names) -> Value {
    let secret = names.config_secret();
    let mut container = json!({
        "name": "broker",
        "image": instance.broker.image,
        "args": [
            "broker",
            "--config-secret", format!("{}/{}", secret.namespace, secret.name),
            "--key-dir", KEYS,
            "--listen", format!("0.0.0.0:{HTTP_PORT}"),
            "--internal-listen", format!("0.0.0.0:{INTERNAL_PORT}"),
        ],
        "env": [
            {
                "name": "MCP_GATEWAY_SESSION_KEY",
                "valueFrom": { "secretKeyRef": { "name": names.key_secret().name, "key": "session" } },
            },
            // An image that is older than the controller knows no such argument.
            { "name": "MCP_GATEWAY_METRICS_LISTEN", "value": format!("0.0.0.0:{METRICS_PORT}") },
            // Where the other replicas pass on what belongs to this one.
            { "name": "MCP_GATEWAY_ADVERTISE", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
        ],
        "ports": [
            { "name": "http", "containerPort": HTTP_PORT, "protocol": "TCP" },
            { "name": "internal", "containerPort": INTERNAL_PORT, "protocol": "TCP" },
            { "name": "http-metrics", "containerPort": METRICS_PORT, "protocol": "TCP" },
        ],
        "startupProbe": probe("/healthz", 1, 60),
        "livenessProbe": probe("/healthz", 10, 3),
        "readinessProbe": probe("/readyz", 2, 2),
        "lifecycle": { "preStop": { "sleep": { "seconds": LEAVING } } },
        "securityContext": {
            "runAsNonRoot": true,
            "readOnlyRootFilesystem": true,
            "allowPrivilegeEscalation": false,
            "privileged": false,
            "capabilities": { "drop": ["ALL"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "volumeMounts": [{ "name": "keys", "mountPath": KEYS, "readOnly": true }],
    });
    if instance.broker.resources.as_object().is_some_and(|resources| !resources.is_empty()) {
        container["resources"] = instance.broker.resources.clone();
    }
    if let Some(policy) = &instance.broker.pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    container
}

fn probe(path: &str, period: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": "http" },
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    })
}
