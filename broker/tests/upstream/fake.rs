//! A small MCP server whose manners can be chosen, and that tells what it was asked.

use crate::manners::{Answer, Manners};
use crate::tls::TlsListener;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use broker::catalog::Group;
use futures::StreamExt as _;
use protocol::config::{Cache, EraChoice, OnSessionLoss, Server, Transport};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, watch};
use tokio_rustls::TlsAcceptor;

impl Manners {
    /// Starts it on a port of the system's choice.
    pub(crate) fn start(self) -> Fake {
        self.start_with(None)
    }

    /// The same behind TLS.
    pub(crate) fn start_tls(self, acceptor: TlsAcceptor) -> Fake {
        self.start_with(Some(acceptor))
    }

    fn start_with(self, tls: Option<TlsAcceptor>) -> Fake {
        let (told, _) = broadcast::channel(64);
        let shared = Arc::new(Shared {
            state: Mutex::new(Inner { manners: self, ..Inner::default() }),
            told,
            progress: watch::channel(0).0,
        });
        let mut fake = Fake { shared, addr: SocketAddr::from(([127, 0, 0, 1], 0)), tls, runtime: None };
        fake.restart();
        fake
    }
}

/// A running server. Ends when dropped.
pub(crate) struct Fake {
    shared: Arc<Shared>,
    addr: SocketAddr,
    tls: Option<TlsAcceptor>,
    runtime: Option<Runtime>,
}

struct Shared {
    state: Mutex<Inner>,
    told: broadcast::Sender<String>,
    /// Moves with every request.
    progress: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    manners: Manners,
    sessions: BTreeSet<String>,
    next_session: u64,
    ended: Vec<String>,
    seen: Vec<String>,
    answers: Vec<Value>,
    faults: Vec<String>,
}

impl Fake {
    /// As it would be configured.
    pub(crate) fn config(&self, name: &str, prefix: &str) -> Server {
        Server {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            transport: Transport::Auto,
            url: match self.tls {
                Some(_) => format!("https://localhost:{}/mcp", self.addr.port()),
                None => format!("http://{}/mcp", self.addr),
            },
            address: None,
            headers: BTreeMap::from([("authorization".to_owned(), "Bearer secret".to_owned())]),
            forward_headers: Vec::new(),
            cache: Cache::default(),
            ca: None,
            era: EraChoice::Auto,
            on_session_loss: OnSessionLoss::Reopen,
            timeout_ms: 3_000,
            route: None,
        }
    }

    /// Goes away with all its connections and sessions.
    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // On a thread of its own, as in `restart`.
            std::thread::spawn(move || runtime.shutdown_timeout(std::time::Duration::from_secs(5))).join().unwrap();
        }
        self.state().sessions.clear();
    }

    /// Comes (back), on the same port.
    pub(crate) fn restart(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (shared, addr, tls) = (self.shared.clone(), self.addr, self.tls.clone());
        // On a thread of its own: a test's runtime does not let another one be waited for.
        let started = std::thread::spawn(move || {
            let listener = runtime.block_on(TcpListener::bind(addr)).unwrap();
            let addr = listener.local_addr().unwrap();
            let app = Router::new().fallback(handle).with_state(shared);
            match tls {
                Some(acceptor) => {
                    runtime.spawn(async move { axum::serve(TlsListener { listener, acceptor }, app).await })
                }
                None => runtime.spawn(async move { axum::serve(listener, app).await }),
            };
            (runtime, addr)
        });
        let (runtime, addr) = started.join().unwrap();
        (self.runtime, self.addr) = (Some(runtime), addr);
    }

    /// Changes what it has without telling.
    pub(crate) fn set_tools(&self, tools: Vec<Value>) {
        self.state().manners.lists.insert("tools", tools);
    }

    /// Tells on its open streams that a list changed.
    pub(crate) fn tell(&self, group: Group) {
        self.say(&json!({"jsonrpc": "2.0", "method": group.notification()}));
    }

    /// Sends any message on its open streams.
    pub(crate) fn say(&self, message: &Value) {
        let _ = self.shared.told.send(message.to_string());
    }

    pub(crate) fn forget_sessions(&self) {
        self.state().sessions.clear();
    }

    pub(crate) fn ended_sessions(&self) -> usize {
        self.state().ended.len()
    }

    pub(crate) fn open_sessions(&self) -> usize {
        self.state().sessions.len()
    }

    /// The methods of requests so far.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.state().seen.iter().filter(|m| *m == method).count()
    }

    /// What it was answered to its own requests.
    pub(crate) fn answers(&self) -> Vec<Value> {
        self.state().answers.clone()
    }

    /// Which rules of MCP its client broke.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.state().faults.clone()
    }

    /// Waits until something is so; looked at anew with each request.
    pub(crate) async fn wait_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let mut progress = self.shared.progress.subscribe();
        let wait = progress.wait_for(|_| done(self));
        if tokio::time::timeout(super::support::PATIENCE, wait).await.is_err() {
            panic!("waited in vain until {what}; asked so far: {:?}", self.state().seen);
        }
    }

    fn state(&self) -> MutexGuard<'_, Inner> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn handle(State(shared): State<Arc<Shared>>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    let answer = shared.state.lock().unwrap().manners.answer;
    let response = match answer {
        Answer::Never => std::future::pending().await,
        Answer::Html => (StatusCode::OK, [("content-type", "text/html")], "<html>hello</html>").into_response(),
        Answer::Mcp | Answer::WrongId => match method {
            Method::POST => post(&shared, &headers, &body).await,
            Method::GET => get(&shared, &headers).await,
            Method::DELETE => delete(&shared, &headers),
            _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        },
    };
    shared.progress.send_modify(|n| *n += 1);
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// The refusal of a request outside a session.
fn lost(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    let known = !inner.manners.sessions || inner.sessions.contains(text(headers, "mcp-session-id"));
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32001, "message": "Session not found"}});
    (!known).then(|| json_answer(inner.manners.lost_status, &error))
}

async fn get(shared: &Arc<Shared>, headers: &HeaderMap) -> Response {
    let late = {
        let mut inner = shared.state.lock().unwrap();
        inner.seen.push("GET".to_owned());
        if !inner.manners.legacy {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        if inner.manners.get != 200 {
            return StatusCode::from_u16(inner.manners.get).unwrap().into_response();
        }
        if let Some(lost) = lost(&inner, headers) {
            return lost;
        }
        inner.manners.late_stream
    };
    if !late {
        return stream(shared, Vec::new());
    }
    let mut told = shared.told.subscribe();
    shared.progress.send_modify(|n| *n += 1);
    let first = told.recv().await.unwrap();
    stream(shared, vec![first])
}

fn delete(shared: &Shared, headers: &HeaderMap) -> Response {
    let mut inner = shared.state.lock().unwrap();
    let id = text(headers, "mcp-session-id").to_owned();
    inner.sessions.remove(&id);
    inner.ended.push(id);
    StatusCode::OK.into_response()
}

async fn post(shared: &Arc<Shared>, headers: &HeaderMap, body: &[u8]) -> Response {
    let message: Value = serde_json::from_slice(body).unwrap();
    let method = message["method"].as_str().unwrap_or("response").to_owned();
    let version = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
    let (manners, refused) = {
        let mut inner = shared.state.lock().unwrap();
        inner.seen.push(method.clone());
        if !(text(headers, "accept").contains("application/json")
            && text(headers, "accept").contains("text/event-stream"))
        {
            inner.faults.push(format!("{method}: Accept"));
        }
        if text(headers, "authorization") != "Bearer secret" {
            inner.faults.push(format!("{method}: configured header"));
        }
        if method == "response" {
            inner.answers.push(message.clone());
        }
        let refused = if version.is_none() && method != "initialize" { lost(&inner, headers) } else { None };
        (inner.manners.clone(), refused)
    };
    let fault = |what: &str| shared.state.lock().unwrap().faults.push(format!("{method}: {what}"));
    if let Some(version) = version {
        if text(headers, "mcp-protocol-version") != version || text(headers, "mcp-method") != method {
            fault("headers and body differ");
        }
        if !manners.modern {
            let error = json!({"code": -32000, "message": "Bad Request: Server not initialized"});
            return json_answer(400, &json!({"jsonrpc": "2.0", "id": null, "error": error}));
        }
        return answer(shared, &manners, &message, modern_outcome(&manners, &message)).await;
    }
    if let Some(refused) = refused {
        return refused;
    }
    if method != "initialize" && manners.legacy && text(headers, "mcp-protocol-version") != manners.revision {
        fault("revision");
    }
    if message.get("id").is_none() || method == "response" {
        return StatusCode::ACCEPTED.into_response();
    }
    let mut response = answer(shared, &manners, &message, legacy_outcome(&manners, &message)).await;
    if method == "initialize" && (manners.sessions || !manners.legacy) {
        let mut inner = shared.state.lock().unwrap();
        inner.next_session += 1;
        let id = format!("session-{}", inner.next_session);
        inner.sessions.insert(id.clone());
        response.headers_mut().insert("mcp-session-id", id.parse().unwrap());
    }
    response
}

fn capabilities(manners: &Manners) -> Value {
    let declared = manners.lists.keys().map(|name| ((*name).to_owned(), json!({"listChanged": manners.list_changed})));
    Value::Object(declared.collect())
}

fn legacy_outcome(manners: &Manners, message: &Value) -> Value {
    match message["method"].as_str().unwrap() {
        "initialize" if !manners.legacy => {
            json!({"error": {"code": -32022, "message": "Unsupported", "data": {"supported": ["2026-07-28"]}}})
        }
        "initialize" => json!({"result": {
            "protocolVersion": manners.revision,
            "capabilities": capabilities(manners),
            "serverInfo": {"name": "fake", "version": "1"},
            "instructions": "legacy instructions",
        }}),
        "ping" => json!({"result": {}}),
        _ => list(manners, message),
    }
}

fn modern_outcome(manners: &Manners, message: &Value) -> Value {
    match message["method"].as_str().unwrap() {
        "server/discover" => json!({"result": {
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": capabilities(manners),
            "instructions": "modern instructions",
            "ttlMs": 0, "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "fake", "version": "2"}},
        }}),
        _ => {
            let mut outcome = list(manners, message);
            if let Some(result) = outcome.get_mut("result") {
                result["resultType"] = json!("complete");
                result["ttlMs"] = json!(manners.ttl_ms);
                result["cacheScope"] = json!("public");
            }
            outcome
        }
    }
}

fn list(manners: &Manners, message: &Value) -> Value {
    let name = match message["method"].as_str().unwrap() {
        "tools/list" => "tools",
        "prompts/list" => "prompts",
        "resources/list" => "resources",
        _ => return json!({"error": {"code": -32601, "message": "Method not found"}}),
    };
    let all = manners.lists.get(name).cloned().unwrap_or_default();
    let start: usize = message["params"]["cursor"].as_str().map_or(0, |c| c.parse().unwrap());
    let end = (start + manners.page).min(all.len());
    let mut result = json!({name: all[start.min(end)..end]});
    if manners.endless {
        result["nextCursor"] = json!("0");
    } else if end < all.len() {
        result["nextCursor"] = json!(end.to_string());
    }
    json!({"result": result})
}

async fn answer(shared: &Arc<Shared>, manners: &Manners, message: &Value, mut outcome: Value) -> Response {
    outcome["jsonrpc"] = json!("2.0");
    outcome["id"] = if manners.answer == Answer::WrongId { json!("another") } else { message["id"].clone() };
    let method = message["method"].as_str().unwrap();
    if method == "subscriptions/listen" {
        let granted = message["params"]["notifications"].clone();
        let acknowledged = json!({
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {"notifications": granted, "_meta": {"io.modelcontextprotocol/subscriptionId": message["id"]}},
        });
        return stream(shared, vec![acknowledged.to_string()]);
    }
    if manners.never_lists && method == "tools/list" {
        // What was asked for has to be seen although nothing is answered.
        shared.progress.send_modify(|n| *n += 1);
        return std::future::pending().await;
    }
    if manners.asks_first && method == "tools/list" {
        return asking_first(shared, outcome);
    }
    let refused = outcome["error"]["code"] == -32022;
    if manners.sse || refused {
        let body = format!(": hello\nid: 0\ndata:\n\nevent: message\ndata: {outcome}\n\n");
        return events(Body::from(body));
    }
    json_answer(200, &outcome)
}

/// Two requests to the client, and the answer when both are answered.
fn asking_first(shared: &Arc<Shared>, outcome: Value) -> Response {
    let ask = |id: i64, method: &str| json!({"jsonrpc": "2.0", "id": id, "method": method}).to_string();
    let head = format!("data: {}\n\ndata: {}\n\n", ask(7, "ping"), ask(8, "roots/list"));
    let mut progress = shared.progress.subscribe();
    let shared = shared.clone();
    let rest = async move {
        let _ = progress.wait_for(|_| shared.state.lock().unwrap().answers.len() >= 2).await;
        Ok::<_, std::io::Error>(Bytes::from(format!("data: {outcome}\n\n")))
    };
    let first = futures::stream::iter([Ok(Bytes::from(head))]);
    events(Body::from_stream(first.chain(futures::stream::once(rest))))
}

fn stream(shared: &Arc<Shared>, first: Vec<String>) -> Response {
    let told = shared.told.subscribe();
    let later = futures::stream::unfold(told, async |mut told| Some((told.recv().await.ok()?, told)));
    let all = futures::stream::iter(first).chain(later);
    events(Body::from_stream(all.map(|data| Ok::<_, std::io::Error>(Bytes::from(format!("data: {data}\n\n"))))))
}

fn events(body: Body) -> Response {
    ([("content-type", "text/event-stream")], body).into_response()
}

fn json_answer(status: u16, message: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], message.to_string()).into_response()
}
