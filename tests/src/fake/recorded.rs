//! What arrived at a server.

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A request, as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// HTTP method.
    pub verb: String,
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
    /// JSON-RPC method; `None` for an answer of the client.
    pub method: Option<String>,
    /// JSON-RPC id, raw.
    pub id: Option<String>,
    /// `params.name` or `params.uri`.
    pub target: Option<String>,
    /// It is of 2026-07-28.
    pub modern: bool,
}

#[derive(Deserialize, Default)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    name: Option<String>,
    uri: Option<String>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

impl Recorded {
    pub(super) fn new(parts: &http::request::Parts, body: Bytes) -> Self {
        let envelope: Envelope<'_> = serde_json::from_slice(&body).unwrap_or_default();
        let params: Params<'_> =
            envelope.params.and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or_default();
        let (id, method) = (envelope.id.map(|id| id.get().to_owned()), envelope.method);
        let target = params.name.or(params.uri);
        let modern = params.meta.is_some_and(|meta| meta.get().contains("io.modelcontextprotocol/protocolVersion"));
        Self {
            verb: parts.method.to_string(),
            path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: parts.headers.clone(),
            body,
            method,
            id,
            target,
            modern,
        }
    }

    /// A header; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The session that it names.
    pub fn session(&self) -> &str {
        self.header("mcp-session-id")
    }

    /// The body.
    ///
    /// # Panics
    ///
    /// When it is no UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("bodies are UTF-8")
    }

    /// Whether it is an answer of the client to a request of the server.
    pub fn is_answer(&self) -> bool {
        self.verb == "POST" && self.method.is_none() && self.id.is_some()
    }

    pub(super) fn is(&self, method: &str) -> bool {
        self.method.as_deref() == Some(method) || self.verb == method
    }
}
