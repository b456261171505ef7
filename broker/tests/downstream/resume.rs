//! Streams that break and are resumed by `Last-Event-ID`.

use crate::client::{Client, Events};
use crate::rig::{Rig, rig};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use protocol::config::{Cache, EraChoice, OnSessionLoss, Server, Transport};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A server that keeps the events of a call, and those of its GET stream. It ends every stream after two events.
#[derive(Default)]
struct Store {
    /// `Last-Event-ID` of every GET, empty for none.
    asked: Mutex<Vec<String>>,
    /// The id of the request that is answered by the last event.
    call: Mutex<Value>,
    changed: watch::Sender<u64>,
}

impl Store {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Events from `first` on, of the call or of the GET stream: at most two.
    fn events(&self, stream: &str, first: usize) -> Response {
        let data = |n: usize| {
            match (stream, n) {
            (_, 0) => String::new(),
            ("call", 4) => json!({"jsonrpc": "2.0", "id": *self.call.lock().unwrap(), "result": {"content": []}}).to_string(),
            _ => json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": format!("{stream} {n}")}}).to_string(),
        }
        };
        let events = (first..5.min(first + 2)).map(|n| format!("id: {stream}:{n}\nretry: 20\ndata: {}\n\n", data(n)));
        ([("content-type", "text/event-stream")], events.collect::<String>()).into_response()
    }
}

async fn handle(State(store): State<Arc<Store>>, method: Method, headers: HeaderMap, body: String) -> Response {
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap()).unwrap_or_default();
    if method == Method::GET {
        store.asked.lock().unwrap().push(last.to_owned());
        store.changed.send_modify(|n| *n += 1);
        return match last.split_once(':') {
            // The broker's own session and the client's are alike here.
            Some(("get", "4")) => pending(),
            Some((stream, n)) => store.events(stream, n.parse::<usize>().unwrap() + 1),
            None => store.events("get", 0),
        };
    }
    if method == Method::DELETE {
        return StatusCode::OK.into_response();
    }
    let message: Value = serde_json::from_str(&body).unwrap();
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}})
        }
        "tools/call" => {
            *store.call.lock().unwrap() = message["id"].clone();
            return store.events("call", 0);
        }
        _ if message.get("id").is_none() => return StatusCode::ACCEPTED.into_response(),
        _ => json!({"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}),
    };
    let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
    ([("content-type", "application/json"), ("mcp-session-id", "s")], answer).into_response()
}

fn pending() -> Response {
    let body = axum::body::Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>());
    ([("content-type", "text/event-stream")], body).into_response()
}

async fn start() -> (Arc<Store>, Rig) {
    let store = Arc::new(Store::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let app = Router::new().fallback(handle).with_state(Arc::clone(&store));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let server = Server {
        name: "a".to_owned(),
        prefix: "a_".to_owned(),
        transport: Transport::StreamableHttp,
        url,
        address: None,
        headers: BTreeMap::new(),
        forward_headers: Vec::new(),
        cache: Cache::default(),
        ca: None,
        era: EraChoice::Legacy,
        on_session_loss: OnSessionLoss::Reopen,
        timeout_ms: 5_000,
        route: Some(crate::rig::route("a")),
    };
    (store, rig(vec![server]).await)
}

fn told(message: &Value) -> String {
    message["params"]["data"].as_str().unwrap_or("the answer").to_owned()
}

async fn all(mut events: Events) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(message) = events.next().await {
        all.push(told(&message));
    }
    all
}

const WHOLE: [&str; 4] = ["call 1", "call 2", "call 3", "the answer"];

fn resumed(client: &Client, last: &str) -> reqwest::RequestBuilder {
    client.get().header("last-event-id", last)
}

#[tokio::test]
async fn a_stream_that_the_server_ends_is_left_to_the_client_to_resume() {
    let (store, rig) = start().await;
    let client = rig.client().await;
    assert_eq!(all(client.stream(7, "a_t").await).await, ["call 1"]);
    assert!(!store.asked().iter().any(|last| last.starts_with("call")), "{:?}", store.asked());
    // Whoever reads no stream gets the answer all the same.
    let call = json!({"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "a_t"}}).to_string();
    let post = client.http.post(&client.url).header("mcp-session-id", &client.session);
    let post = post.header("content-type", "application/json").header("accept", "application/json").body(call);
    assert_eq!(crate::client::json(post.send().await.unwrap()).await["id"], 8);
    assert!(
        store.asked().iter().filter(|last| last.starts_with("call")).eq(["call:1", "call:3"]),
        "{:?}",
        store.asked()
    );
}

#[tokio::test]
async fn a_client_asks_for_what_it_missed() {
    let (store, rig) = start().await;
    let client = rig.client().await;
    let mut events = client.stream(7, "a_t").await;
    let primed = events.event().await.unwrap();
    assert_eq!((primed.id.as_deref(), primed.data.as_str()), (Some("a:call:0"), ""));
    let first = events.event().await.unwrap().id.unwrap();
    assert_eq!(first, "a:call:1");
    drop(events);
    let mut seen = Vec::new();
    let mut last = first;
    while seen.last().map(String::as_str) != Some("the answer") {
        let mut events = Events::of(resumed(&client, &last).send().await.unwrap());
        while let Some(event) = events.event().await {
            last = event.id.unwrap();
            seen.push(told(&serde_json::from_str(&event.data).unwrap()));
        }
    }
    assert_eq!(seen, WHOLE[1..]);
    assert!(store.asked().contains(&"call:1".to_owned()), "{:?}", store.asked());
    // What names no server, or one without a session, is the GET stream.
    for last in ["made-up", "nobody:1", ""] {
        let answer = resumed(&client, last).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream", "{last}");
    }
}

#[tokio::test]
async fn nothing_of_a_servers_own_stream_is_lost_or_doubled() {
    let (store, rig) = start().await;
    let client = rig.client().await;
    let mut stream = client.listen().await;
    client.stream(7, "a_t").await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(told(&stream.next_of("notifications/message").await));
    }
    assert_eq!(seen, ["get 1", "get 2", "get 3", "get 4"]);
    let mut changed = store.changed.subscribe();
    changed.wait_for(|_| store.asked().contains(&"get:4".to_owned())).await.unwrap();
}

#[tokio::test]
async fn over_http_sse_streams_go_on_too() {
    let (_store, rig) = start().await;
    let mut client = crate::sse::Old::ready(&rig).await;
    let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "a_t"}});
    client.tell(call).await;
    let mut seen = Vec::new();
    while seen.last().map(String::as_str) != Some("the answer") {
        let message = client.events.next().await.unwrap();
        if message["id"] == 9 || told(&message).starts_with("call") {
            seen.push(told(&message));
        }
    }
    assert_eq!(seen, WHOLE);
}
