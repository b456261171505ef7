//! The tool `base64_encode`.

use base64::{Engine, engine::general_purpose::STANDARD};
use rmcp::{handler::server::wrapper::Parameters, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ToolsServer;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Base64EncodeArguments {
    /// The text to encode; its UTF-8 bytes are what is encoded.
    text: String,
}

#[tool_router(router = base64_encode_router, vis = "pub(super)")]
impl ToolsServer {
    #[tool(
        title = "Base64 encode",
        description = "Encodes text as Base64 (RFC 4648 section 4, with padding).",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn base64_encode(&self, Parameters(arguments): Parameters<Base64EncodeArguments>) -> String {
        STANDARD.encode(arguments.text)
    }
}
