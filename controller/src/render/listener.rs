//! The listener.

use super::bootstrap::{file, socket_address};
use super::{EXTENSION_FILE, FILTER, Layout, ROUTES_FILE, local_replies, routes};
use protocol::config::Limits;
use protocol::http::header;
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
                "mutations": [removed(header::GATEWAY_PREFIX), removed(header::STEERING_PREFIX)],
            },
        }],
        "local_reply_config": local_replies::config(),
        "rds": { "config_source": file(&layout.directory, ROUTES_FILE), "route_config_name": routes::NAME },
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

/// Removes the headers that begin so.
fn removed(prefix: &str) -> Value {
    json!({ "remove_on_match": { "key_matcher": { "prefix": prefix, "ignore_case": true } } })
}
