//! Official SDKs: clients that are pinned to one era, and servers that know only one.

use super::{Place, Seen};
use crate::conformance::{folder as fixtures, node};
use crate::peers::{Era, folder as peers};
use crate::process::Server;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a client may take for all its cases.
const PATIENCE: Duration = Duration::from_secs(150);

/// An SDK with a client for both eras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientSdk {
    /// npm `@modelcontextprotocol/client`.
    TypeScript,
    /// PyPI `mcp`.
    Python,
    /// crates.io `rmcp`.
    Rust,
}

/// An SDK's server of one era.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerSdk {
    /// npm `@modelcontextprotocol/sdk` 1, with sessions.
    TypeScriptLegacy,
    /// PyPI `mcp` 1, with sessions.
    PythonLegacy,
    /// npm `@modelcontextprotocol/server`, that refuses `initialize`.
    TypeScriptModern,
    /// crates.io `rmcp`, of 2026-07-28 only.
    RustModern,
}

/// The programs of `tests/fixtures/quadrants/rmcp/`, that cargo builds for the test.
#[derive(Debug, Clone, Copy)]
pub struct Rmcp {
    /// The client.
    pub client: &'static str,
    /// The server.
    pub server: &'static str,
}

impl ClientSdk {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::TypeScript, Self::Python, Self::Rust];

    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::TypeScript => "TypeScript",
            Self::Python => "Python",
            Self::Rust => "Rust",
        }
    }

    /// Runs plans, one after the other in one connection. What is missing in the end was not reached.
    ///
    /// # Errors
    ///
    /// With what the client wrote, when it did not come to its end.
    pub async fn run(self, rmcp: Rmcp, url: &str, place: &Place, plans: &[Value]) -> (Vec<Seen>, Result<(), String>) {
        let mut command = match self {
            Self::TypeScript => script(node(), "clients/ts.mjs"),
            Self::Python => script(peers().join("bin/python"), "clients/py.py"),
            Self::Rust => Command::new(rmcp.client),
        };
        command.args(["--url", url, "--era", &place.client.to_string(), "--cases", &json!(plans).to_string()]);
        let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let Ok(output) = tokio::time::timeout(PATIENCE, running).await else {
            return (Vec::new(), Err(format!("took longer than {PATIENCE:?}")));
        };
        let output = output.expect("the client can be started");
        let lines = output.stdout.split(|byte| *byte == b'\n');
        let seen = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let ended = output.status.success();
        (seen, if ended { Ok(()) } else { Err(last_line(&output.stderr)) })
    }
}

impl ServerSdk {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::TypeScriptLegacy, Self::PythonLegacy, Self::TypeScriptModern, Self::RustModern];

    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::TypeScriptLegacy | Self::TypeScriptModern => "TypeScript",
            Self::PythonLegacy => "Python",
            Self::RustModern => "Rust",
        }
    }

    /// The only era that it speaks.
    pub fn era(self) -> Era {
        match self {
            Self::TypeScriptLegacy | Self::PythonLegacy => Era::Legacy,
            Self::TypeScriptModern | Self::RustModern => Era::Modern,
        }
    }

    /// Its name in the gateway's configuration, and, with `_`, its prefix.
    pub fn id(self) -> &'static str {
        match self {
            Self::TypeScriptLegacy => "tsl",
            Self::PythonLegacy => "pyl",
            Self::TypeScriptModern => "tsm",
            Self::RustModern => "rsm",
        }
    }

    /// Starts it.
    pub async fn start(self, rmcp: Rmcp) -> Server {
        let (program, script) = match self {
            Self::TypeScriptLegacy => (node(), "ts-legacy.mjs"),
            Self::PythonLegacy => (fixtures().join("bin/python"), "py_legacy.py"),
            Self::TypeScriptModern => (node(), "ts-modern.mjs"),
            Self::RustModern => return Server::start(rmcp.server.as_ref(), &[]).await,
        };
        let script = fixtures().join("quadrants/servers").join(script);
        Server::start(&program, &[script.to_str().expect("paths are UTF-8")]).await
    }
}

/// What went wrong, without the trace that leads to it.
fn last_line(written: &[u8]) -> String {
    let text = String::from_utf8_lossy(written);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
}

fn script(interpreter: PathBuf, name: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(fixtures().join("quadrants").join(name));
    command
}
