//! Memory of the broker: what a crowd of clients took is given back, to the byte nearly.
//!
//! The broker runs in the test's own process, whose allocator counts. Servers are processes of their own.

use broker::{Broker, Options};
use cap::Cap;
use futures::{StreamExt as _, stream};
use mcp_gateway_tests::client::{ENVELOPE, Events, Http, Modern, Session};
use mcp_gateway_tests::process::Server;
use mcp_gateway_tests::until_told_within;
use protocol::config::{self, EraChoice, Gateway, Limits, OnSessionLoss, Transport};
use serde_json::{Value, json};
use std::alloc::System;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Clients at once, a third of them in each way in which the gateway has to remember that they were asked.
const CROWD: usize = 999;

/// How many come at the same moment.
const TOGETHER: usize = 32;

/// How often they come and answer, before they do not.
const ROUNDS: usize = 2;

/// How long a call waits for its client. All of them have to come within that, on a busy machine too.
const INPUT: Duration = Duration::from_secs(60);

/// For how long something is kept for those who come back: sessions with servers for a minute.
const KEPT: Duration = Duration::from_secs(180);

/// What may be left at the end, less than 200 bytes a client: ended sessions are remembered for a while.
const LEFT: usize = 512 << 10;

const ANSWER: &str = r#"{"action":"accept","content":{"answer":"blue"}}"#;

/// A client who was asked.
enum Asked {
    /// The stream of the call, and the id of the question.
    Legacy(Session, Box<Events>, Value),
    /// The key of the question, and the state to come back with.
    Modern(Modern, String, Value),
}

impl Asked {
    async fn legacy(url: &str, tool: &str) -> Self {
        let session = Session::open_with(&Http::new(), url, "2025-11-25", &json!({ "elicitation": {} })).await;
        let mut events = session.call_events(tool).await;
        let question = events.method("elicitation/create").await;
        Self::Legacy(session, Box::new(events), question["id"].clone())
    }

    async fn modern(url: &str, tool: &str) -> Self {
        let client = Modern::new(url);
        let asked = client.post("tools/call", tool).send(call(tool, "")).await.message()["result"].clone();
        let key = asked["inputRequests"].as_object().and_then(|asked| asked.keys().next().cloned());
        Self::Modern(client, key.unwrap_or_else(|| panic!("{asked}")), asked["requestState"].clone())
    }

    /// Answers, and leaves.
    async fn answer(self, tool: &str) -> Value {
        match self {
            Self::Legacy(session, mut events, id) => {
                let told = session.send(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{ANSWER}}}"#)).await;
                assert_eq!(told.status, 202, "{}", told.text());
                let answer = events.find(|message| message["result"].is_object()).await;
                session.end().await;
                answer
            }
            Self::Modern(client, key, state) => {
                let more = format!(r#","requestState":{state},"inputResponses":{{"{key}":{ANSWER}}}"#);
                client.post("tools/call", tool).send(call(tool, &more)).await.message()
            }
        }
    }

    /// Leaves without an answer.
    async fn leave(self) {
        if let Self::Legacy(session, ..) = self {
            session.end().await;
        }
    }
}

fn call(tool: &str, more: &str) -> String {
    let envelope = ENVELOPE.replace(r#"clientCapabilities":{}"#, r#"clientCapabilities":{"elicitation":{}}"#);
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{envelope},"name":"{tool}"{more}}}}}"#)
}

/// A broker on its own, and where it is.
async fn start(servers: &[(&str, &Server)]) -> (Broker, String) {
    // Chosen once for a process, by whoever comes first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let servers = servers.iter().map(|(name, server)| config::Server {
        name: (*name).to_owned(),
        prefix: format!("{name}_"),
        transport: Transport::StreamableHttp,
        url: server.url.clone(),
        address: None,
        headers: BTreeMap::new(),
        forward_headers: Vec::new(),
        cache: config::Cache::default(),
        ca: None,
        era: EraChoice::Auto,
        on_session_loss: OnSessionLoss::Reopen,
        timeout_ms: 30_000,
        route: None,
    });
    let limits = Limits { input_seconds: INPUT.as_secs(), ..Limits::default() };
    let gateway = Gateway { servers: servers.collect(), limits, ..Gateway::default() };
    let listen = async || TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let (public, internal) = (listen().await, listen().await);
    let address = public.local_addr().expect("it has an address");
    let options = Options { public, internal, metrics: None, key: "key".to_owned(), advertised: None };
    let broker = broker::start(watch::channel(Arc::new(gateway)).1, options);
    let mut status = broker.status();
    let ready = status.wait_for(|all| all.servers.iter().all(|server| server.state == broker::status::State::Ready));
    ready.await.expect("the broker runs");
    (broker, format!("http://{address}"))
}

/// Everybody who is asked, with the tool that asks.
async fn everybody(base: &str) -> Vec<(&'static str, Asked)> {
    let (url, legacy, modern) = (format!("{base}/mcp"), "l_ask_user", "m_ask_user");
    let asked = stream::iter(0..CROWD).map(async |nth| match nth % 3 {
        0 => (legacy, Asked::legacy(&url, legacy).await),
        1 => (modern, Asked::legacy(&url, modern).await),
        _ => (legacy, Asked::modern(&url, legacy).await),
    });
    let asked: Vec<_> = asked.buffer_unordered(TOGETHER).collect().await;
    assert_eq!(gauge(base, "held_calls").await, CROWD / 3, "all of them are asked at once");
    assert_eq!(gauge(base, "sessions").await, CROWD / 3 * 2, "all of them are asked at once");
    asked
}

async fn gauge(base: &str, name: &str) -> usize {
    let reply = Http::new().get(&format!("{base}/metrics")).await;
    let line = format!("mcp_gateway_{name} ");
    let value = reply.text().lines().find_map(|at| at.strip_prefix(&line)?.parse().ok());
    value.unwrap_or_else(|| panic!("/metrics has {name}: {}", reply.text()))
}

/// Waits until nothing of this kind is there any more.
async fn none(base: &str, name: &str) {
    until_told_within(KEPT, name, async || (gauge(base, name).await == 0).then_some(())).await;
}

#[tokio::test]
async fn what_a_thousand_clients_took_is_given_back() {
    let (legacy, modern) = tokio::join!(
        Server::sample("sample-features", &["--era", "legacy"]),
        Server::sample("sample-features", &["--era", "modern"]),
    );
    let (broker, base) = start(&[("l", &legacy), ("m", &modern)]).await;
    let before = ALLOCATOR.allocated();
    let mut most = 0;
    for _ in 0..ROUNDS {
        let asked = everybody(&base).await;
        most = most.max(ALLOCATOR.allocated());
        let answering = stream::iter(asked).map(async |(tool, asked)| asked.answer(tool).await);
        for answer in answering.buffer_unordered(TOGETHER).collect::<Vec<_>>().await {
            let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
            assert!(text.starts_with("accepted: "), "{answer}");
        }
    }
    let asked = everybody(&base).await;
    stream::iter(asked).for_each_concurrent(TOGETHER, async |(_, asked)| asked.leave().await).await;
    for name in ["held_calls", "sessions", "upstream_sessions", "pooled_sessions"] {
        none(&base, name).await;
    }
    until_told_within(KEPT, "the memory is given back", async || (ALLOCATOR.allocated() < before + LEFT).then_some(()))
        .await;
    assert!(most > before + CROWD * 1024, "the crowd took some: {most} of {before}");
    broker.shutdown().await;
}
