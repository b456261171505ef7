//! Many calls at once, and large ones.

use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use mcp_gateway_tests::client::{Http, Reply, Session};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::until;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const MIB: u64 = 1 << 20;
const CHUNK: usize = 64 << 10;

#[tokio::test]
async fn three_thousand_first_calls_at_once() {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let gateway = Config::new().server("a", "p_", &server.url()).start().await;
    let http = Http::new();
    let nothing = json!({});
    let open = || Session::open_with(&http, gateway.url(), "2025-11-25", &nothing);
    let sessions: Vec<_> = stream::iter(0..1500).map(|_| open()).buffer_unordered(100).collect().await;
    // Two in each session; each on a connection of its own.
    let call = async |session: &Session| {
        let answer = session.call("p_echo", json!({})).await;
        if answer["result"]["content"][0]["text"] == "ok" { None } else { Some(answer) }
    };
    let calls = sessions.iter().chain(&sessions).map(call);
    let failed: Vec<_> = join_all(calls).await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{} failed: {}", failed.len(), failed[0]);
    assert_eq!((server.calls().len(), server.sessions_of_clients()), (3000, 1500));
}

/// A call whose argument has so many bytes, sent as fast as it is taken; `sent` counts.
async fn upload(session: Session, bytes: usize, sent: Arc<AtomicUsize>) -> Reply {
    let filler = Bytes::from(vec![b'x'; CHUNK]);
    let begin = r#"{"jsonrpc":"2.0","id":"u","method":"tools/call","params":{"name":"p_echo","arguments":{"a":""#;
    let middle = stream::repeat(filler).take(bytes / CHUNK).inspect(move |chunk| {
        sent.fetch_add(chunk.len(), Ordering::Relaxed);
    });
    let body = stream::iter([Bytes::from(begin)]).chain(middle).chain(stream::iter([Bytes::from(r#""}}}"#)]));
    session.post().send_chunks(body).await
}

/// Waits until nothing more is taken: then all buffers on the way are full. How much was sent by then.
async fn held_up(sent: &AtomicUsize) -> usize {
    let (mut last, mut quiet) = (0, 0);
    until("the uploads are held up", || {
        let now = sent.load(Ordering::Relaxed);
        quiet = if now > 0 && now == last { quiet + 1 } else { 0 };
        last = now;
        (quiet == 50).then_some(now)
    })
    .await
}

/// Uploads to a server that stops reading for a while. How much Envoy's memory grew.
async fn uploads(count: usize, bytes: usize) -> u64 {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let gateway = Config::new().server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    session.call("p_echo", json!({})).await;
    let before = gateway.envoy_memory();
    server.read_on(false);
    let sent = Arc::new(AtomicUsize::new(0));
    let uploads: Vec<_> = (0..count).map(|_| tokio::spawn(upload(session.clone(), bytes, sent.clone()))).collect();
    let last = held_up(&sent).await;
    assert!(last < count * bytes, "the server holds them up");
    let mut most = gateway.envoy_memory();
    server.read_on(true);
    let total = count * bytes;
    until("the server has it all", || {
        most = most.max(gateway.envoy_memory());
        (server.read() > total).then_some(())
    })
    .await;
    for upload in uploads {
        let reply = upload.await.unwrap();
        assert_eq!(reply.message()["result"]["content"][0]["text"], "ok", "{}", reply.text());
    }
    most.max(gateway.envoy_memory()).saturating_sub(before)
}

#[tokio::test]
async fn a_call_of_100_mb_to_a_slow_server_costs_little_memory() {
    let grown = uploads(1, 100 * MIB as usize).await;
    assert!(grown < 40 * MIB, "Envoy grew by {} MiB", grown / MIB);
}

#[tokio::test]
async fn sixteen_uploads_of_20_mb_at_once_cost_little_memory() {
    let grown = uploads(16, 20 * MIB as usize).await;
    assert!(grown < 64 * MIB, "Envoy grew by {} MiB", grown / MIB);
}

#[tokio::test]
async fn a_first_call_waits_for_its_decision_with_all_of_its_body() {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let gateway = Config::new().server("a", "p_", &server.url()).start().await;
    let sessions = [Session::open(gateway.url()).await, Session::open(gateway.url()).await];
    let before = gateway.envoy_memory();
    let sent = Arc::new(AtomicUsize::new(0));
    let bytes = 20 * MIB as usize;
    let frozen = gateway.freeze();
    let uploads = sessions.map(|session| tokio::spawn(upload(session, bytes, sent.clone())));
    assert!(held_up(&sent).await < 2 * bytes, "nobody takes what has no way yet");
    assert_eq!(server.calls().len(), 0);
    let grown = gateway.envoy_memory().saturating_sub(before);
    assert!(grown < 20 * MIB, "Envoy grew by {} MiB", grown / MIB);
    drop(frozen);
    for upload in uploads {
        let reply = upload.await.unwrap();
        assert_eq!(reply.message()["result"]["content"][0]["text"], "ok", "{}", reply.text());
    }
    assert!(server.calls().iter().all(|call| call.body.len() > bytes && call.target.as_deref() == Some("echo")));
}
