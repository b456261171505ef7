//! The tool `sha256_hash`.

use std::fmt::Write;

use rmcp::{handler::server::wrapper::Parameters, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::ToolsServer;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Sha256HashArguments {
    /// The text to hash; its UTF-8 bytes are what is hashed.
    text: String,
}

#[tool_router(router = sha256_hash_router, vis = "pub(super)")]
impl ToolsServer {
    #[tool(
        title = "SHA-256 hash",
        description = "Computes the SHA-256 digest of text, as 64 lowercase hexadecimal digits.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn sha256_hash(&self, Parameters(arguments): Parameters<Sha256HashArguments>) -> String {
        hex_digest(arguments.text.as_bytes())
    }
}

fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::hex_digest;

    #[test]
    fn digest_matches_the_published_vector() {
        assert_eq!(hex_digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
