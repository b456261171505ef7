//! A legacy MCP client.

use super::{Events, Http, Reply, Request};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The revision that a client asks for where a test does not care.
const REVISION: &str = "2025-11-25";

/// A session with the gateway.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its connections.
    pub http: Http,
    /// The endpoint.
    pub url: String,
    /// `Mcp-Session-Id`.
    pub id: String,
    /// The revision that was settled.
    pub revision: String,
    next: Arc<AtomicU64>,
}

/// An `initialize` request.
pub fn initialize(revision: &str, capabilities: &Value) -> String {
    let params = json!({
        "protocolVersion": revision,
        "capabilities": capabilities,
        "clientInfo": { "name": "test", "version": "1" },
    });
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string()
}

impl Session {
    /// Opens a session for a client that can do nothing in particular.
    pub async fn open(url: &str) -> Self {
        Self::open_with(&Http::new(), url, REVISION, &json!({})).await
    }

    /// Opens a session for a client that can be asked anything.
    pub async fn able(url: &str) -> Self {
        let capabilities = json!({ "elicitation": {}, "sampling": {}, "roots": { "listChanged": true } });
        Self::open_with(&Http::new(), url, REVISION, &capabilities).await
    }

    /// Opens a session.
    ///
    /// # Panics
    ///
    /// When the gateway opens none.
    pub async fn open_with(http: &Http, url: &str, revision: &str, capabilities: &Value) -> Self {
        let reply = http.post(url).send(initialize(revision, capabilities)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let revision = reply.message()["result"]["protocolVersion"].as_str().expect("a revision").to_owned();
        let id = reply.header("mcp-session-id").to_owned();
        assert!(!id.is_empty(), "a session has an id");
        Self { http: http.clone(), url: url.to_owned(), id, revision, next: Arc::new(AtomicU64::new(1)) }
    }

    /// The same session at another endpoint.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// A request in this session.
    pub fn request(&self, method: &str) -> Request {
        self.http.request(method, &self.url).header("mcp-session-id", &self.id)
    }

    /// A POST in this session.
    pub fn post(&self) -> Request {
        self.http.post(&self.url).header("mcp-session-id", &self.id).header("mcp-protocol-version", &self.revision)
    }

    /// A number that no other request of this session has.
    pub fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Posts a message and waits for the answer.
    pub async fn send(&self, message: impl Into<bytes::Bytes>) -> Reply {
        self.post().send(message).await
    }

    /// The answer to a request.
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": self.next_id(), "method": method, "params": params });
        let reply = self.send(request.to_string()).await;
        let message = reply.message();
        assert_eq!(message["id"], request["id"], "{message}");
        message
    }

    /// The answer to a call of a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// The events that answer a call of a tool.
    pub async fn call_events(&self, tool: &str) -> Events {
        let params = json!({ "name": tool, "arguments": {}, "_meta": { "progressToken": "t" } });
        let request = json!({ "jsonrpc": "2.0", "id": self.next_id(), "method": "tools/call", "params": params });
        self.post().open(request.to_string()).await.events()
    }

    /// The names of all tools.
    ///
    /// # Panics
    ///
    /// When the answer is no list.
    pub async fn tools(&self) -> Vec<String> {
        let answer = self.ask("tools/list", json!({})).await;
        let tools = answer["result"]["tools"].as_array().expect("a list of tools").clone();
        tools.iter().filter_map(|tool| Some(tool["name"].as_str()?.to_owned())).collect()
    }

    /// Opens the GET stream. It is open when this returns.
    pub async fn listen(&self) -> Events {
        self.request("GET").header("accept", "text/event-stream").open("").await.events()
    }

    /// Ends the session; the status that the gateway answers.
    pub async fn end(&self) -> u16 {
        self.request("DELETE").send("").await.status
    }
}
