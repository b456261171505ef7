//! How each server is, as `/status` tells it.

use crate::catalog::Conflict;
use protocol::era::Era;
use serde::Serialize;

/// The whole gateway, in the order of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// Version of the configuration that is in force, if it has one.
    #[serde(rename = "config", skip_serializing_if = "Option::is_none")]
    pub config_version: Option<String>,
    /// One entry a registered server.
    pub servers: Vec<ServerStatus>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Its prefix; empty for none.
    pub prefix: String,
    /// Whether its tools are offered.
    pub state: State,
    /// The eras that it was found to speak and that the configuration allows.
    pub eras: Vec<Era>,
    /// The revisions of MCP that it was found to speak.
    pub revisions: Vec<String>,
    /// How it is reached: `streamable-http`, `sse` or `stdio`. `None` before it has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<&'static str>,
    /// When it last answered the broker, in RFC 3339. `None` if it never did. What Envoy sends to it by itself does not count.
    #[serde(rename = "lastContact", skip_serializing_if = "Option::is_none")]
    pub last_contact: Option<String>,
    /// Tools that clients see, of the era with the most.
    pub tools: usize,
    /// Prompts that clients see, of the era with the most.
    pub prompts: usize,
    /// Resources that clients see, of the era with the most.
    pub resources: usize,
    /// Resource templates that clients see, of the era with the most.
    pub templates: usize,
    /// Why it is down, or what it was last found doing wrong. In the gateway's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Names and URIs of it that no client sees, and why.
    pub conflicts: Vec<Conflict>,
}

/// Whether a server can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not asked yet, or has not answered yet.
    Connecting,
    /// Its lists are known.
    Ready,
    /// It wants to know its caller, so the gateway itself can ask it nothing; callers that show who they are can use it. See
    /// [`ServerStatus::error`].
    #[serde(rename = "per-caller")]
    PerCaller,
    /// It failed and is tried again; see [`ServerStatus::error`].
    Down,
}
