//! What all objects have in common.

use super::names::FILTER_SUFFIX;
use crate::model::{Instance, ObjectName, Owner};
use serde_json::{Value, json};

/// Value of `app.kubernetes.io/managed-by`, and the field manager of server-side apply.
pub const MANAGED_BY: &str = "mcp-gateway";
/// With [`INSTANCE_LABEL`], names the extension that an object is for: an owner in another namespace cannot.
pub(super) const NAMESPACE_LABEL: &str = "mcpgateway.dev/namespace";
/// The name of the extension that an object is for.
pub(super) const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// When an object is applied: whatever has a lower step comes first. Objects that are not rendered any more are removed in the
/// opposite order, so nothing leads to what is not there, and no route to a server stands where no filter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The broker.
    Broker,
    /// The filter. A `WasmPlugin` comes before the `EnvoyFilter` that takes its place, and goes after it.
    Filter,
    /// What the `EnvoyFilter` mode adds.
    Replacement,
    /// Clients' way to the endpoint.
    Endpoint,
    /// Where servers outside of the mesh are.
    Backend,
    /// The filter's way to servers. It is to be used once the route is accepted.
    Server,
}

/// An object, as it is applied: the fields that the gateway decides on, and no others.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// When it is applied.
    pub step: Step,
    /// All of it.
    pub value: Value,
}

impl Object {
    /// An object of `instance`, which `owner` owns if that is in the same namespace and has a UID. `rest` is what it has beside its metadata.
    pub(super) fn new(
        step: Step,
        (api_version, kind): (&str, &str),
        name: ObjectName,
        instance: &Instance,
        owner: &Owner,
        rest: Value,
    ) -> Self {
        let mut metadata = json!({
            "name": name.name,
            "namespace": name.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": MANAGED_BY,
                INSTANCE_LABEL: instance.owner.object.name,
                NAMESPACE_LABEL: instance.owner.object.namespace,
            },
        });
        if owner.object.namespace == name.namespace && !owner.uid.is_empty() {
            metadata["ownerReferences"] = json!([{
                "apiVersion": owner.api_version,
                "kind": owner.kind,
                "name": owner.object.name,
                "uid": owner.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }]);
        }
        let mut value = json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata });
        if let (Value::Object(value), Value::Object(rest)) = (&mut value, rest) {
            value.extend(rest);
        }
        Self { step, value }
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        self.value["apiVersion"].as_str().unwrap_or_default()
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// Its name in its namespace.
    pub fn name(&self) -> ObjectName {
        let member = |name: &str| self.value["metadata"][name].as_str().unwrap_or_default().to_owned();
        ObjectName { namespace: member("namespace"), name: member("name") }
    }
}

/// The broker's pods, by their labels.
pub(super) fn broker_labels(instance: &Instance) -> Value {
    json!({ "app.kubernetes.io/name": "mcp-gateway-broker", INSTANCE_LABEL: instance.owner.object.name })
}

/// `targetRefs` of what extends the gateway.
pub(super) fn target_refs(instance: &Instance) -> Value {
    json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": instance.gateway.name }])
}

/// Where and by which name the filter's resources are.
pub(super) fn filter_name(instance: &Instance) -> ObjectName {
    let name = format!("{}{FILTER_SUFFIX}", instance.owner.object.name);
    ObjectName { namespace: instance.gateway.namespace.clone(), name }
}
