//! How a server is addressed: within a legacy session, or statelessly.

use super::capabilities::Capabilities;
use super::extensions::TASKS;
use super::server::Spoken;
use crate::crossing::legacy_client::Crossing;
use protocol::era::{Era, MODERN, Revision};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One way to a server.
#[derive(Debug, Clone)]
pub enum Leg {
    /// Within a session.
    Legacy(LegacySession),
    /// Each request on its own.
    Modern(Envelope),
}

impl Leg {
    /// The era that is spoken on this leg.
    pub fn era(&self) -> Era {
        match self {
            Self::Legacy(_) => Era::Legacy,
            Self::Modern(_) => Era::Modern,
        }
    }

    /// What translates for the server, if it is used in the other era.
    pub(super) fn crossing(&self) -> Option<&Crossing> {
        match self {
            Self::Legacy(session) => session.crossing.as_ref(),
            Self::Modern(_) => None,
        }
    }

    /// `MCP-Protocol-Version` of what is sent on it.
    pub fn protocol_version(&self) -> &str {
        match self {
            Self::Legacy(session) => &session.protocol_version,
            Self::Modern(envelope) => &envelope.version,
        }
    }
}

/// What every modern request carries.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// `MCP-Protocol-Version`.
    pub version: Arc<str>,
    /// `params._meta` of requests that the broker makes ([`super::Client::request`]), a JSON object that names `version` too.
    pub meta: Arc<str>,
}

impl Envelope {
    /// The broker's own: the gateway as the client, without capabilities.
    pub fn gateway() -> Self {
        Self::declaring(&serde_json::json!({}))
    }

    /// The same for what only those are told who declare to know tasks.
    pub fn with_tasks() -> Self {
        Self::declaring(&serde_json::json!({"extensions": {TASKS: {}}}))
    }

    /// The same for what a server tells clients of these `capabilities`, whoever they are.
    pub fn declaring(capabilities: &serde_json::Value) -> Self {
        let meta = serde_json::json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": gateway_info(),
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        Self { version: MODERN.into(), meta: meta.to_string().into() }
    }
}

/// The gateway as an MCP `Implementation`.
pub fn gateway_info() -> serde_json::Value {
    serde_json::json!({"name": "mcp-gateway", "title": "MCP Gateway", "version": env!("CARGO_PKG_VERSION")})
}

/// What `initialize` settled. Clones are the same session.
#[derive(Clone)]
pub struct LegacySession {
    /// `Mcp-Session-Id`; `None` for a server without sessions, which is normal.
    pub id: Option<String>,
    /// The revision that the server chose: one of the legacy ones.
    pub protocol_version: String,
    /// The server's capabilities.
    pub capabilities: Capabilities,
    /// `serverInfo`, as sent.
    pub server_info: Option<Arc<RawValue>>,
    /// `instructions`.
    pub instructions: Option<String>,
    /// Whether the server knows which messages are this session's: it does not if all share one process, and then cannot ask.
    pub exclusive: bool,
    /// Whether a message was taken in it: only then can a 400 mean that it was forgotten.
    worked: Arc<AtomicBool>,
    /// The server is used in the modern era: this translates.
    pub(super) crossing: Option<Crossing>,
}

impl LegacySession {
    pub(super) fn new(id: Option<String>, protocol_version: String) -> Self {
        Self {
            id,
            protocol_version,
            capabilities: Capabilities::default(),
            server_info: None,
            instructions: None,
            exclusive: true,
            worked: Arc::default(),
            crossing: None,
        }
    }

    /// A session with a server that is used in the modern era, as `spoken` says. Without an id: there is nothing to forget.
    pub(crate) fn crossed(crossing: Crossing, spoken: &Spoken) -> Self {
        Self {
            capabilities: spoken.capabilities.clone(),
            server_info: spoken.server_info.clone(),
            instructions: spoken.instructions.clone(),
            crossing: Some(crossing),
            ..Self::new(None, Revision::LATEST.as_str().to_owned())
        }
    }

    /// A session that another broker opened.
    pub(crate) fn resumed(id: String, protocol_version: String, capabilities: Capabilities) -> Self {
        let session = Self { capabilities, ..Self::new(Some(id), protocol_version) };
        session.mark_worked();
        session
    }

    /// Whether the server is used in the modern era.
    pub(crate) fn is_crossed(&self) -> bool {
        self.crossing.is_some()
    }

    /// Notes that the server took a message in this session.
    pub fn mark_worked(&self) {
        self.worked.store(true, Ordering::Relaxed);
    }

    /// Whether an HTTP status says that the server no longer knows this session: 404, and 400 where the session worked
    /// before (several servers answer so instead of 404).
    pub fn lost(&self, status: u16) -> bool {
        self.id.is_some() && (status == 404 || (status == 400 && self.worked.load(Ordering::Relaxed)))
    }
}

impl fmt::Debug for LegacySession {
    /// Without the id, which is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LegacySession")
            .field("id", &self.id.as_ref().map(|_| "…"))
            .field("protocol_version", &self.protocol_version)
            .finish_non_exhaustive()
    }
}
