//! Streams that break, and go on by `Last-Event-ID` for servers that offer it.

use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{Front, at_every_front, peers};
use serde_json::{Value, json};

at_every_front!(a_client_that_lost_its_stream_misses_nothing);

/// What a message tells of the call: a step, or its answer. The server repeats what belongs to other calls, too.
fn step(data: &str) -> Option<String> {
    let message: Value = serde_json::from_str(data).ok()?;
    if message["id"] == 7 {
        return Some("answer".to_owned());
    }
    (message["params"]["progressToken"] == "t").then(|| message["params"]["progress"].to_string())
}

fn long_call(id: u64, seconds: f64, meta: Value) -> String {
    let arguments = json!({ "duration": seconds, "steps": 4 });
    let params = json!({ "name": "ev_trigger-long-running-operation", "arguments": arguments, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

async fn a_client_that_lost_its_stream_misses_nothing(front: Front) {
    let server = peers::everything().await;
    let gateway = Config::new().at(front).server("ev", "ev_", &server.url).start().await;
    let session = Session::open(gateway.url()).await;
    let mut events = session.post().open(long_call(7, 0.4, json!({ "progressToken": "t" }))).await.events();
    let (mut seen, mut last) = (Vec::new(), String::new());
    while seen.is_empty() {
        let event = events.event().await.unwrap();
        last = event.id.unwrap_or(last);
        seen.extend(event.data.as_deref().and_then(step));
    }
    assert!(last.starts_with("ev:"), "{last}");
    drop(events);
    // This server repeats what was said by then, so the call has to be over: this one began later, and takes longer.
    session.send(long_call(8, 0.5, json!({}))).await;
    let get = session.request("GET").header("accept", "text/event-stream").header("last-event-id", &last);
    let mut events = get.open("").await.events();
    while seen.last().is_none_or(|step| step != "answer") {
        let event = events.event().await.unwrap();
        assert!(event.id.is_none_or(|id| id.starts_with("ev:")));
        seen.extend(event.data.as_deref().and_then(step));
    }
    assert_eq!(seen, ["1", "2", "3", "4", "answer"]);
}

/// A stream that can be resumed may end before its answer: the client asks for the rest, and an error would be a second answer.
#[tokio::test]
async fn a_stream_that_the_server_ends_early_is_no_error_where_it_can_be_resumed() {
    let server = Fake::legacy()
        .tool("polled", async |x| {
            x.events().bytes("id: first\nretry: 10\ndata:\n\n");
        })
        .tool("echo", Exchange::ok)
        .start();
    let gateway = Config::new().server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let mut events = session.call_events("p_polled").await;
    assert_eq!(events.event().await.unwrap().id.as_deref(), Some("a:first"));
    assert!(events.event().await.is_none());
    let get = session.request("GET").header("accept", "text/event-stream").header("last-event-id", "a:first");
    let _resumed = get.open("").await.events();
    let asked = || server.all("GET").into_iter().find(|get| get.header("last-event-id") == "first");
    mcp_gateway_tests::until("the server is asked for the rest", asked).await;
}
