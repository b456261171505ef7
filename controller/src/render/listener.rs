//! The listener and its routes.

use super::bootstrap::{file, socket_address};
use super::{BROKER_CLUSTER, EXTENSION_FILE, FILTER, Layout, local_replies};
use protocol::config::Limits;
use protocol::http::{header, path};
use serde_json::{Value, json};

/// What a stream may hold beside a request body: the same body's last chunk, and the answer's.
const BUFFER_MARGIN_BYTES: u32 = 64 << 10;

/// The listener that clients connect to.
pub(super) fn listener(limits: &Limits, layout: &Layout) -> Value {
    json!({
        "name": "mcp",
        "address": socket_address(layout.listen),
        "per_connection_buffer_limit_bytes": limits.held_body_bytes.saturating_add(BUFFER_MARGIN_BYTES),
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": connection_manager(layout),
            }],
        }],
    })
}

fn connection_manager(layout: &Layout) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "mcp",
        "codec_type": "AUTO",
        "use_remote_address": true,
        // No address is trusted: whoever calls, Envoy's own headers in a request are removed.
        "internal_address_config": {},
        "server_header_transformation": "PASS_THROUGH",
        // A stream of events lasts as long as its client wants.
        "stream_idle_timeout": "0s",
        "request_timeout": "0s",
        "early_header_mutation_extensions": [{
            "name": "envoy.http.early_header_mutation.header_mutation",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                "mutations": [
                    { "remove_on_match": { "key_matcher": { "prefix": header::INTERNAL_PREFIX, "ignore_case": true } } },
                ],
            },
        }],
        "local_reply_config": local_replies::config(),
        "route_config": routes(),
        "http_filters": [
            {
                "name": FILTER,
                "config_discovery": {
                    "config_source": file(&layout.directory, EXTENSION_FILE),
                    "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": true,
                },
            },
        ],
    })
}

fn routes() -> Value {
    json!({
        "name": "mcp",
        "virtual_hosts": [{
            "name": "mcp",
            "domains": ["*"],
            "routes": [
                // Only the filter can set this header: a client's own is gone before routes are looked at.
                {
                    "name": "server",
                    "match": { "prefix": "/", "headers": [{ "name": header::CLUSTER, "present_match": true }] },
                    "route": stream(json!({ "cluster_header": header::CLUSTER })),
                    "request_headers_to_remove": [header::CLUSTER],
                },
                {
                    "name": "mcp",
                    "match": { "path": "/mcp" },
                    "route": stream(json!({ "cluster": BROKER_CLUSTER })),
                },
                {
                    "name": "sse",
                    "match": { "path_separated_prefix": path::SSE },
                    "route": stream(json!({ "cluster": BROKER_CLUSTER })),
                },
                {
                    "name": "healthz",
                    "match": { "path": "/healthz" },
                    "route": { "cluster": BROKER_CLUSTER },
                },
                {
                    "name": "unknown",
                    "match": { "prefix": "/" },
                    "direct_response": { "status": 404 },
                },
            ],
        }],
    })
}

/// A route without time limits: the filter and the broker set those that a request needs.
fn stream(mut to: Value) -> Value {
    to["timeout"] = json!("0s");
    to["idle_timeout"] = json!("0s");
    to
}
