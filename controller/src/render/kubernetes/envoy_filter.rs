//! The filter, by an `EnvoyFilter`: headers can wait for the body.

use super::config::PATHS;
use super::names::Names;
use super::object::{Object, Step, filter_name, target_refs};
use super::plugin::plugin;
use crate::model::{Instance, Mode, Module};
use crate::render::extension::plugin_config;
use crate::render::local_replies;
use protocol::config::{FilterMode, Plugin};
use serde_json::{Value, json};

/// How long a pull of the module may take.
const PULL: &str = "30s";
/// What a stream may hold beside a request body: the same body's last chunk, and the answer's.
const BUFFER_MARGIN_BYTES: u32 = 64 << 10;

/// The `EnvoyFilter`, in the gateway's namespace: it replaces the `WasmPlugin`'s filter by one of the same module, in the same
/// place of the chain. So there is one of them at any moment, and going back is taking this object away.
pub(super) fn envoy_filter(instance: &Instance, names: &Names, module: &Module) -> Option<Object> {
    if instance.mode != Mode::EnvoyFilter {
        return None;
    }
    let name = filter_name(instance);
    // Istio's, since 1.31, and before.
    let plugins = [
        format!("extensions.istio.io/trafficextension/{}.{}~istio-translated-wasmplugin", name.namespace, name.name),
        format!("extensions.istio.io/wasmplugin/{}.{}", name.namespace, name.name),
    ];
    let extension = format!("{}.{}", name.namespace, name.name);
    let plugin = plugin(instance, names, FilterMode::Body);
    let mut patches = vec![add_extension(&extension, &plugin, module)];
    patches.extend(plugins.iter().map(|plugin| replace(plugin, &extension)));
    patches.push(answer_in_json_rpc(instance, names));
    patches.extend((0..PATHS.len()).map(|rule| serve_streams(instance, names, rule)));
    let spec = json!({ "targetRefs": target_refs(instance), "configPatches": patches });
    Some(Object::new(
        Step::Replacement,
        ("networking.istio.io/v1alpha3", "EnvoyFilter"),
        name,
        instance,
        &instance.owner,
        json!({ "spec": spec }),
    ))
}

/// The extension, which Envoy gets by ECDS; istio-agent pulls its module.
fn add_extension(name: &str, plugin: &Plugin, module: &Module) -> Value {
    let code = json!({
        "remote": {
            // Envoy's schema wants a cluster; the agent has it replaced before Envoy looks for it.
            "http_uri": { "uri": module.url, "cluster": "_", "timeout": PULL },
            "sha256": module.sha256,
        },
    });
    let mut config = plugin_config(plugin, &code);
    // The agent takes these away again.
    config["vm_config"]["environment_variables"] =
        json!({ "key_values": { "ISTIO_META_WASM_IMAGE_PULL_POLICY": "IfNotPresent" } });
    json!({
        "applyTo": "EXTENSION_CONFIG",
        "match": { "context": "GATEWAY" },
        "patch": {
            "operation": "ADD",
            "value": {
                "name": name,
                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config },
            },
        },
    })
}

/// Puts the extension in the place of a `WasmPlugin`'s filter.
fn replace(plugin: &str, extension: &str) -> Value {
    json!({
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": "GATEWAY",
            "listener": {
                "filterChain": {
                    "filter": { "name": "envoy.filters.network.http_connection_manager", "subFilter": { "name": plugin } },
                },
            },
        },
        "patch": {
            "operation": "REPLACE",
            "value": {
                "name": extension,
                "config_discovery": {
                    "config_source": { "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" },
                    // Of a module that could not be pulled the agent makes a filter of the second type, which refuses everything.
                    "type_urls": [
                        "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                        "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                    ],
                },
            },
        },
    })
}

/// What Envoy answers by itself to requests of the endpoint. Others on the listener get what they always got.
fn answer_in_json_rpc(instance: &Instance, names: &Names) -> Value {
    json!({
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "GATEWAY",
            "listener": {
                "portNumber": instance.listener.port,
                "filterChain": { "filter": { "name": "envoy.filters.network.http_connection_manager" } },
            },
        },
        "patch": {
            "operation": "MERGE",
            "value": {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "local_reply_config": local_replies::config_for_routes(&names.endpoint_route_prefix()),
                },
            },
        },
    })
}

/// Streams of the endpoint have no idle limit, whatever the listener's is, and as much of a body is held as the limits allow.
/// The route that a request comes in by decides on both, also for what the filter then sends to a server.
fn serve_streams(instance: &Instance, names: &Names, rule: usize) -> Value {
    json!({
        "applyTo": "HTTP_ROUTE",
        "match": {
            "context": "GATEWAY",
            "routeConfiguration": {
                "vhost": { "route": { "name": format!("{}{rule}", names.endpoint_route_prefix()) } },
            },
        },
        "patch": {
            "operation": "MERGE",
            "value": {
                "route": { "idle_timeout": "0s" },
                "request_body_buffer_limit": instance.limits.held_body_bytes.saturating_add(BUFFER_MARGIN_BYTES),
            },
        },
    })
}
