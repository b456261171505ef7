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

/// The same over HTTP+SSE of 2024-11-05.
pub async fn everything_sse() -> Server {
    node("everything.mjs", &["--transport", "sse"]).await
}

/// Commands of servers on their standard streams.
pub mod command {
    use super::super::folder;
    use std::path::Path;

    /// npm `@modelcontextprotocol/server-everything`: legacy.
    pub fn everything() -> Vec<String> {
        npm("server-everything", &["stdio"])
    }

    /// npm `@modelcontextprotocol/server-memory`: legacy. Its file is named by `MEMORY_FILE_PATH`.
    pub fn memory() -> Vec<String> {
        npm("server-memory", &[])
    }

    /// npm `@modelcontextprotocol/server-filesystem`: legacy.
    pub fn filesystem(directory: &Path) -> Vec<String> {
        npm("server-filesystem", &[&text(directory)])
    }

    /// npm `@modelcontextprotocol/server`: 2026-07-28 only.
    pub fn typescript() -> Vec<String> {
        vec!["node".to_owned(), text(&folder().join("servers/ts-modern.mjs")), "--stdio".to_owned()]
    }

    /// PyPI `mcp-server-time`.
    pub fn time() -> Vec<String> {
        vec![text(&folder().join("bin/python")), "-m".to_owned(), "mcp_server_time".to_owned()]
    }

    fn npm(package: &str, args: &[&str]) -> Vec<String> {
        let script = format!("../node_modules/@modelcontextprotocol/{package}/dist/index.js");
        let own = ["node".to_owned(), text(&folder().join(script))];
        own.into_iter().chain(args.iter().map(|arg| (*arg).to_owned())).collect()
    }

    fn text(path: &Path) -> String {
        path.to_str().expect("paths are UTF-8").to_owned()
    }
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
