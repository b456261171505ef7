//! The tool `url_encode`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rmcp::{handler::server::wrapper::Parameters, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ToolsServer;

/// All but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Deserialize, JsonSchema)]
pub(crate) struct UrlEncodeArguments {
    /// The text to encode; its UTF-8 bytes are what is encoded.
    text: String,
}

#[tool_router(router = url_encode_router, vis = "pub(super)")]
impl ToolsServer {
    #[tool(
        title = "URL encode",
        description = "Percent-encodes text for use as a component of a URL; a space becomes %20.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn url_encode(&self, Parameters(arguments): Parameters<UrlEncodeArguments>) -> String {
        percent_encode(&arguments.text)
    }
}

fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::percent_encode;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(percent_encode("AZaz09-._~"), "AZaz09-._~");
        assert_eq!(percent_encode("a b&c=d/e?é"), "a%20b%26c%3Dd%2Fe%3F%C3%A9");
    }
}
