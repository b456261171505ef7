//! Servers of other SDKs. What each offers is told in `tests/peers/README.md`.

use super::folder;
use crate::process::Server;
use std::path::Path;

/// npm `@modelcontextprotocol/server-everything`: legacy.
pub async fn everything() -> Server {
    node("everything.mjs", &[]).await
}

/// npm `@modelcontextprotocol/server`: `modern`, `both` (legacy without sessions) or `legacy` (with sessions).
pub async fn typescript(era: &str) -> Server {
    node("ts-modern.mjs", &["--era", era]).await
}

/// PyPI `mcp`: both eras, legacy with sessions.
pub async fn python() -> Server {
    venv("py-server.py").await
}

/// PyPI `fastmcp`: both eras, legacy with sessions.
pub async fn fastmcp() -> Server {
    venv("fastmcp-server.py").await
}

async fn node(script: &str, args: &[&str]) -> Server {
    let script = folder().join("servers").join(script);
    let script = script.to_str().expect("paths are UTF-8");
    Server::start(Path::new("node"), &[&[script], args].concat()).await
}

async fn venv(script: &str) -> Server {
    let script = folder().join("servers").join(script);
    Server::start(&folder().join("bin/python"), &[script.to_str().expect("paths are UTF-8")]).await
}
