//! Clients of both eras, as plain as can be.

use crate::fake::PATIENCE;
use protocol::sse::{Decoder, Event};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// A legacy client in a session.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) session: String,
    pub(crate) initialized: Value,
}

pub(crate) fn initialize(revision: &str) -> Value {
    initialize_with(revision, json!({"elicitation": {}, "roots": {"listChanged": true}}))
}

fn initialize_with(revision: &str, capabilities: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": revision,
        "capabilities": capabilities,
        "clientInfo": {"name": "test", "version": "1"},
    }})
}

impl Client {
    pub(crate) async fn connect(http: &reqwest::Client, base: &str, revision: &str) -> Client {
        Self::open(http, base, &initialize(revision)).await
    }

    /// A client that declares these capabilities.
    pub(crate) async fn capable(http: &reqwest::Client, base: &str, capabilities: Value) -> Client {
        Self::open(http, base, &initialize_with("2025-11-25", capabilities)).await
    }

    async fn open(http: &reqwest::Client, base: &str, initialize: &Value) -> Client {
        let url = format!("{base}/mcp");
        let answer = post(http.post(&url), &initialize.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let session = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let initialized = json(answer).await["result"].clone();
        Client { http: http.clone(), url, session, initialized }
    }

    pub(crate) fn post(&self, message: &Value) -> RequestBuilder {
        self.post_raw(&message.to_string())
    }

    pub(crate) fn post_raw(&self, message: &str) -> RequestBuilder {
        post(self.http.post(&self.url), message).header("mcp-session-id", &self.session)
    }

    /// The result of a request, or its error, in JSON or as events.
    pub(crate) async fn ask(&self, id: i64, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let answer = self.post(&message).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{method}");
        if answer.headers()["content-type"] == "application/json" {
            let answer = json(answer).await;
            assert_eq!(answer["id"], id);
            return answer;
        }
        let mut events = Events::of(answer);
        loop {
            let message = events.next().await.expect("an answer");
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    pub(crate) async fn call(&self, id: i64, tool: &str) -> Value {
        self.ask(id, "tools/call", json!({"name": tool, "arguments": {}})).await
    }

    /// Begins a call that is answered with events.
    pub(crate) async fn stream(&self, id: i64, tool: &str) -> Events {
        let params = json!({"name": tool, "arguments": {}, "_meta": {"progressToken": "p"}});
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        let answer = self.post(&message).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Events::of(answer)
    }

    /// Sends what needs no answer.
    pub(crate) async fn tell(&self, message: Value) {
        let answer = self.post(&message).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        assert_eq!(answer.bytes().await.unwrap().len(), 0);
    }

    pub(crate) fn get(&self) -> RequestBuilder {
        self.http.get(&self.url).header("mcp-session-id", &self.session).header("accept", "text/event-stream")
    }

    /// Opens a GET stream.
    pub(crate) async fn listen(&self) -> Events {
        let answer = self.get().send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-cache, no-transform");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        Events::of(answer)
    }

    pub(crate) async fn delete(&self) -> u16 {
        let request = self.http.delete(&self.url).header("mcp-session-id", &self.session);
        request.send().await.unwrap().status().as_u16()
    }
}

/// A request that lists names in the order given.
pub(crate) fn names(list: &Value, member: &str) -> Vec<String> {
    let items = list["result"][member].as_array().unwrap_or_else(|| panic!("no {member} in {list}"));
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn post(request: RequestBuilder, message: &str) -> RequestBuilder {
    request
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(message.to_owned())
}

pub(crate) async fn json(answer: Response) -> Value {
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// A modern client.
pub(crate) struct Modern {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
}

impl Modern {
    pub(crate) fn request(&self, id: &Value, method: &str, mut params: Value) -> RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let mut request = post(self.http.post(&self.url), &message.to_string())
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if let Some(name) = message["params"]["name"].as_str().or(message["params"]["uri"].as_str()) {
            request = request.header("mcp-name", name);
        }
        request
    }

    /// A request of a client that declares `capabilities`, with more in `_meta`.
    pub(crate) fn capable(
        &self,
        id: &Value,
        method: &str,
        params: Value,
        capabilities: &Value,
        meta: Value,
    ) -> RequestBuilder {
        let built = self.request(id, method, params).build().unwrap();
        let mut message: Value = serde_json::from_slice(built.body().unwrap().as_bytes().unwrap()).unwrap();
        let all = message["params"]["_meta"].as_object_mut().unwrap();
        all.insert("io.modelcontextprotocol/clientCapabilities".into(), capabilities.clone());
        all.extend(meta.as_object().unwrap().clone());
        let mut headers = built.headers().clone();
        headers.remove("content-length");
        self.http.post(built.url().clone()).headers(headers).body(message.to_string())
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.request(&json!(1), method, params).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{method}");
        json(answer).await
    }

    /// Opens a subscription, whose acknowledgement has come.
    pub(crate) async fn listen(&self, filter: Value) -> Events {
        let request = self.request(&json!("sub"), "subscriptions/listen", json!({"notifications": filter}));
        let mut events = Events::of(request.send().await.unwrap());
        events.next_of("notifications/subscriptions/acknowledged").await;
        events
    }

    pub(crate) async fn status(&self, method: &str, params: Value) -> (u16, i64) {
        let answer = self.request(&json!(1), method, params).send().await.unwrap();
        (answer.status().as_u16(), json(answer).await["error"]["code"].as_i64().unwrap_or_default())
    }
}

/// The response at the end of an answer in JSON or as events.
pub(crate) async fn last(answer: Response) -> Value {
    if answer.headers()["content-type"] == "application/json" {
        return json(answer).await;
    }
    let (mut events, mut last) = (Events::of(answer), Value::Null);
    while let Some(message) = events.next().await {
        last = message;
    }
    last
}

/// Messages of a stream.
pub(crate) struct Events {
    answer: Response,
    decoder: Decoder,
    ready: VecDeque<Event>,
}

impl Events {
    pub(crate) fn of(answer: Response) -> Self {
        Self { answer, decoder: Decoder::new(1 << 20), ready: VecDeque::new() }
    }

    /// The next event, with or without data; `None` when the stream has ended.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        while self.ready.is_empty() {
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.expect("an event in time");
            self.ready.extend(self.decoder.push(&chunk.ok()??).unwrap());
        }
        self.ready.pop_front()
    }

    /// The next message; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let data = self.event().await?.data;
            if !data.is_empty() {
                return Some(serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// The next message with this method.
    pub(crate) async fn next_of(&mut self, method: &str) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|| panic!("the stream ended before {method}"));
            if message["method"] == method {
                return message;
            }
        }
    }

    /// The response to the request with this id.
    pub(crate) async fn answer_to(&mut self, id: impl Into<Value>) -> Value {
        let id = id.into();
        loop {
            let message = self.next().await.unwrap_or_else(|| panic!("the stream ended before the answer to {id}"));
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }
}
