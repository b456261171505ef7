//! What Envoy answers by itself, in MCP's words: JSON-RPC errors with the id `null`, since Envoy reads no bodies.
//!
//! Answers of the filter are local replies too, and stay as they are.

use protocol::error::{Refusal, code};
use serde_json::{Value, json};

/// Envoy gives a reason for each of its own replies; a filter in Wasm gives none.
const NONE_OF_THE_FILTER: &str = "response.code_details != ''";

/// `local_reply_config` of the connection manager.
pub(super) fn config() -> Value {
    let condition = cel(NONE_OF_THE_FILTER);
    json!({ "mappers": mappers(&condition) })
}

/// The same, for requests alone that came to routes whose names begin with `prefix`, and with what the other filters of a mesh
/// answer.
pub(super) fn config_for_routes(prefix: &str) -> Value {
    let condition = cel(&format!("{NONE_OF_THE_FILTER} && xds.route_name.startsWith('{prefix}')"));
    let mut all = vec![
        reply(&condition, 401, code::TRANSPORT, "The request is not authenticated."),
        reply(&condition, 403, code::TRANSPORT, "The request is not allowed."),
        reply(&condition, 429, code::TRANSPORT, "There are too many requests: try again later."),
    ];
    all.extend(mappers(&condition));
    json!({ "mappers": all })
}

fn mappers(condition: &Value) -> Vec<Value> {
    vec![
        reply(condition, 400, code::TRANSPORT, "This is no HTTP request that the gateway can read."),
        reply(condition, 404, code::TRANSPORT, "Nothing is at this path: the MCP endpoint is /mcp."),
        reply(condition, 413, code::TRANSPORT, "The request is too large."),
        reply(
            condition,
            426,
            code::TRANSPORT,
            "The gateway takes HTTP/1.1 and HTTP/2: have the client, or the proxy before it, speak one of them.",
        ),
        reply(condition, 431, code::TRANSPORT, "The request's headers are too large, or too many."),
        reply(condition, 503, code::INTERNAL, "The gateway cannot reach what should answer this: try again."),
        reply(condition, 504, code::INTERNAL, "What should answer this did not do so in time."),
        error(condition.clone(), code::INTERNAL, "The gateway could not serve this request."),
    ]
}

/// The error for replies with one status.
fn reply(condition: &Value, status: u16, code: i64, message: &'static str) -> Value {
    let by_status = json!({
        "status_code_filter": {
            "comparison": {
                "op": "EQ",
                "value": { "default_value": status, "runtime_key": format!("mcp_gateway.reply_{status}") },
            },
        },
    });
    error(json!({ "and_filter": { "filters": [condition, by_status] } }), code, message)
}

/// A condition on Envoy's attributes.
fn cel(expression: &str) -> Value {
    json!({
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": expression,
            },
        },
    })
}

fn error(filter: Value, code: i64, message: &'static str) -> Value {
    // A percent sign would begin one of Envoy's format commands.
    let body = Refusal::transport(0, code, message).body(None).replace('%', "%%");
    json!({
        "filter": filter,
        "body_format_override": {
            "content_type": "application/json",
            "text_format_source": { "inline_string": body },
        },
    })
}
