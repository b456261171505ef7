//! Errors as a client sees them: an HTTP status and a JSON-RPC error object.
//!
//! Status codes differ by era (`2026-07-28`, *Transports*): to a legacy client an error that answers a well-formed request
//! is always 200, since 404 would tell it that its session is gone; a modern client gets the status that belongs to the code.

use crate::era::Era;
use crate::jsonrpc::Id;
use std::borrow::Cow;

/// JSON-RPC and MCP error codes.
pub mod code {
    /// The body is not JSON.
    pub const PARSE: i64 = -32700;
    /// JSON, but no JSON-RPC message, or none that is allowed here.
    pub const INVALID_REQUEST: i64 = -32600;
    /// Unknown method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// Wrong or missing parameters; also unknown tools, prompts and cursors.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The gateway or a server failed.
    pub const INTERNAL: i64 = -32603;
    /// Errors of the HTTP transport: session, media type, method, origin, size.
    pub const TRANSPORT: i64 = -32000;
    /// Session unknown or ended (what the SDKs' servers use).
    pub const SESSION: i64 = -32001;
    /// Legacy: no such resource.
    pub const RESOURCE_NOT_FOUND: i64 = -32002;
    /// Modern: a header and the body disagree.
    pub const HEADER_MISMATCH: i64 = -32020;
    /// Modern: the client lacks a capability that the call needs.
    pub const MISSING_CAPABILITY: i64 = -32021;
    /// Modern: unsupported protocol version.
    pub const UNSUPPORTED_VERSION: i64 = -32022;
}

/// A request that is answered with an error.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// JSON-RPC error code, see [`code`].
    pub code: i64,
    /// What is wrong and what to do, for a person.
    pub message: Cow<'static, str>,
    /// `error.data`, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Header `Allow`, for 405.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<Cow<'static, str>>,
    /// Header `Retry-After`: what a server said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
}

impl Refusal {
    /// An error of the transport: the status says it all, whatever the era.
    pub fn transport(status: u16, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), data: None, allow: None, retry_after: None }
    }

    /// The answer to a well-formed request, with the status that `era` gives to `code`.
    pub fn answer(era: Era, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self::transport(status(era, code), code, message)
    }

    /// 404: the client has to initialize again.
    pub fn unknown_session() -> Self {
        Self::transport(404, code::SESSION, "Session not found or ended: send a new initialize request.")
    }

    /// A header that matters once is there more than once.
    pub fn repeated(header: &str) -> Self {
        Self::transport(400, code::TRANSPORT, format!("Header {header} is there more than once."))
    }

    /// Something upstream failed. `what` names the server and what happened, in the gateway's words.
    pub fn upstream(era: Era, what: impl Into<Cow<'static, str>>) -> Self {
        Self::answer(era, code::INTERNAL, what)
    }

    /// Adds `error.data`, given as JSON text.
    #[must_use]
    pub fn with_data(mut self, json: String) -> Self {
        self.data = Some(json);
        self
    }

    /// Adds header `Allow`.
    #[must_use]
    pub fn with_allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(Cow::Borrowed(methods));
        self
    }

    /// Adds header `Retry-After`, if the server had one.
    #[must_use]
    pub fn with_retry_after(mut self, when: Option<&str>) -> Self {
        self.retry_after = when.map(str::to_owned);
        self
    }

    /// The JSON-RPC error response for the request with `id`; `null` where the id could not be read.
    pub fn body(&self, id: Option<&Id>) -> String {
        let id = id.map_or("null", Id::raw);
        let message = crate::json::quote(&self.message);
        let data = self.data.as_ref().map(|d| format!(",\"data\":{d}")).unwrap_or_default();
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{},\"message\":{message}{data}}}}}", self.code)
    }
}

/// What to do about a server's HTTP status, to be put behind it; empty where there is nothing to say.
pub fn status_hint(status: u16) -> &'static str {
    match status {
        300..=399 => ", a redirect, which is not followed; name the address that it leads to instead",
        401 => "; give it the credentials that it wants (headers; in Kubernetes credentialRef)",
        403 => {
            "; give it the credentials that it wants (headers; in Kubernetes credentialRef), or let it accept the host name that it is called by"
        }
        421 => "; let it accept the host name that it is called by",
        404 | 405 => "; check its path",
        429 => "; it takes no more requests for now: try again later",
        _ => "",
    }
}

/// The HTTP status of a JSON-RPC error that answers a well-formed request.
pub fn status(era: Era, code: i64) -> u16 {
    match (era, code) {
        (Era::Legacy, _) => 200,
        (Era::Modern, code::METHOD_NOT_FOUND) => 404,
        (Era::Modern, code::HEADER_MISMATCH | code::MISSING_CAPABILITY | code::UNSUPPORTED_VERSION) => 400,
        (Era::Modern, _) => 200,
    }
}
