//! How a server is reached.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a server is reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// At its `url`, in whichever way it answers there: Streamable HTTP, else HTTP+SSE (2025-11-25, *Transports*: Backwards
    /// Compatibility).
    #[default]
    Auto,
    /// At its `url`, by Streamable HTTP.
    StreamableHttp,
    /// At its `url`, by HTTP+SSE of 2024-11-05.
    Sse,
    /// As a process of this machine, on its standard streams.
    Stdio(Process),
}

impl Transport {
    /// Whether the server may speak Streamable HTTP, so that a proxy can send it requests.
    pub fn may_be_streamable_http(&self) -> bool {
        matches!(self, Self::Auto | Self::StreamableHttp)
    }
}

/// A server that the gateway starts itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// The program, looked for in `PATH`.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that it gets beside the few that every program needs.
    pub env: BTreeMap<String, String>,
    /// The folder that it runs in; the gateway's own if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Who shares a process.
    pub sharing: Sharing,
    /// Seconds without a request until it is ended. It is started again by the next request.
    pub idle_seconds: u64,
    /// Processes of this server at once.
    pub max_processes: usize,
}

/// Who shares the process of a stdio server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// Each client's session has its own, with the client's own capabilities.
    #[default]
    Session,
    /// One for all. It knows no client's capabilities, so it can ask none.
    Shared,
}
