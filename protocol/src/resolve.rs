//! What the filter asks the broker: "this caller wants this name: where does it go, and with what?"
//!
//! `POST /resolve` on the broker's internal port, a [`Question`] as JSON; 200 with [`crate::http::header::RESOLVED`] and an
//! [`Answer`] as JSON. Anything else means that the broker is not available. `POST /table` takes a [`Report`] and gives [`News`];
//! `POST /changed` takes a [`Changed`].

use crate::caller::Shown;
use crate::config::{Editing, Route};
use crate::era::Era;
use crate::error::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Path of [`Question`]s on the broker's internal port.
pub const PATH: &str = "/resolve";
/// Path of [`Report`]s on the broker's internal port.
pub const TABLE_PATH: &str = "/table";

/// Path of [`Changed`] on the broker's internal port.
pub const CHANGED_PATH: &str = "/changed";

/// A server said, in an answer of a client's own session, that its lists changed: from then on they are that session's own.
/// Answered with 204.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// `Mcp-Session-Id` as the client sent it.
    pub session: String,
    /// The server's name.
    pub server: String,
}

/// Who wants what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The client's era.
    pub era: Era,
    /// `Mcp-Session-Id` as the client sent it (legacy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What the client shows to servers that tell callers apart: all of it in a session, which is one caller's, else what the
    /// target's server is sent.
    #[serde(default, skip_serializing_if = "Shown::is_empty")]
    pub shown: Shown,
    /// What is looked for.
    pub target: Target,
}

/// A server by its name, or what an unprefixed one of them has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// The prefix has already told.
    Server(Arc<str>),
    /// An unprefixed tool.
    Tool(String),
    /// An unprefixed prompt.
    Prompt(String),
    /// A URI without a registered key.
    Resource(String),
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The state of the broker's truth that this was decided in, see [`News::epoch`].
    pub epoch: u64,
    /// Seconds for which it may be kept.
    pub ttl: u32,
    /// What to do.
    pub outcome: Outcome,
}

/// What to do with the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Straight to a server.
    Route(Destination),
    /// To the broker, which carries it on itself.
    Bridge,
    /// Nowhere: this is the client's answer. Never cached.
    Refuse(Refusal),
}

/// How a server is to be called for this caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// The server's name.
    pub server: String,
    /// Envoy's route for it.
    pub route: Route,
    /// `:path` of its endpoint, query included.
    pub path: String,
    /// Headers to set on requests to it: credentials, mostly. Names in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Headers of the client that it is sent as they are. Names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_headers: Vec<String>,
    /// `Mcp-Session-Id` of the upstream session; `None` for a server without sessions, and for modern calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// `MCP-Protocol-Version` that the upstream session settled (legacy), or that the client sent (modern).
    pub protocol_version: String,
    /// `http:` and `https:` URIs that the server lists or templates: in a link such a URI is the gateway's only if it is
    /// one of these, or continues one that ends with `*`.
    #[serde(default, skip_serializing_if = "no_uris")]
    pub web_uris: Arc<[String]>,
}

fn no_uris(uris: &Arc<[String]>) -> bool {
    uris.is_empty()
}

/// What a filter tells of itself. It does so once a second at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The proxy: `node.id` of Envoy.
    pub instance: String,
    /// Version of the [`ServerTable`] that it goes by; `None` if it has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The epoch that it knows. The broker waits a moment for another one before it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

/// What a filter is told in return.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct News {
    /// Changes when decisions already given may no longer hold: the servers, their routes, eras or names changed, or a broker
    /// without replicas was started anew. Replicas that see the same say the same. Sessions that ended do not change it. Compared for equality only.
    pub epoch: u64,
    /// The table, if it is another one than the filter has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<ServerTable>,
}

/// What names mean to the filter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerTable {
    /// Changes with the content, and only with it.
    pub version: String,
    /// Unique by name and, where they have one, by prefix.
    pub servers: Vec<ServerEntry>,
    /// How servers' messages are changed.
    #[serde(default)]
    pub editing: Editing,
}

/// A server, as far as names lead to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerEntry {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its prefix; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Milliseconds until its answer has to begin.
    pub timeout_ms: u64,
    /// Headers by which it tells callers apart. Names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_headers: Vec<String>,
}
