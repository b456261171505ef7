//! What an operator declared, after all checks: every default filled in, every variable replaced.

use super::session_store::SessionStore;
use super::transport::Transport;
use super::virtual_server::VirtualServer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The whole gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// Which configuration this is; `/status` tells it. `None` where nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// In the order in which they were declared, which is the order of lists.
    pub servers: Vec<Server>,
    /// Selections of what they offer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub virtual_servers: Vec<VirtualServer>,
    /// Who may come in.
    pub access: Access,
    /// Bounds.
    pub limits: Limits,
    /// How servers' messages are changed.
    pub editing: Editing,
    /// Where sessions are kept.
    #[serde(default, skip_serializing_if = "SessionStore::is_memory")]
    pub session_store: SessionStore,
}

/// One upstream MCP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// Unique; `[A-Za-z0-9._-]`, 63 bytes at most.
    pub name: String,
    /// In front of its tools' and prompts' names, separator included; empty for none.
    pub prefix: String,
    /// How it is reached.
    pub transport: Transport,
    /// Absolute `http` or `https` URL of its MCP endpoint, query included; empty for a process.
    pub url: String,
    /// Host name or IP address that connections go to, where `url` has only the name that `Host` and the certificate have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Sent with every request to it: credentials, mostly. Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The client's own values of these headers are sent to it too, so that it may tell callers apart. Names in lower case, each
    /// once and none of `headers`. A server that has any has a prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_headers: Vec<String>,
    /// How its lists are kept.
    #[serde(default, skip_serializing_if = "Cache::is_default")]
    pub cache: Cache,
    /// The certificate authorities to trust for `https` instead of the system's, in PEM form.
    pub ca: Option<String>,
    /// Which of its eras is used.
    pub era: EraChoice,
    /// What happens when it forgets a session.
    pub on_session_loss: OnSessionLoss,
    /// How long it may take to connect and to begin an answer, in milliseconds. Running answers have no limit.
    pub timeout_ms: u64,
    /// Envoy's route for it. `None` while there is none: then the broker carries its calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
}

/// How a server's lists are kept, where the operator knows more than the server tells (2026-07-28, *Caching*).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cache {
    /// Who may share them. `None`: whom the server's `cacheScope` says, and with legacy servers nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<CacheScope>,
    /// Milliseconds after which they are asked for again in any case, and before which those of a legacy server are not, unless it
    /// tells of changes. `None`: [`Cache::DEFAULT_MAX_AGE`], and legacy servers are asked for every client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_ms: Option<u64>,
}

impl Cache {
    /// What holds where nothing is declared.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(300);

    /// No list is kept for longer without asking again.
    pub fn max_age(&self) -> Duration {
        self.max_age_ms.map_or(Self::DEFAULT_MAX_AGE, Duration::from_millis)
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Who may share a list: `cacheScope` of 2026-07-28.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheScope {
    /// All clients: `public`.
    Shared,
    /// Nobody but the client that asked.
    Private,
}

/// What a request has to carry, beside the server's path, for Envoy's route to take it to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// `:authority`: a host under [`crate::http::INTERNAL_HOST`], or the gateway's public host. The route puts the server's own
    /// host in its place.
    pub authority: String,
    /// [`crate::http::header::SERVER`], where the host alone does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_header: Option<String>,
}

/// Which of a server's eras is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EraChoice {
    /// Those that the probe finds; the client's own where there is a choice.
    #[default]
    Auto,
    /// Only `initialize` and sessions.
    Legacy,
    /// Only `2026-07-28`.
    Modern,
}

/// What happens when a server no longer knows a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSessionLoss {
    /// A new one is opened and the client does not notice.
    #[default]
    Reopen,
    /// The client's session ends too (404): for servers whose state in the session matters.
    End,
}

/// Who may come in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Values of `Origin` that are let in beside those of loopback hosts; `*` for all.
    pub allowed_origins: Vec<String>,
    /// Names in `Host` that are let in beside loopback's; `*` for all. Without port.
    pub allowed_hosts: Vec<String>,
}

/// Bounds on what the gateway keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Bytes of a request body that may be held until the tool's name is known.
    pub held_body_bytes: u32,
    /// Seconds until an unused session of a client ends.
    pub session_idle_seconds: u64,
    /// Sessions that are kept at once; the oldest unused one ends first.
    pub sessions: usize,
    /// Items of a list in one answer; clients ask for the rest with a cursor.
    pub list_page: usize,
    /// Seconds for which a client may take to answer what a server asked it during a call, each time.
    pub input_seconds: u64,
    /// How often a server may ask a client during one call.
    pub input_rounds: u32,
    /// Milliseconds for which further questions are waited for, so that a modern client gets them together with the first.
    pub input_batch_ms: u64,
    /// Sessions with legacy servers that are open for modern clients at once.
    pub pooled_sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_body_bytes: 1 << 20,
            session_idle_seconds: 24 * 3600,
            sessions: 100_000,
            list_page: 1000,
            input_seconds: 600,
            input_rounds: 8,
            input_batch_ms: 50,
            pooled_sessions: 4096,
        }
    }
}

/// How servers' messages are changed, beside what routing needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Editing {
    /// Members of `_meta` that hold a URI of the server, beside those of MCP Apps.
    pub uri_meta_keys: Vec<String>,
    /// The server's name stands before the message of its elicitations: a client can only show that the gateway asks.
    pub label_elicitations: bool,
}

impl Default for Editing {
    fn default() -> Self {
        Self { uri_meta_keys: vec!["openai/outputTemplate".to_owned()], label_elicitations: false }
    }
}
