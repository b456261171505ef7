//! Tools in lists.

use super::schema;
use crate::json::{Change, Object};
use crate::param_header;

/// A tool (raw JSON) that a modern server lists, as legacy clients see it. For one tool that breaks their rules several
/// clients refuse the whole list.
///
/// # Errors
/// Why it cannot be offered, for a person: the gateway could not call it.
pub fn tool(tool: &str) -> Result<String, String> {
    let Some(object) = Object::read(tool) else { return Err("it is no object".to_owned()) };
    if let Some(input) = object.get("inputSchema") {
        param_header::mirrored(input)?;
    }
    Ok(object.edit(
        |name, value| match name {
            "inputSchema" => Change::Value(schema::without_booleans(value)),
            "outputSchema" if schema::is_object(value) => Change::Value(schema::without_booleans(value)),
            "outputSchema" => Change::Value(schema::wrap(value)),
            _ => Change::Keep,
        },
        &[],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_tool_keeps_all_that_legacy_clients_can_read() {
        let plain =
            r#"{"name":"a", "inputSchema":{"type":"object","x":1.0},"outputSchema":{"type":"object"},"y":[1e400]}"#;
        assert_eq!(tool(plain).unwrap(), plain);
        let odd =
            r#"{"name":"a","inputSchema":{"type":"object","properties":{"p":true}},"outputSchema":{"type":"array"}}"#;
        let shown = r#"{"name":"a","inputSchema":{"type":"object","properties":{"p":{}}},"outputSchema":{"type":"object","properties":{"result":{"type":"array"}},"required":["result"]}}"#;
        assert_eq!(tool(odd).unwrap(), shown);
    }

    #[test]
    fn a_tool_that_cannot_be_called_is_not_shown() {
        let bad =
            r#"{"name":"a","inputSchema":{"type":"object","properties":{"p":{"type":"number","x-mcp-header":"P"}}}}"#;
        assert!(tool(bad).unwrap_err().contains("`p`"));
        assert!(tool("5").is_err());
    }
}
