//! Tools in lists.

use crate::era::needs_task;
use crate::json::Object;
use crate::param_header;

/// Whether modern clients can be offered a tool (raw JSON) that a legacy server lists. It is shown to them as it is.
///
/// # Errors
/// Why not, for a person.
pub fn tool(tool: &str) -> Result<(), String> {
    let object = Object::read(tool).ok_or("it is no object")?;
    if needs_task(tool) {
        return Err("it runs only as a task of 2025-11-25, which the modern era has no form for".to_owned());
    }
    object.get("inputSchema").map_or(Ok(()), |schema| param_header::mirrored(schema).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn tools_that_could_not_be_called_are_named() {
        assert_eq!(tool(r#"{"name":"a","execution":{"taskSupport":"optional"}}"#), Ok(()));
        assert!(tool(r#"{"name":"a","execution":{"taskSupport":"required"}}"#).unwrap_err().contains("task"));
        let bad = r#"{"inputSchema":{"type":"object","properties":{"p":{"type":"number","x-mcp-header":"P"}}}}"#;
        assert!(tool(bad).unwrap_err().contains("`p`"));
        assert!(tool("5").is_err());
    }
}
