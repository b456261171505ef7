//! The filter as an extension: `envoy.extensions.filters.http.wasm.v3.Wasm` in a `TypedExtensionConfig`.

use super::{FILTER, Layout};
use protocol::config::{FilterMode, Plugin};
use serde_json::{Value, json};

/// The filter with its plugin configuration.
pub(super) fn extension(plugin: &Plugin, layout: &Layout) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": FILTER,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": plugin_config(plugin, &json!({ "local": { "filename": layout.wasm } })),
        },
    })
}

/// `envoy.extensions.wasm.v3.PluginConfig`: the filter's module, as Envoy finds it, and what it is told.
pub(super) fn plugin_config(plugin: &Plugin, code: &Value) -> Value {
    json!({
        "name": FILTER,
        "vm_config": { "vm_id": FILTER, "runtime": "envoy.wasm.runtime.v8", "code": code },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": json!(plugin).to_string(),
        },
        // A trap costs the worker its virtual machine; without this it would answer 503 for ever.
        "failure_policy": "FAIL_RELOAD",
        "reload_config": { "backoff": { "base_interval": "0.1s" } },
        // In body mode the filter waits for the body before the route is taken.
        "allow_on_headers_stop_iteration": plugin.mode == FilterMode::Body,
    })
}
