//! A client of 2026-07-28.

use super::{Events, Http, Reply, Request};
use serde_json::{Value, json};

/// What every request of this revision carries, as a member of `params`.
pub const ENVELOPE: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// A client that is known by nothing but its requests.
#[derive(Debug, Clone)]
pub struct Modern {
    /// Its connections.
    pub http: Http,
    /// The endpoint.
    pub url: String,
}

impl Modern {
    /// A client of this endpoint.
    pub fn new(url: &str) -> Self {
        Self { http: Http::new(), url: url.to_owned() }
    }

    /// A POST whose headers say what it asks of whom; `name` as `Mcp-Name` has it, empty for none.
    pub fn post(&self, method: &str, name: &str) -> Request {
        let post = self.http.post(&self.url).header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        if name.is_empty() { post } else { post.header("mcp-name", name) }
    }

    /// The answer to a request. `params` needs no `_meta`.
    pub async fn ask(&self, method: &str, params: Value) -> Reply {
        let target = params["name"].as_str().or(params["uri"].as_str()).unwrap_or_default().to_owned();
        self.post(method, &target).send(Self::message(method, params)).await
    }

    /// The answer to a call of a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await.message()
    }

    /// The events that answer a call of a tool.
    pub async fn call_events(&self, tool: &str) -> Events {
        let message = Self::message("tools/call", json!({ "name": tool, "arguments": {} }));
        self.post("tools/call", tool).open(message).await.events()
    }

    /// A request. `params` needs no `_meta`.
    pub fn message(method: &str, mut params: Value) -> String {
        let envelope: Value = serde_json::from_str(&format!("{{{ENVELOPE}}}")).unwrap_or_default();
        params["_meta"] = envelope["_meta"].clone();
        json!({ "jsonrpc": "2.0", "id": "m", "method": method, "params": params }).to_string()
    }
}
