//! The tool `json_validate`.

use rmcp::{
    handler::server::wrapper::{Json, Parameters},
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::ToolsServer;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct JsonValidateArguments {
    /// The text to check.
    json: String,
}

/// What is known about a text that may be JSON.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct JsonVerdict {
    /// Whether the text is one JSON value.
    valid: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The line of the fault, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The column of the fault, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

#[tool_router(router = json_validate_router, vis = "pub(super)")]
impl ToolsServer {
    #[tool(
        title = "Validate JSON",
        description = "Checks whether a text is one valid JSON value (RFC 8259), and where it is not.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn json_validate(&self, Parameters(arguments): Parameters<JsonValidateArguments>) -> Json<JsonVerdict> {
        Json(judge(&arguments.json))
    }
}

fn judge(text: &str) -> JsonVerdict {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => JsonVerdict { valid: true, error: None, line: None, column: None },
        Err(error) => JsonVerdict {
            valid: false,
            error: Some(error.to_string()),
            line: Some(error.line()),
            column: Some(error.column()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn values_of_every_kind_are_valid() {
        for text in ["null", "1e400", "\"\\u00e9\"", "[]", r#"{"a": {"b": [1, true]}}"#] {
            assert!(judge(text).valid, "{text}");
        }
    }

    #[test]
    fn a_fault_is_located() {
        let verdict = judge("{\n  \"a\": ,\n}");
        assert!(!verdict.valid);
        assert_eq!((verdict.line, verdict.column), (Some(2), Some(8)));
    }

    #[test]
    fn nothing_and_two_values_are_not_valid() {
        assert!(!judge("").valid);
        assert!(!judge("1 2").valid);
    }
}
