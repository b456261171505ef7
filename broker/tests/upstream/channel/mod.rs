//! Servers behind one channel for everything, their standard streams or an SSE connection: `server.py`, which needs Python.

mod processes;
mod requests;
mod sse;

use broker::upstream::{Client, Leg, Reply, UpstreamError};
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::config::{Cache, EraChoice, OnSessionLoss, Process, Server, Sharing, Transport};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn script() -> String {
    format!("{}/tests/upstream/channel/server.py", env!("CARGO_MANIFEST_DIR"))
}

/// `server.py` as a process of the gateway.
fn process(flags: &[&str], sharing: Sharing) -> Server {
    let args = [&[script().as_str()], flags].concat().into_iter().map(str::to_owned).collect();
    let process = Process {
        program: "python3".to_owned(),
        args,
        env: BTreeMap::new(),
        cwd: None,
        sharing,
        idle_seconds: 300,
        max_processes: 32,
    };
    Server { transport: Transport::Stdio(process), ..at("") }
}

/// A server at a URL.
fn at(url: &str) -> Server {
    Server {
        name: "s".to_owned(),
        prefix: "s_".to_owned(),
        transport: Transport::Auto,
        url: url.to_owned(),
        address: None,
        headers: BTreeMap::new(),
        forward_headers: Vec::new(),
        cache: Cache::default(),
        ca: None,
        era: EraChoice::Auto,
        on_session_loss: OnSessionLoss::Reopen,
        timeout_ms: 10_000,
        route: None,
    }
}

/// The process's configuration, to change.
fn of(server: &mut Server) -> &mut Process {
    match &mut server.transport {
        Transport::Stdio(process) => process,
        other => panic!("{other:?}"),
    }
}

async fn open(client: &Client, capabilities: Value) -> Result<Leg, UpstreamError> {
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": {"name": "c", "version": "1"}});
    let params = serde_json::value::to_raw_value(&params).unwrap();
    client.open_session(&params).await.map(Leg::Legacy)
}

async fn post(client: &Client, leg: &Leg, message: &str) -> Result<Reply, UpstreamError> {
    tokio::time::timeout(PATIENCE, client.post(leg, Bytes::from(message.to_owned()), &HeaderMap::new())).await.unwrap()
}

/// A `tools/call` with these raw values.
fn call_of(id: &str, tool: &str, more: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}"{more}}}}}"#)
}

/// The messages on the stream of a request, as they came, to its end.
async fn all(reply: Reply) -> Vec<String> {
    assert_eq!(reply.status, 200);
    let events = reply.body.events(1 << 20).map(|event| event.unwrap().data).collect();
    tokio::time::timeout(PATIENCE, events).await.unwrap()
}

async fn call(client: &Client, leg: &Leg, id: &str, tool: &str, more: &str) -> Vec<String> {
    all(post(client, leg, &call_of(id, tool, more)).await.unwrap()).await
}

/// The text that a call is answered with.
async fn text_of(client: &Client, leg: &Leg, tool: &str) -> String {
    let last = call(client, leg, "\"t\"", tool, "").await.pop().unwrap();
    let answer: Value = serde_json::from_str(&last).unwrap();
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{last}")).to_owned()
}

/// What the server saw by now.
async fn seen(client: &Client, leg: &Leg) -> Value {
    serde_json::from_str(&text_of(client, leg, "seen").await).unwrap()
}

/// Waits until something is so.
async fn until<T>(what: &str, mut so: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = so().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Whether a process of this id runs (one that has ended and was not waited for does not).
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}
