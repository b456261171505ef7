//! Servers that answer what a test has them answer, as many as it likes behind one port.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use protocol::config::{Cache, EraChoice, OnSessionLoss, Server, Transport};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// What a server says to a request, without `jsonrpc` and `id`: messages, the last of which is the response; if it is a request of
/// the server's own, no response comes. Several go out as events. For `initialize` and `server/discover` the last is its capabilities
/// alone.
type Script = dyn Fn(&Heard) -> Vec<Value> + Send + Sync;

/// One message, and which of the servers it came to.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) server: String,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

/// The servers.
pub(crate) struct Scripted {
    shared: Arc<Shared>,
    addr: SocketAddr,
    task: JoinHandle<()>,
}

struct Shared {
    era: EraChoice,
    script: Box<Script>,
    heard: Mutex<Vec<Heard>>,
    count: watch::Sender<usize>,
    /// To the streams of one server.
    told: broadcast::Sender<(String, String)>,
}

/// Servers of one era.
pub(crate) async fn scripted(
    era: EraChoice,
    script: impl Fn(&Heard) -> Vec<Value> + Send + Sync + 'static,
) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let shared = Arc::new(Shared {
        era,
        script: Box::new(script),
        heard: Mutex::default(),
        count: watch::channel(0).0,
        told: broadcast::channel(4096).0,
    });
    let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Scripted { shared, addr, task }
}

impl Heard {
    pub(crate) fn method(&self) -> &str {
        self.json["method"].as_str().unwrap_or_default()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    pub(crate) fn config(&self, name: &str, prefix: &str) -> Server {
        Server {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            transport: Transport::Auto,
            url: format!("http://{}/{name}", self.addr),
            address: None,
            headers: BTreeMap::new(),
            forward_headers: Vec::new(),
            cache: Cache::default(),
            ca: None,
            era: self.shared.era,
            on_session_loss: OnSessionLoss::Reopen,
            timeout_ms: 20_000,
            route: Some(crate::rig::route(name)),
        }
    }

    /// All messages so far, but for those with these methods.
    pub(crate) fn heard_without(&self, methods: &[&str]) -> Vec<Heard> {
        let heard = self.shared.heard.lock().unwrap();
        let kept = heard.iter().filter(|h| !methods.contains(&h.method()));
        kept.cloned().collect()
    }

    /// All messages with this method.
    pub(crate) fn heard(&self, method: &str) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().iter().filter(|h| h.json["method"] == method).cloned().collect()
    }

    /// Waits until something is so; looked at anew with each message.
    pub(crate) async fn wait_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let mut count = self.shared.count.subscribe();
        let wait = count.wait_for(|_| done(self));
        assert!(tokio::time::timeout(crate::fake::PATIENCE, wait).await.is_ok(), "waited in vain until {what}");
    }

    /// Says something on all streams of one server.
    pub(crate) fn say(&self, server: &str, message: &Value) {
        self.shared.told.send((server.to_owned(), message.to_string())).unwrap();
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let server = uri.path().trim_start_matches('/').to_owned();
    match method {
        Method::GET if shared.era == EraChoice::Legacy => stream(&shared, server, Vec::new()),
        Method::DELETE => StatusCode::OK.into_response(),
        Method::POST => post(&shared, server, headers, &body),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn post(shared: &Arc<Shared>, server: String, headers: HeaderMap, body: &[u8]) -> Response {
    let json: Value = serde_json::from_slice(body).unwrap();
    let heard = Heard { server: server.clone(), headers, json: json.clone() };
    shared.heard.lock().unwrap().push(heard.clone());
    shared.count.send_modify(|count| *count += 1);
    let (Some(method), Some(id)) = (json["method"].as_str(), json.get("id")) else {
        return StatusCode::ACCEPTED.into_response();
    };
    if method == "subscriptions/listen" {
        let params = json!({
            "_meta": {"io.modelcontextprotocol/subscriptionId": id},
            "notifications": json["params"]["notifications"],
        });
        let method = "notifications/subscriptions/acknowledged";
        let first = json!({"jsonrpc": "2.0", "method": method, "params": params});
        return stream(shared, server, vec![first.to_string()]);
    }
    let mut messages = (shared.script)(&heard);
    let Some(last) = messages.last_mut() else {
        let error = json!({"code": -32601, "message": "no such method"});
        return answer(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
    };
    let info = json!({"name": server, "version": "1"});
    match method {
        "initialize" => {
            *last = json!({"result": {"protocolVersion": "2025-11-25", "capabilities": last, "serverInfo": info}});
        }
        "server/discover" => {
            *last = json!({"result": {
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": last,
                "ttlMs": 60000, "cacheScope": "public", "_meta": {"io.modelcontextprotocol/serverInfo": info},
            }});
        }
        _ => {}
    }
    let answered = last.get("method").is_none();
    if answered {
        last["id"] = id.clone();
    }
    for message in &mut messages {
        message["jsonrpc"] = json!("2.0");
    }
    let told = |messages: &[Value]| futures::stream::iter(messages.iter().map(Value::to_string).collect::<Vec<_>>());
    let mut response = match &messages[..] {
        [one] if answered => answer(one),
        several if answered => events(told(several)),
        several => events(told(several).chain(futures::stream::pending())),
    };
    if method == "initialize" {
        response.headers_mut().insert("mcp-session-id", format!("session-with-{server}").parse().unwrap());
    }
    response
}

fn answer(message: &Value) -> Response {
    ([("content-type", "application/json")], message.to_string()).into_response()
}

fn stream(shared: &Shared, server: String, first: Vec<String>) -> Response {
    let told = shared.told.subscribe();
    let later = futures::stream::unfold((told, server), async |(mut told, server)| {
        loop {
            let (to, message) = told.recv().await.ok()?;
            if to == server {
                return Some((message, (told, server)));
            }
        }
    });
    events(futures::stream::iter(first).chain(later))
}

fn events(messages: impl futures::Stream<Item = String> + Send + 'static) -> Response {
    let body = messages.map(|data| Ok::<_, std::io::Error>(Bytes::from(format!("event: message\ndata: {data}\n\n"))));
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}
