//! Clients of other SDKs.

use super::{Era, Plan, Seen, folder};
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use tokio::process::Command;

/// An SDK with a client that follows a plan.
#[derive(Debug, Clone, Copy)]
pub enum Client {
    /// npm `@modelcontextprotocol/client`.
    TypeScript,
    /// PyPI `mcp`.
    Python,
}

impl Client {
    /// Connects, listens, lists everything, follows the plan, and ends its session.
    ///
    /// # Panics
    ///
    /// When anything fails that the plan does not allow to fail.
    pub async fn run(self, url: &str, era: Era, plan: &Plan) -> Seen {
        let (interpreter, script) = match self {
            Self::TypeScript => (Path::new("node").to_owned(), "clients/ts-client.mjs"),
            Self::Python => (folder().join("bin/python"), "clients/py-client.py"),
        };
        let mut command = Command::new(interpreter);
        command.arg(folder().join(script)).args(["--url", url, "--era", &era.to_string(), "--plan", &plan.json()]);
        let output = ended(command).await;
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{self:?} {era} at {url}, {}: {error}: {}", output.status, String::from_utf8_lossy(&output.stdout))
        });
        assert!(
            output.status.success() && document["failures"] == serde_json::json!([]),
            "{self:?} {era} at {url}: {}\n{}",
            document["failures"],
            String::from_utf8_lossy(&output.stderr),
        );
        Seen::of(&document)
    }
}

/// What MCP Inspector's `--cli` shows for one request: a session of its own, with `--method` and what follows as `request`.
///
/// # Panics
///
/// When it shows an error.
pub async fn inspect(url: &str, era: Era, request: &[&str]) -> Value {
    let mut command = Command::new(folder().join("bin/inspector"));
    command.args(["--server-url", url, "--transport", "http", "--protocol-era", &era.to_string()]);
    command.args(["-q", "--format", "json", "--method"]).args(request);
    let output = ended(command).await;
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(
        output.status.success() && shown["result"].is_object(),
        "Inspector {era} at {url}, {request:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    shown["result"].clone()
}

/// What the client of 2025-11-25 saw of tasks: each tool is called as a task to its end, and once more to be cancelled.
///
/// # Panics
///
/// When it ends with an error.
pub async fn tasks(url: &str, tools: &[String]) -> Value {
    tasks_of("clients/ts-tasks.mjs", url, tools).await
}

/// The same of the client of 2026-07-28.
///
/// # Panics
///
/// When it ends with an error.
pub async fn modern_tasks(url: &str, tools: &[String]) -> Value {
    tasks_of("clients/ts-modern-tasks.mjs", url, tools).await
}

async fn tasks_of(script: &str, url: &str, tools: &[String]) -> Value {
    let mut command = Command::new("node");
    command.arg(folder().join(script)).args(["--url", url]);
    command.args(tools.iter().flat_map(|tool| ["--tool", tool]));
    let output = ended(command).await;
    assert!(output.status.success(), "{script} at {url}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// The clients have a deadline of their own for each step; this one is for those that hang elsewhere.
async fn ended(mut command: Command) -> Output {
    let output = command.kill_on_drop(true).stdin(std::process::Stdio::null()).output();
    crate::within("a client", output).await.expect("the client can be started")
}
