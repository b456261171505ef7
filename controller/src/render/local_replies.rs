//! What Envoy answers by itself, in MCP's words: JSON-RPC errors with the id `null`, since Envoy reads no bodies.
//!
//! Answers of the filter are local replies too, and stay as they are.

use protocol::error::{Refusal, code};
use serde_json::{Value, json};

/// `local_reply_config` of the connection manager.
pub(super) fn config() -> Value {
    let mappers = [
        reply(400, code::TRANSPORT, "This is no HTTP request that the gateway can read."),
        reply(404, code::TRANSPORT, "Nothing is at this path: the MCP endpoint is /mcp."),
        reply(413, code::TRANSPORT, "The request is too large."),
        reply(431, code::TRANSPORT, "The request's headers are too large."),
        reply(503, code::INTERNAL, "The gateway cannot reach what should answer this: try again."),
        reply(504, code::INTERNAL, "What should answer this did not do so in time."),
        error(none_of_the_filter(), code::INTERNAL, "The gateway could not serve this request."),
    ];
    json!({ "mappers": mappers })
}

/// The error for replies with one status.
fn reply(status: u16, code: i64, message: &'static str) -> Value {
    let by_status = json!({
        "status_code_filter": {
            "comparison": {
                "op": "EQ",
                "value": { "default_value": status, "runtime_key": format!("mcp_gateway.reply_{status}") },
            },
        },
    });
    error(json!({ "and_filter": { "filters": [none_of_the_filter(), by_status] } }), code, message)
}

/// Envoy gives a reason for each of its own replies; a filter in Wasm gives none.
fn none_of_the_filter() -> Value {
    json!({
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": "response.code_details != ''",
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
