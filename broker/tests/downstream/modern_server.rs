//! A server of the modern era that holds clients to its rules and does what a test's script says. It may answer legacy clients too,
//! without sessions.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use futures::stream;
use protocol::config::{Cache, EraChoice, OnSessionLoss, Server, Transport};
use protocol::http::decode_value;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// A request that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) headers: HeaderMap,
    pub(crate) raw: String,
    pub(crate) json: Value,
}

impl Asked {
    pub(crate) fn method(&self) -> &str {
        self.json["method"].as_str().unwrap_or_default()
    }

    pub(crate) fn meta(&self, name: &str) -> &Value {
        &self.json["params"]["_meta"][format!("io.modelcontextprotocol/{name}")]
    }
}

/// What a script answers.
pub(crate) enum Act {
    /// A result, as JSON text.
    Result(String),
    /// An error with its HTTP status.
    Error(u16, Value),
    /// Messages, then a result, as events.
    Events(Vec<Value>, String),
    /// A message, then nothing until the client goes.
    Hang(Value),
}

pub(crate) fn result(value: &Value) -> Act {
    Act::Result(value.to_string())
}

/// `input_required` with these requests.
pub(crate) fn input(requests: &Value, state: &str) -> Act {
    result(&json!({"resultType": "input_required", "inputRequests": requests, "requestState": state}))
}

pub(crate) fn text(text: &str) -> Value {
    json!({"resultType": "complete", "content": [{"type": "text", "text": text}]})
}

type Script = dyn Fn(&Asked, usize) -> Act + Send + Sync;

/// A running server.
pub(crate) struct ModernServer {
    shared: Arc<Shared>,
    addr: SocketAddr,
    task: JoinHandle<()>,
}

struct Shared {
    script: Box<Script>,
    /// It answers legacy clients, with the text `legacy`, and shows them all tools but `new`.
    legacy: bool,
    tools: Mutex<Value>,
    asked: Mutex<Vec<Asked>>,
    told: broadcast::Sender<String>,
    hanging: watch::Sender<usize>,
}

impl Drop for ModernServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ModernServer {
    /// A server with these tools. `script` answers `tools/call`, `prompts/get`, `resources/read` and `completion/complete`; it
    /// is told how many such requests came before.
    pub(crate) async fn start(
        tools: Value,
        script: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static,
    ) -> ModernServer {
        Self::launch(tools, false, script).await
    }

    /// The same that answers legacy clients too.
    pub(crate) async fn start_for_both(
        tools: Value,
        script: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static,
    ) -> ModernServer {
        Self::launch(tools, true, script).await
    }

    async fn launch(
        tools: Value,
        legacy: bool,
        script: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static,
    ) -> ModernServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            legacy,
            tools: Mutex::new(tools),
            asked: Mutex::default(),
            told: broadcast::channel(64).0,
            hanging: watch::channel(0).0,
        });
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        ModernServer { shared, addr, task }
    }

    pub(crate) fn config(&self, name: &str, prefix: &str) -> Server {
        Server {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            transport: Transport::Auto,
            url: format!("http://{}/mcp", self.addr),
            address: None,
            headers: BTreeMap::new(),
            forward_headers: Vec::new(),
            cache: Cache::default(),
            ca: None,
            era: EraChoice::Auto,
            on_session_loss: OnSessionLoss::Reopen,
            timeout_ms: 60_000,
            route: Some(crate::rig::route(name)),
        }
    }

    pub(crate) fn set_tools(&self, tools: Value) {
        *self.shared.tools.lock().unwrap() = tools;
    }

    /// Requests with this method.
    pub(crate) fn asked(&self, method: &str) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().iter().filter(|asked| asked.method() == method).cloned().collect()
    }

    /// Sends a message on all subscriptions.
    pub(crate) fn say(&self, message: &Value) {
        self.shared.told.send(message.to_string()).unwrap();
    }

    /// Waits until so many requests hang.
    pub(crate) async fn hanging(&self, count: usize) {
        let mut hanging = self.shared.hanging.subscribe();
        tokio::time::timeout(crate::fake::PATIENCE, hanging.wait_for(|now| *now == count)).await.unwrap().unwrap();
    }
}

async fn handle(State(shared): State<Arc<Shared>>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let raw = String::from_utf8(body.to_vec()).unwrap();
    let asked = Asked { headers, json: serde_json::from_str(&raw.replace("1e400", "1")).unwrap(), raw };
    let before = {
        let mut all = shared.asked.lock().unwrap();
        all.push(asked.clone());
        all.iter().filter(|a| is_scripted(a.method())).count()
    };
    if shared.legacy && asked.meta("protocolVersion").is_null() {
        return match asked.method() {
            "initialize" => answer(
                &asked,
                &json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "s", "version": "1"}})
                .to_string(),
            ),
            "tools/list" => {
                let mut tools = shared.tools.lock().unwrap().clone();
                tools.as_array_mut().unwrap().retain(|tool| tool["name"] != "new");
                answer(&asked, &json!({"tools": tools}).to_string())
            }
            "tools/call" => answer(&asked, &text("legacy").to_string()),
            method if method.starts_with("notifications/") => StatusCode::ACCEPTED.into_response(),
            _ => answer(&asked, "{}"),
        };
    }
    if let Err((status, error)) = check(&asked) {
        return refuse(&asked, status, &error);
    }
    let cached = |mut list: Value| {
        list["resultType"] = json!("complete");
        list["ttlMs"] = json!(60000);
        list["cacheScope"] = json!("public");
        answer(&asked, &list.to_string())
    };
    match asked.method() {
        "server/discover" => cached(json!({
            "supportedVersions": ["2026-07-28"], "instructions": "Only modern.",
            "capabilities": {"tools": {"listChanged": true}, "prompts": {}, "resources": {"subscribe": true},
                "logging": {}, "completions": {}},
        })),
        "tools/list" => cached(json!({"tools": *shared.tools.lock().unwrap()})),
        "prompts/list" => cached(json!({"prompts": [{"name": "greet"}]})),
        "resources/list" => cached(json!({"resources": [{"uri": "file:///a", "name": "a"}]})),
        "resources/templates/list" => {
            cached(json!({"resourceTemplates": [{"uriTemplate": "file:///{p}", "name": "t"}]}))
        }
        "subscriptions/listen" => listen(&shared, &asked),
        method if is_scripted(method) => act(&shared, &asked, (shared.script)(&asked, before - 1)),
        _ => refuse(&asked, 404, &json!({"code": -32601, "message": "no such method"})),
    }
}

fn is_scripted(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read" | "completion/complete")
}

/// What a modern server demands of every request.
fn check(asked: &Asked) -> Result<(), (u16, Value)> {
    let header = |name: &str| asked.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mismatch = |what: &str| Err((400, json!({"code": -32020, "message": what})));
    if header("mcp-protocol-version") != "2026-07-28" {
        return Err((400, json!({"code": -32022, "message": "no", "data": {"supported": ["2026-07-28"]}})));
    }
    if asked.meta("protocolVersion") != "2026-07-28" || !asked.meta("clientCapabilities").is_object() {
        return Err((400, json!({"code": -32602, "message": "the envelope is missing"})));
    }
    if header("mcp-method") != asked.method() {
        return mismatch("mcp-method");
    }
    let params = &asked.json["params"];
    let name = match asked.method() {
        "tools/call" | "prompts/get" => &params["name"],
        "resources/read" => &params["uri"],
        _ => &Value::Null,
    };
    if name.as_str().is_some_and(|name| decode_value(header("mcp-name")).as_deref() != Some(name)) {
        return mismatch("mcp-name");
    }
    assert!(!asked.headers.contains_key("mcp-session-id"), "a session id in the modern era");
    Ok(())
}

fn act(shared: &Arc<Shared>, asked: &Asked, act: Act) -> Response {
    match act {
        Act::Result(result) => answer(asked, &result),
        Act::Error(status, error) => refuse(asked, status, &error),
        Act::Events(messages, result) => {
            let last = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, asked.json["id"]);
            events(stream::iter(messages.into_iter().map(|m| m.to_string()).chain([last]).collect::<Vec<_>>()))
        }
        Act::Hang(message) => {
            shared.hanging.send_modify(|count| *count += 1);
            let hangs = Hangs(Arc::clone(shared));
            let never = stream::once(async move {
                let _hangs = hangs;
                std::future::pending::<String>().await
            });
            events(stream::iter([message.to_string()]).chain(never))
        }
    }
}

/// A request that hangs for as long as this lives.
struct Hangs(Arc<Shared>);

impl Drop for Hangs {
    fn drop(&mut self) {
        self.0.hanging.send_modify(|count| *count -= 1);
    }
}

fn listen(shared: &Shared, asked: &Asked) -> Response {
    let told = shared.told.subscribe();
    let mut granted = asked.json["params"]["notifications"].clone();
    if let Some(uris) = granted["resourceSubscriptions"].as_array_mut() {
        uris.retain(|uri| uri != "file:///refused");
    }
    let meta = json!({"io.modelcontextprotocol/subscriptionId": asked.json["id"]});
    let first = json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
        "params": {"_meta": meta, "notifications": granted}});
    let later = stream::unfold(told, async |mut told| Some((told.recv().await.ok()?, told)));
    events(stream::iter([first.to_string()]).chain(later))
}

fn events(messages: impl futures::Stream<Item = String> + Send + 'static) -> Response {
    let body = messages.map(|data| Ok::<_, std::io::Error>(Bytes::from(format!("data: {data}\n\n"))));
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}

fn answer(asked: &Asked, result: &str) -> Response {
    let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, asked.json["id"]);
    ([("content-type", "application/json")], body).into_response()
}

fn refuse(asked: &Asked, status: u16, error: &Value) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": asked.json["id"], "error": error}).to_string();
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], body).into_response()
}
