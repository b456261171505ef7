//! The filter, by Istio's own resource.

use super::names::Names;
use super::object::{Object, Step, filter_name, target_refs};
use super::plugin::plugin;
use crate::model::{Instance, Module};
use protocol::config::FilterMode;
use serde_json::json;

/// The `WasmPlugin`, in the gateway's namespace. It is there in both modes: in `EnvoyFilter` mode another filter stands in its
/// place in the chain, and whatever keeps that from being there leaves a gateway that works.
pub(super) fn wasm_plugin(instance: &Instance, names: &Names, module: &Module) -> Object {
    let mut spec = json!({
        "targetRefs": target_refs(instance),
        "url": module.url,
        "sha256": module.sha256,
        // Or every write of the resource would ask the registry.
        "imagePullPolicy": "IfNotPresent",
        // A trap costs the worker a second instead of its life.
        "failStrategy": "FAIL_RELOAD",
        // Behind authentication, in front of authorization.
        "phase": "AUTHZ",
        "match": [{ "mode": "CLIENT", "ports": [{ "number": instance.listener.port }] }],
        "pluginConfig": plugin(instance, names, FilterMode::Header),
    });
    if let Some(secret) = &module.pull_secret {
        spec["imagePullSecret"] = json!(secret);
    }
    Object::new(
        Step::Filter,
        ("extensions.istio.io/v1alpha1", "WasmPlugin"),
        filter_name(instance),
        instance,
        &instance.owner,
        json!({ "spec": spec }),
    )
}
