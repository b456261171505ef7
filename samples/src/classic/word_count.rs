//! The tool `word_count`.

use rmcp::{handler::server::wrapper::Parameters, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ClassicServer;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct WordCountArguments {
    /// The text to look at.
    text: String,
}

#[tool_router(router = word_count_router, vis = "pub(super)")]
impl ClassicServer {
    #[tool(description = "Counts the words of a text: what white space keeps apart.")]
    fn word_count(&self, Parameters(WordCountArguments { text }): Parameters<WordCountArguments>) -> String {
        text.split_whitespace().count().to_string()
    }
}
