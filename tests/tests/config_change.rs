//! Changes to `gateway.yaml` while the gateway runs: applied in under 2 s, no call lost, and a broken file changes nothing.

use bytes::Bytes;
use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{until, until_told};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a change may take until it is in force.
const PROMPT: Duration = Duration::from_secs(2);

/// How often each change is made at most, until it was prompt.
const MOST: usize = 12;

/// How long each kind of change took at best: the machine may be busy, and what waits for a timer always waits.
#[derive(Debug, Default)]
struct Best(BTreeMap<&'static str, Duration>);

impl Best {
    fn took(&mut self, change: &'static str, since: Instant) {
        let took = since.elapsed();
        let best = self.0.entry(change).or_insert(took);
        *best = took.min(*best);
    }

    fn is_prompt(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(|best| *best < PROMPT)
    }
}

fn server() -> Fake {
    Fake::legacy().tool("who", Exchange::who).start()
}

fn text(answer: &Value) -> Option<String> {
    answer["result"]["content"][0]["text"].as_str().map(str::to_owned)
}

/// Calls one after the other until told to stop, and counts the calls.
async fn keep_calling(session: Session, tool: &'static str, ends: Arc<AtomicBool>, calls: Arc<AtomicUsize>) {
    while !ends.load(Ordering::Relaxed) {
        let answer = session.call(tool, json!({})).await;
        assert!(text(&answer).is_some(), "a call was lost: {answer}");
        calls.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until a call of `tool` has the answer that it is to have.
async fn becomes(session: &Session, tool: &str, so: impl Fn(&Value) -> bool) {
    until_told(&format!("{tool} is as configured"), async || so(&session.call(tool, json!({})).await).then_some(()))
        .await;
}

#[tokio::test]
async fn changes_are_prompt_and_lose_no_call() {
    let (a, a2, b, c) = (server(), server(), server(), server());
    let only_a = Config::new().server("a", "a_", &a.url());
    let gateway = only_a.start().await;
    let (ends, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut loops = Vec::new();
    for n in 0..4 {
        // Some go on in their session, some share one.
        let session = Session::open(gateway.url()).await;
        let again = if n == 0 { Some(session.clone()) } else { None };
        for session in [Some(session), again].into_iter().flatten() {
            loops.push(tokio::spawn(keep_calling(session, "a_who", ends.clone(), calls.clone())));
        }
    }
    let session = Session::open(gateway.url()).await;
    let is = |server: &Fake| {
        let authority = server.authority();
        move |answer: &Value| text(answer).as_deref() == Some(authority.as_str())
    };
    let unknown = |answer: &Value| answer["error"]["code"] == -32602;
    assert!(unknown(&session.call("b_who", json!({})).await));
    let another = |prefix: &str, server: &Fake| only_a.clone().server("b", prefix, &server.url());
    let mut best = Best::default();
    for _ in 0..MOST {
        let mut since = Instant::now();
        gateway.configure(&another("b_", &b));
        becomes(&session, "b_who", is(&b)).await;
        best.took("another server", since);

        since = Instant::now();
        gateway.configure(&another("b_", &c));
        becomes(&session, "b_who", is(&c)).await;
        best.took("another place of it", since);

        since = Instant::now();
        gateway.configure(&another("other-", &c));
        becomes(&session, "other-who", is(&c)).await;
        becomes(&session, "b_who", unknown).await;
        best.took("another prefix", since);

        since = Instant::now();
        gateway.configure(&only_a);
        becomes(&session, "other-who", unknown).await;
        best.took("no other server", since);
        if best.is_prompt() {
            break;
        }
    }
    assert!(best.is_prompt(), "{best:?}");
    // The server that is being called moves, and gets another header.
    gateway.configure(&Config::new().server_with("a", "a_", &a2.url(), ", headers: { X-Version: two }"));
    becomes(&session, "a_who", is(&a2)).await;
    until("calls arrive with the new header", || {
        a2.calls().last().filter(|c| c.header("x-version") == "two").map(drop)
    })
    .await;
    let before = calls.load(Ordering::Relaxed);
    until("calls go on", || (calls.load(Ordering::Relaxed) > before + 50).then_some(())).await;
    ends.store(true, Ordering::Relaxed);
    for finished in loops {
        finished.await.unwrap();
    }
    assert_eq!(session.tools().await, ["a_who"]);
}

#[tokio::test]
async fn a_broken_file_is_reported_and_changes_nothing() {
    let (a, b) = (server(), server());
    let good = Config::new().server("a", "a_", &a.url());
    let gateway = good.start().await;
    let session = Session::open(gateway.url()).await;
    assert!(text(&session.call("a_who", json!({})).await).is_some());
    for (broken, says) in [
        ("servers: [", "gateway.yaml"),
        ("servers: [{ name: a, url: 5 }]", "servers[0].url"),
        ("servers: [{ name: a, prefix: 'a b', url: 'http://127.0.0.1:1/mcp' }]", "servers[0].prefix"),
        ("", "is nothing"),
    ] {
        let reports = || gateway.process.log().lines().iter().filter(|line| line.contains(says)).count();
        let before = reports();
        gateway.write(broken);
        until(&format!("{says} is reported"), || (reports() > before).then_some(())).await;
        assert!(text(&session.call("a_who", json!({})).await).is_some(), "{broken}");
        assert_eq!(gateway.status().await["servers"].as_array().map(Vec::len), Some(1));
    }
    gateway.configure(&good.server("b", "b_", &b.url()));
    becomes(&session, "b_who", |answer| text(answer) == Some(b.authority())).await;
}

#[tokio::test]
async fn streams_and_uploads_survive_changes() {
    let slow = Fake::legacy()
        .tool("waits", async |x| {
            let last = x.response(r#"{"content":[],"done":true}"#);
            let server = x.server.clone();
            let events = x.events();
            events.message(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#);
            server.notified("notifications/cancelled").await;
            events.message(last);
        })
        .tool("who", Exchange::who)
        .start();
    let b = server();
    let config = Config::new().server("a", "a_", &slow.url());
    let gateway = config.start().await;
    let session = Session::open(gateway.url()).await;
    let mut stream = session.listen().await;
    let mut events = session.call_events("a_waits").await;
    events.method("notifications/message").await;
    let (rest, chunks) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    let chunks = futures::stream::unfold(chunks, async |mut chunks| Some((chunks.recv().await?, chunks)));
    let upload = tokio::spawn(session.post().send_chunks(chunks));
    let begin = r#"{"jsonrpc":"2.0","id":"u","method":"tools/call","params":{"name":"a_who","arguments":{"a":""#;
    rest.send(begin.into()).unwrap();
    rest.send(vec![b'x'; 100_000].into()).unwrap();
    until("the upload is under way", || (slow.read() > 50_000).then_some(())).await;

    let mut best = Best::default();
    for (config, tools) in [
        (config.clone().server("b", "b_", &b.url()), ["a_waits", "a_who", "b_who"].as_slice()),
        (config.clone(), &["a_waits", "a_who"]),
        (config.clone().server("b", "c_", &b.url()), &["a_waits", "a_who", "c_who"]),
    ] {
        let since = Instant::now();
        gateway.configure(&config);
        stream.method("notifications/tools/list_changed").await;
        best.took("another list", since);
        until_told("the list is the new one", async || (session.tools().await == tools).then_some(())).await;
    }

    assert!(best.is_prompt(), "{best:?}");

    rest.send(r#""}}}"#.into()).unwrap();
    drop(rest);
    let reply = upload.await.unwrap();
    assert_eq!(text(&reply.message()), Some(slow.authority()), "{}", reply.text());
    session.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#).await;
    assert_eq!(events.find(|message| message.get("result").is_some()).await["result"]["done"], true);
    assert_eq!(slow.sessions_of_clients(), 1);
}
