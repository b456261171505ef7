//! A server that speaks only the legacy era, refuses ids that were used before, and asks its clients back.
//!
//! Each tool is a small program over [`Talk`]; it speaks in the stream of its call or, with the argument `get`, in that of
//! its session.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use protocol::config::{Cache, EraChoice, OnSessionLoss, Server, Transport};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// A running server.
pub(crate) struct LegacyOnly {
    shared: Arc<Shared>,
    addr: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    progress: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    sessions: BTreeMap<String, Session>,
    ended: Vec<String>,
    seen: Vec<Seen>,
    asked: u64,
    allowed: bool,
}

#[derive(Default)]
struct Session {
    capabilities: Value,
    stream: Option<mpsc::UnboundedSender<String>>,
    ids: BTreeSet<String>,
    answers: BTreeMap<String, oneshot::Sender<Value>>,
    subscribed: BTreeSet<String>,
}

/// A message that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) session: String,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Drop for LegacyOnly {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LegacyOnly {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        Self { shared, addr, task: tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }) }
    }

    pub(crate) fn config(&self, name: &str, prefix: &str) -> Server {
        Server {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            url: format!("http://{}/mcp", self.addr),
            address: None,
            headers: BTreeMap::new(),
            forward_headers: Vec::new(),
            cache: Cache::default(),
            transport: Transport::StreamableHttp,
            ca: None,
            era: EraChoice::Legacy,
            on_session_loss: OnSessionLoss::Reopen,
            timeout_ms: 10_000,
            route: Some(crate::rig::route(name)),
        }
    }

    /// All messages with this method.
    pub(crate) fn seen(&self, method: &str) -> Vec<Seen> {
        self.shared.lock().seen.iter().filter(|seen| seen.json["method"] == method).cloned().collect()
    }

    /// All responses.
    pub(crate) fn responses(&self) -> Vec<Value> {
        let inner = self.shared.lock();
        inner.seen.iter().filter(|seen| seen.json.get("method").is_none()).map(|seen| seen.json.clone()).collect()
    }

    /// Sessions that are open.
    pub(crate) fn open(&self) -> usize {
        self.shared.lock().sessions.len()
    }

    /// Forgets all sessions but the gateway's own for lists, which is the first.
    pub(crate) fn forget(&self) {
        self.shared.lock().sessions.retain(|id, _| id == "s1");
    }

    /// From now on the page has been visited; `told` whether sessions hear of it.
    pub(crate) fn allow(&self, told: bool) {
        let mut inner = self.shared.lock();
        inner.allowed = true;
        if told {
            let message = json!({"jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": {"elicitationId": "page-1"}});
            inner.tell_all(&message);
        }
    }

    /// From now on the page has to be visited again.
    pub(crate) fn disallow(&self) {
        self.shared.lock().allowed = false;
    }

    /// Tells every session of an update, if it subscribed.
    pub(crate) fn update(&self, uri: &str, subscribed: &str) {
        let mut inner = self.shared.lock();
        inner.sessions.retain(|_, session| {
            if session.subscribed.contains(subscribed) {
                session.say(
                    &json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}),
                );
            }
            true
        });
    }

    /// How many sessions are subscribed to a resource.
    pub(crate) fn subscribers(&self, uri: &str) -> usize {
        self.shared.lock().sessions.values().filter(|session| session.subscribed.contains(uri)).count()
    }

    /// Waits until something is so; looked at anew with each request.
    pub(crate) async fn wait_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let mut progress = self.shared.progress.subscribe();
        if tokio::time::timeout(PATIENCE, progress.wait_for(|_| done(self))).await.is_err() {
            panic!("waited in vain until {what}; sent so far: {:#?}", self.shared.lock().seen);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Inner {
    fn tell_all(&mut self, message: &Value) {
        self.sessions.values().for_each(|session| session.say(message));
    }
}

impl Session {
    fn say(&self, message: &Value) {
        self.stream.as_ref().map(|stream| stream.send(message.to_string()));
    }
}

async fn handle(State(shared): State<Arc<Shared>>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    let session = headers.get("mcp-session-id").map_or("", |id| id.to_str().unwrap()).to_owned();
    let response = match method {
        Method::POST => post(&shared, session, &headers, &body),
        Method::GET => get(&shared, &session, headers.get("last-event-id").map(|id| id.to_str().unwrap())),
        _ => {
            let mut inner = shared.lock();
            inner.sessions.remove(&session);
            inner.ended.push(session);
            StatusCode::OK.into_response()
        }
    };
    shared.progress.send_modify(|n| *n += 1);
    response
}

fn events(messages: mpsc::UnboundedReceiver<String>) -> Response {
    let events = futures::stream::unfold(messages, async |mut messages| Some((messages.recv().await?, messages)));
    let body = events.map(|data| Ok::<_, std::io::Error>(Bytes::from(format!("event: message\ndata: {data}\n\n"))));
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}

fn get(shared: &Shared, session: &str, last: Option<&str>) -> Response {
    if let Some(last) = last {
        // What the tool `polled` left behind.
        let (id, rest) = last.split_once(' ').unwrap();
        let body =
            format!("event: message\ndata: {}\n\n", json!({"jsonrpc": "2.0", "id": id, "result": {"told": rest}}));
        return ([("content-type", "text/event-stream")], body).into_response();
    }
    let mut inner = shared.lock();
    let Some(session) = inner.sessions.get_mut(session) else { return StatusCode::NOT_FOUND.into_response() };
    let (sender, receiver) = mpsc::unbounded_channel();
    session.stream = Some(sender);
    events(receiver)
}

fn answer(id: &Value, result: &Value) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": id, "result": result});
    ([("content-type", "application/json")], body.to_string()).into_response()
}

fn error(id: &Value, code: i64, data: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": "own words", "data": data}})
}

fn post(shared: &Arc<Shared>, mut session: String, headers: &HeaderMap, body: &[u8]) -> Response {
    let json: Value = serde_json::from_slice(body).unwrap();
    let method = json["method"].as_str().unwrap_or_default().to_owned();
    let mut inner = shared.lock();
    if method == "initialize" {
        inner.next += 1;
        session = format!("s{}", inner.next);
        let capabilities = json["params"]["capabilities"].clone();
        inner.sessions.insert(session.clone(), Session { capabilities, ..Session::default() });
    }
    inner.seen.push(Seen { session: session.clone(), headers: headers.clone(), json: json.clone() });
    let Some(known) = inner.sessions.get_mut(&session) else { return StatusCode::NOT_FOUND.into_response() };
    let id = json["id"].clone();
    if method.is_empty() {
        known.answers.remove(&id.to_string()).map(|waiting| waiting.send(json));
        return StatusCode::ACCEPTED.into_response();
    }
    if id.is_null() {
        return StatusCode::ACCEPTED.into_response();
    }
    assert!(known.ids.insert(id.to_string()), "id {id} was used before in session {session}");
    let meta = json["params"]["_meta"].to_string();
    assert!(!meta.contains("io.modelcontextprotocol/"), "{meta} has what only the modern era has");
    let params = &json["params"];
    let mut response = match method.as_str() {
        "initialize" => answer(
            &id,
            &json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}, "prompts": {}, "resources": {"subscribe": true}, "logging": {}, "completions": {}},
                "serverInfo": {"name": "legacy-only", "version": "1"},
            }),
        ),
        "tools/list" => {
            let schema =
                json!({"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}});
            let mut tools = vec![
                json!({"name": "echo", "inputSchema": schema}),
                json!({"name": "task", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "required"}}),
            ];
            if known.capabilities.get("sampling").is_some() {
                tools.push(json!({"name": "for_samplers", "inputSchema": {"type": "object"}}));
            }
            answer(&id, &json!({"tools": tools}))
        }
        "prompts/list" => answer(&id, &json!({"prompts": [{"name": "ask"}]})),
        "resources/list" => answer(&id, &json!({"resources": [{"uri": "file:///a", "name": "a"}]})),
        "resources/templates/list" => answer(&id, &json!({"resourceTemplates": []})),
        "resources/read" if params["uri"] == "file:///a" => {
            answer(&id, &json!({"contents": [{"uri": "file:///a", "text": "t"}]}))
        }
        "resources/read" => {
            let missing = error(&id, -32002, &json!({"uri": params["uri"]}));
            ([("content-type", "application/json")], missing.to_string()).into_response()
        }
        "resources/subscribe" => {
            known.subscribed.insert(params["uri"].as_str().unwrap().to_owned());
            answer(&id, &json!({}))
        }
        "resources/unsubscribe" => {
            known.subscribed.remove(params["uri"].as_str().unwrap());
            answer(&id, &json!({}))
        }
        "completion/complete" => answer(&id, &json!({"completion": {"values": [params["ref"]["name"]]}})),
        "tools/call" if params["name"] == "polled" => {
            let body = format!("id: {} rest\nretry: 10\ndata:\n\n", id.as_str().unwrap());
            ([("content-type", "text/event-stream")], body).into_response()
        }
        "tools/call" | "prompts/get" => {
            let (sender, receiver) = mpsc::unbounded_channel();
            let talk = Talk {
                shared: Arc::clone(shared),
                session,
                own: params["arguments"].get("get").is_none().then(|| sender.clone()),
                id,
                json: json.clone(),
            };
            // With the argument `get` the whole answer comes at its end, as JSON.
            let wants_stream = params["name"] != "echo" && params["arguments"].get("get").is_none();
            tokio::spawn(async move {
                let response = run(&talk).await;
                let _ = sender.send(response.to_string());
            });
            return if wants_stream { events(receiver) } else { one(receiver) };
        }
        _ => answer(&id, &json!({})),
    };
    if method == "initialize" {
        response.headers_mut().insert("mcp-session-id", session.parse().unwrap());
    }
    response
}

/// The only message, as JSON.
fn one(messages: mpsc::UnboundedReceiver<String>) -> Response {
    let body = futures::stream::unfold(messages, async |mut messages| Some((messages.recv().await?, messages)));
    let body = body.map(|data| Ok::<_, std::io::Error>(Bytes::from(data)));
    ([("content-type", "application/json")], Body::from_stream(body)).into_response()
}

/// A call, from the inside.
struct Talk {
    shared: Arc<Shared>,
    session: String,
    /// The stream of the call; without it, that of the session is used.
    own: Option<mpsc::UnboundedSender<String>>,
    id: Value,
    json: Value,
}

impl Talk {
    fn say(&self, message: &Value) {
        match &self.own {
            Some(own) => _ = own.send(message.to_string()),
            None => self.shared.lock().sessions[&self.session].say(message),
        }
    }

    /// Asks; the answer comes when it comes.
    fn ask(&self, method: &str, params: &Value) -> impl Future<Output = Value> + use<> {
        let (sender, answered) = oneshot::channel();
        let id = {
            let mut inner = self.shared.lock();
            inner.asked += 1;
            let id = json!(inner.asked);
            inner.sessions.get_mut(&self.session).unwrap().answers.insert(id.to_string(), sender);
            id
        };
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        async move { answered.await.unwrap_or_default() }
    }

    fn name(&self) -> impl Future<Output = Value> + use<> {
        let schema = json!({"type": "object", "properties": {"n": {"type": "number"}}});
        self.ask("elicitation/create", &json!({"message": "Name?", "requestedSchema": schema}))
    }

    fn sample(&self) -> impl Future<Output = Value> + use<> {
        self.ask("sampling/createMessage", &json!({"messages": [], "maxTokens": 1}))
    }

    fn tell(&self, method: &str, params: &Value) {
        self.say(&json!({"jsonrpc": "2.0", "method": format!("notifications/{method}"), "params": params}));
    }

    fn log(&self, level: &str) {
        self.tell("message", &json!({"level": level, "data": level}));
    }

    fn progress(&self, progress: u8) {
        let token = &self.json["params"]["_meta"]["progressToken"];
        self.tell("progress", &json!({"progressToken": token, "progress": progress}));
    }

    fn result(&self, told: &Value) -> Value {
        let content = json!([{"type": "text", "text": told.to_string()}]);
        json!({"jsonrpc": "2.0", "id": self.id, "result": {"content": content, "messages": [], "told": told}})
    }
}

async fn run(talk: &Talk) -> Value {
    match talk.json["params"]["name"].as_str().unwrap() {
        "ask" => {
            talk.progress(1);
            let answer = talk.name().await;
            talk.progress(2);
            talk.result(&answer)
        }
        "ask_twice" => {
            let first = talk.name().await;
            let second = talk.sample().await;
            talk.result(&json!([first, second]))
        }
        "ask_all" => {
            let all = futures::future::join3(talk.name(), talk.sample(), talk.ask("roots/list", &json!({})));
            let (name, sample, roots) = all.await;
            talk.result(&json!([name, sample, roots]))
        }
        "ask_in_vain" => {
            let answer = talk.sample().await;
            match answer.get("error") {
                Some(_) => {
                    let content = json!([{"type": "text", "text": "no sampling"}]);
                    json!({"jsonrpc": "2.0", "id": talk.id, "result": {"content": content, "isError": true}})
                }
                None => talk.result(&answer),
            }
        }
        "ask_and_go_on" => {
            let answer = talk.sample().await;
            talk.result(&answer)
        }
        "give_up" => {
            drop(talk.name());
            let asked = talk.shared.lock().asked;
            talk.tell("cancelled", &json!({"requestId": asked}));
            talk.result(&json!("gave up"))
        }
        // As servers do whose patience ends before their client's.
        "ask_until_allowed" => {
            drop(talk.name());
            while !talk.shared.lock().allowed {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            talk.result(&json!("nobody answered"))
        }
        "log" => {
            for level in ["debug", "info", "error"] {
                talk.log(level);
            }
            talk.result(&json!("logged"))
        }
        "wait" => {
            talk.progress(1);
            std::future::pending().await
        }
        "page" => {
            if talk.shared.lock().allowed {
                return talk.result(&json!("allowed"));
            }
            let page =
                json!({"mode": "url", "elicitationId": "page-1", "url": "https://login.example/", "message": "Log in"});
            error(&talk.id, -32042, &json!({"elicitations": [page]}))
        }
        "fail" => error(&talk.id, -32050, &Value::Null),
        "no_method" => error(&talk.id, -32601, &Value::Null),
        _ => talk.result(&talk.json),
    }
}
