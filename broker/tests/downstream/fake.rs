//! A small MCP server with tools that misbehave on request, and that remembers what it was sent.
//!
//! Tools: `echo` (the message as it came, in JSON), `stream` (progress, then the result, as events), `elicit` (asks and gives back
//! what was answered), `wait` (answers when it is cancelled), `grow` (adds a tool in this session), `link` (resource links),
//! `fail` (a JSON-RPC error), `html`, `cut` (ends without an answer), `other_id`.

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
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// What the server is.
#[derive(Clone)]
pub(crate) struct Manners {
    pub(crate) modern: bool,
    pub(crate) revision: &'static str,
    pub(crate) capabilities: Value,
    pub(crate) lost_status: u16,
    pub(crate) extra_tools: usize,
    pub(crate) on_session_loss: OnSessionLoss,
    pub(crate) to_the_capable: ToTheCapable,
}

/// What clients with capabilities get.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToTheCapable {
    /// What all get.
    Same,
    /// A tool more for each capability, by its name.
    More,
    /// An error to `initialize` in the broker's own sessions, which others do not get, and to `server/discover`.
    Refusal,
    /// No answer to `tools/list`.
    Silence,
}

/// A legacy server with everything.
pub(crate) fn legacy() -> Manners {
    Manners {
        modern: false,
        revision: "2025-11-25",
        capabilities: json!({
            "tools": {"listChanged": true}, "prompts": {}, "resources": {"subscribe": true},
            "logging": {}, "completions": {},
        }),
        lost_status: 404,
        extra_tools: 0,
        on_session_loss: OnSessionLoss::Reopen,
        to_the_capable: ToTheCapable::Same,
    }
}

/// A modern server with everything.
pub(crate) fn modern() -> Manners {
    Manners { modern: true, ..legacy() }
}

/// One message that the server was sent.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) session: String,
    pub(crate) headers: HeaderMap,
    pub(crate) raw: String,
    pub(crate) json: Value,
}

impl Seen {
    pub(crate) fn method(&self) -> &str {
        self.json["method"].as_str().unwrap_or_default()
    }
}

/// A running server.
pub(crate) struct Fake {
    shared: Arc<Shared>,
    addr: SocketAddr,
    task: JoinHandle<()>,
}

struct Shared {
    manners: Manners,
    inner: Mutex<Inner>,
    told: broadcast::Sender<(String, String)>,
    progress: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    next_session: u64,
    sessions: BTreeSet<String>,
    grown: BTreeSet<String>,
    ended: Vec<String>,
    /// Tools that came later, for all.
    added: Vec<String>,
    streams: BTreeMap<String, usize>,
    seen: Vec<Seen>,
    /// Calls of `wait` and `elicit` that came to their end, and that were given up.
    finished: usize,
    given_up: usize,
}

impl Manners {
    pub(crate) async fn start(self) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            manners: self,
            inner: Mutex::default(),
            told: broadcast::channel(64).0,
            progress: watch::channel(0).0,
        });
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Fake { shared, addr, task }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
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
            era: if self.shared.manners.modern { EraChoice::Modern } else { EraChoice::Legacy },
            on_session_loss: self.shared.manners.on_session_loss,
            timeout_ms: 5_000,
            route: Some(crate::rig::route(name)),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap()
    }

    /// All messages with this method, but for those in the broker's own session.
    pub(crate) fn seen(&self, method: &str) -> Vec<Seen> {
        let inner = self.inner();
        let gateway: BTreeSet<_> = inner
            .seen
            .iter()
            .filter(|s| s.json["params"]["clientInfo"]["name"] == "mcp-gateway")
            .map(|s| s.session.clone())
            .collect();
        inner.seen.iter().filter(|s| s.method() == method && !gateway.contains(&s.session)).cloned().collect()
    }

    /// The responses that it was sent.
    pub(crate) fn responses(&self) -> Vec<Value> {
        self.inner().seen.iter().filter(|s| s.json.get("method").is_none()).map(|s| s.json.clone()).collect()
    }

    pub(crate) fn ended(&self) -> Vec<String> {
        self.inner().ended.clone()
    }

    pub(crate) fn forget(&self, session: &str) {
        assert!(self.inner().sessions.remove(session), "{session} is not open");
    }

    /// The broker's own sessions with capabilities of clients.
    pub(crate) fn asked_for_clients(&self) -> Vec<String> {
        let inner = self.inner();
        let own = inner.seen.iter().filter(|s| s.json["params"]["clientInfo"]["name"] == "mcp-gateway");
        let capable = own.filter(|s| s.json["params"]["capabilities"].as_object().is_some_and(|all| !all.is_empty()));
        capable.map(|s| s.session.clone()).collect()
    }

    /// How often a session asked for the tools.
    pub(crate) fn lists_in(&self, session: &str) -> usize {
        self.inner().seen.iter().filter(|s| s.session == session && s.method() == "tools/list").count()
    }

    /// Adds a tool for all, and tells one session.
    pub(crate) fn add_tool(&self, name: &str, told: &str) {
        self.inner().added.push(name.to_owned());
        self.say(told, &json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    }

    /// Whether the GET stream of a session is open.
    pub(crate) fn streams(&self, session: &str) -> usize {
        self.inner().streams.get(session).copied().unwrap_or_default()
    }

    /// Sends a message on the GET stream of a session (legacy), or on all subscriptions (modern, any session).
    pub(crate) fn say(&self, session: &str, message: &Value) {
        self.shared.told.send((session.to_owned(), message.to_string())).unwrap();
    }

    /// Ends all GET streams and subscriptions.
    pub(crate) fn cut_streams(&self) {
        self.shared.told.send((String::new(), String::new())).unwrap();
    }

    /// Calls of `wait` and `elicit`: how many came to their end, and how many the client gave up.
    pub(crate) fn waited(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.finished, inner.given_up)
    }

    /// Waits until something is so; looked at anew with each request.
    pub(crate) async fn wait_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let mut progress = self.shared.progress.subscribe();
        let wait = progress.wait_for(|_| done(self));
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let seen: Vec<_> = self.inner().seen.iter().map(|s| s.raw.clone()).collect();
            panic!("waited in vain until {what}; sent so far: {seen:#?}");
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

async fn handle(State(shared): State<Arc<Shared>>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    let session = text(&headers, "mcp-session-id").to_owned();
    let response = match method {
        Method::POST => post(&shared, &headers, &body),
        Method::GET if shared.manners.modern => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        Method::GET => get(&shared, session),
        Method::DELETE => {
            let mut inner = shared.inner.lock().unwrap();
            inner.sessions.remove(&session);
            inner.ended.push(session);
            StatusCode::OK.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    shared.progress.send_modify(|n| *n += 1);
    response
}

fn get(shared: &Arc<Shared>, session: String) -> Response {
    let mut inner = shared.inner.lock().unwrap();
    if !inner.sessions.contains(&session) {
        return lost(shared);
    }
    *inner.streams.entry(session.clone()).or_default() += 1;
    told(shared, Some(session), Vec::new())
}

fn lost(shared: &Shared) -> Response {
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "no such session"}});
    json_answer(shared.manners.lost_status, &error)
}

/// A stream of what is said to a session, or to all.
fn told(shared: &Shared, session: Option<String>, first: Vec<String>) -> Response {
    let told = shared.told.subscribe();
    let later = futures::stream::unfold((told, session), async |(mut told, session)| {
        loop {
            let (to, message) = told.recv().await.ok()?;
            if message.is_empty() {
                return None;
            }
            if session.as_ref().is_none_or(|s| *s == to) {
                return Some((message, (told, session)));
            }
        }
    });
    events(futures::stream::iter(first).chain(later))
}

fn events(messages: impl futures::Stream<Item = String> + Send + 'static) -> Response {
    let body = messages.map(|data| Ok::<_, std::io::Error>(Bytes::from(format!("event: message\ndata: {data}\n\n"))));
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}

fn json_answer(status: u16, message: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], message.to_string()).into_response()
}

fn post(shared: &Arc<Shared>, headers: &HeaderMap, body: &[u8]) -> Response {
    let raw = String::from_utf8(body.to_vec()).unwrap();
    // What is too large for this reader is of no interest to it.
    let json: Value = serde_json::from_str(&raw.replace("1e400", "1")).unwrap();
    let method = json["method"].as_str().unwrap_or_default().to_owned();
    let mut inner = shared.inner.lock().unwrap();
    let mut session = text(headers, "mcp-session-id").to_owned();
    if method == "initialize" && !shared.manners.modern {
        inner.next_session += 1;
        session = format!("s{}", inner.next_session);
        inner.sessions.insert(session.clone());
    }
    let known = shared.manners.modern || inner.sessions.contains(&session);
    inner.seen.push(Seen { session: session.clone(), headers: headers.clone(), raw: raw.clone(), json: json.clone() });
    let grown = inner.grown.contains(&session);
    if method == "tools/call" && json["params"]["name"] == "grow" {
        inner.grown.insert(session.clone());
    }
    let added = inner.added.clone();
    let opened = inner.seen.iter().find(|s| s.session == session && s.method() == "initialize");
    let client = opened.map(|s| s.json["params"].clone()).unwrap_or_default();
    let declared = match shared.manners.modern {
        true => &json["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"],
        false => &client["capabilities"],
    };
    let capable: Vec<String> = declared.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    drop(inner);
    if !known {
        return lost(shared);
    }
    if json.get("id").is_none() || method.is_empty() {
        return StatusCode::ACCEPTED.into_response();
    }
    let result = |result: Value| json!({"jsonrpc": "2.0", "id": json["id"], "result": result});
    let mut response = match method.as_str() {
        "initialize" if shared.manners.modern => {
            let error = json!({"code": -32022, "message": "no", "data": {"supported": ["2026-07-28"]}});
            json_answer(400, &json!({"jsonrpc": "2.0", "id": json["id"], "error": error}))
        }
        "initialize"
            if shared.manners.to_the_capable == ToTheCapable::Refusal
                && !capable.is_empty()
                && client["clientInfo"]["name"] == "mcp-gateway" =>
        {
            json_answer(200, &json!({"jsonrpc": "2.0", "id": json["id"], "error": {"code": -32603, "message": "no"}}))
        }
        "initialize" => json_answer(
            200,
            &result(json!({
                "protocolVersion": shared.manners.revision,
                "capabilities": shared.manners.capabilities,
                "serverInfo": {"name": "fake", "version": "1"},
                "instructions": "Use echo.",
            })),
        ),
        "server/discover" if shared.manners.to_the_capable == ToTheCapable::Refusal && !capable.is_empty() => {
            json_answer(200, &json!({"jsonrpc": "2.0", "id": json["id"], "error": {"code": -32603, "message": "no"}}))
        }
        "server/discover" if shared.manners.modern => json_answer(
            200,
            &result(json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": shared.manners.capabilities, "ttlMs": 60000, "cacheScope": "public",
            })),
        ),
        "subscriptions/listen" => {
            let meta = json!({"io.modelcontextprotocol/subscriptionId": json["id"]});
            let mut granted = json["params"]["notifications"].clone();
            if let Some(uris) = granted["resourceSubscriptions"].as_array_mut() {
                uris.retain(|uri| uri != "file:///refused");
            }
            let params = json!({"_meta": meta, "notifications": granted});
            let first =
                json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params});
            told(shared, None, vec![first.to_string()])
        }
        "tools/list" if shared.manners.to_the_capable == ToTheCapable::Silence && !capable.is_empty() => {
            events(futures::stream::pending())
        }
        "tools/list" => {
            let mut more = added;
            if shared.manners.to_the_capable == ToTheCapable::More {
                more.extend(capable);
            }
            more.extend(grown.then(|| "grown".to_owned()));
            json_answer(200, &result(tools(shared, more)))
        }
        "prompts/list" => json_answer(200, &result(cached(json!({"prompts": [{"name": "greet"}]})))),
        "resources/list" => {
            json_answer(200, &result(cached(json!({"resources": [{"uri": "file:///a", "name": "a"}]}))))
        }
        "resources/templates/list" => json_answer(200, &result(cached(json!({"resourceTemplates": []})))),
        "resources/read" => {
            json_answer(200, &result(json!({"contents": [{"uri": json["params"]["uri"], "text": "t"}]})))
        }
        "completion/complete" => {
            json_answer(200, &result(json!({"completion": {"values": [json["params"]["ref"].to_string()]}})))
        }
        "prompts/get" => json_answer(200, &result(json!({"messages": [], "description": json["params"]["name"]}))),
        "tools/call" => call(shared, &raw, &json, &session),
        _ => json_answer(200, &result(json!({}))),
    };
    if method == "initialize" && !shared.manners.modern {
        response.headers_mut().insert("mcp-session-id", session.parse().unwrap());
    }
    response
}

fn cached(mut list: Value) -> Value {
    list["ttlMs"] = json!(60000);
    list["cacheScope"] = json!("public");
    list
}

fn tools(shared: &Shared, more: Vec<String>) -> Value {
    let mut names: Vec<String> = ["echo", "stream", "elicit", "wait", "grow"].map(str::to_owned).to_vec();
    names.extend((0..shared.manners.extra_tools).map(|n| format!("t{n}")));
    names.extend(more);
    let tools: Vec<_> = names.iter().map(|n| json!({"name": n, "inputSchema": {"type": "object"}})).collect();
    cached(json!({"tools": tools}))
}

fn call(shared: &Arc<Shared>, raw: &str, json: &Value, session: &str) -> Response {
    let id = json["id"].clone();
    let result = |text: String| {
        json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}]}}).to_string()
    };
    let one = |message: String| futures::stream::iter([message]);
    match json["params"]["name"].as_str().unwrap_or_default() {
        "stream" => {
            let token = &json["params"]["_meta"]["progressToken"];
            let params = json!({"progressToken": token, "progress": 1});
            let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params});
            events(futures::stream::iter([progress.to_string(), result("done".to_owned())]))
        }
        "grow" => {
            let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
            events(futures::stream::iter([changed.to_string(), result("grown".to_owned())]))
        }
        "elicit" => {
            let params = json!({"message": "Name?", "requestedSchema": {"type": "object", "properties": {}}});
            let ask = json!({"jsonrpc": "2.0", "id": 77, "method": "elicitation/create", "params": params});
            let answer = when(shared, session, |seen| seen.json.get("method").is_none() && seen.json["id"] == 77);
            let rest =
                async move { json!({"jsonrpc": "2.0", "id": id, "result": {"answer": answer.await.json}}).to_string() };
            events(one(ask.to_string()).chain(futures::stream::once(rest)))
        }
        "wait" => {
            let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "waiting"}});
            let cancelled = when(shared, session, |seen| seen.method() == "notifications/cancelled");
            let rest = async move {
                json!({"jsonrpc": "2.0", "id": id, "result": {"cancelled": cancelled.await.json}}).to_string()
            };
            events(one(log.to_string()).chain(futures::stream::once(rest)))
        }
        "link" => {
            let link = json!({"type": "resource_link", "uri": "file:///a", "name": "a"});
            json_answer(200, &json!({"jsonrpc": "2.0", "id": id, "result": {"content": [link]}}))
        }
        "fail" => {
            json_answer(200, &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32050, "message": "own words"}}))
        }
        "no_method" => {
            json_answer(404, &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no"}}))
        }
        "other_id" => json_answer(200, &json!({"jsonrpc": "2.0", "id": "x", "result": {}})),
        "html" => ([("content-type", "text/html")], "<html>stack trace</html>").into_response(),
        "cut" => events(one(json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}).to_string())),
        _ => {
            let text = Value::from(raw);
            let result = format!(r#"{{"content":[{{"type":"text","text":{text}}}],"sent":{raw}}}"#);
            let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
            ([("content-type", "application/json")], answer).into_response()
        }
    }
}

/// The next message of a session that is looked for.
fn when<F>(shared: &Arc<Shared>, session: &str, looked_for: F) -> impl Future<Output = Seen> + Send + use<F>
where
    F: Fn(&Seen) -> bool + Send + Sync + 'static,
{
    let (shared, session) = (Arc::clone(shared), session.to_owned());
    let mut progress = shared.progress.subscribe();
    let waiting = Waiting { shared: Arc::clone(&shared), finished: false };
    async move {
        let mut waiting = waiting;
        let find = || {
            let inner = shared.inner.lock().unwrap();
            inner.seen.iter().find(|seen| seen.session == session && looked_for(seen)).cloned()
        };
        let _ = progress.wait_for(|_| find().is_some()).await;
        waiting.finished = true;
        find().unwrap()
    }
}

/// Tells whether a wait came to its end.
struct Waiting {
    shared: Arc<Shared>,
    finished: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut inner = self.shared.inner.lock().unwrap();
        if self.finished {
            inner.finished += 1;
        } else {
            inner.given_up += 1;
        }
        drop(inner);
        self.shared.progress.send_modify(|n| *n += 1);
    }
}
