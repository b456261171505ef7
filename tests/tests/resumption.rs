//! Streams that break, and go on by `Last-Event-ID` for servers that offer it.

use mcp_gateway_tests::client::{Events, Http, Modern, Session, initialize};
use mcp_gateway_tests::fake::{Exchange, Fake, Recorded};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{Front, at_every_front, peers, until};
use serde_json::{Value, json};
use sse_stream::Sse;

at_every_front!(
    a_client_that_lost_its_stream_misses_nothing,
    a_client_that_can_resume_a_stream_is_left_to_it,
    a_stream_that_has_a_reader_at_a_time_is_resumed_in_mid_answer,
    a_stream_that_still_has_a_reader_is_asked_for_again,
    a_client_that_cannot_resume_a_stream_gets_all_of_it,
);

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

/// A server whose tool `polled` answers on a stream that the client has to come back for.
fn polled() -> Fake {
    let tool = async |x: Exchange| {
        let (server, session) = (x.server.clone(), x.request.session().to_owned());
        let answer = x.response(r#"{"content":[{"type":"text","text":"the rest"}]}"#);
        x.events().bytes("id: first\nretry: 10\ndata:\n\n");
        let resumes = |get: &Recorded| get.header("last-event-id") == "first" && get.session() == session;
        until("the server is asked for the rest", || server.all("GET").into_iter().find(resumes)).await;
        until("the rest can be sent", || server.say(&session, &answer).then_some(())).await;
    };
    Fake::legacy().tool("polled", tool).tool("echo", Exchange::ok).start()
}

/// A stream that can be resumed may end before its answer: the client asks for the rest, and an error would be a second answer.
async fn a_client_that_can_resume_a_stream_is_left_to_it(front: Front) {
    let server = polled();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let mut events = session.call_events("p_polled").await;
    let first = until_event(&mut events).await.unwrap();
    assert_eq!((first.id.as_deref(), first.retry), (Some("a:first"), Some(10)));
    assert!(until_event(&mut events).await.is_none());
    let get = session.request("GET").header("accept", "text/event-stream").header("last-event-id", "a:first");
    let rest = get.open("").await.events().message().await;
    assert_eq!(rest["result"]["content"][0]["text"], "the rest");
}

/// Servers of the TypeScript SDK give a stream to one reader at a time: to the next once they have seen that the last one left.
async fn a_stream_that_has_a_reader_at_a_time_is_resumed_in_mid_answer(front: Front) {
    let tool = async |x: Exchange| {
        let (server, session) = (x.server.clone(), x.request.session().to_owned());
        let answer = x.response(r#"{"content":[{"type":"text","text":"the rest"}]}"#);
        let stream = x.events();
        server.is_read(3);
        stream.bytes("id: first\ndata:\n\n");
        stream.closed().await;
        until("the rest can be sent", || server.say(&session, &answer).then_some(())).await;
    };
    let server = Fake::legacy().tool("long", tool).start();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let mut events = session.call_events("p_long").await;
    assert_eq!(until_event(&mut events).await.unwrap().id.as_deref(), Some("a:first"));
    drop(events);
    let get = session.request("GET").header("accept", "text/event-stream").header("last-event-id", "a:first");
    let rest = get.open("").await.events().message().await;
    assert_eq!(rest["result"]["content"][0]["text"], "the rest");
}

/// The same of the stream on which a server speaks on its own.
async fn a_stream_that_still_has_a_reader_is_asked_for_again(front: Front) {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    session.call("p_echo", json!({})).await;
    let upstream = server.calls().last().map(|call| call.session().to_owned()).unwrap_or_default();
    server.is_read(1);
    let mut events = session.listen().await;
    let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#;
    until("the stream is open", || server.say(&upstream, log).then_some(())).await;
    assert_eq!(events.method("notifications/message").await["params"]["data"], "x");
}

/// The next event that is one, and no comment to keep the connection open.
async fn until_event(events: &mut Events) -> Option<Sse> {
    loop {
        let event = events.event().await?;
        if event.id.is_some() || event.data.is_some() {
            return Some(event);
        }
    }
}

/// Answers in JSON, streams made of several, HTTP+SSE and the modern era have nothing to resume: there the gateway does it.
async fn a_client_that_cannot_resume_a_stream_gets_all_of_it(front: Front) {
    let server = polled();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let rest = |message: &Value| message["result"]["content"][0]["text"] == "the rest";
    let call =
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "p_polled", "arguments": {}}});
    let modern = Modern::new(gateway.url()).call("p_polled", json!({})).await;
    assert!(rest(&modern), "{modern}");

    let session = Session::open(gateway.url()).await;
    let only_json = session.post().replace("accept", Some("application/json"));
    let reply = only_json.send(call.to_string()).await.message();
    assert!(rest(&reply), "{reply}");

    let session = Session::open_with(&Http::new(), gateway.url(), "2025-03-26", &json!({})).await;
    let mut other = call.clone();
    (other["id"], other["params"]["name"]) = (json!(8), json!("p_echo"));
    let mut events = session.post().open(json!([call, other]).to_string()).await.events();
    let (one, two) = (events.message().await, events.message().await);
    let mut ids = [&one, &two].map(|message| (message["id"].clone(), rest(message)));
    ids.sort_by_key(|(id, _)| id.as_u64());
    assert_eq!(ids, [(json!(7), true), (json!(8), false)]);

    let http = Http::new();
    let mut events = http.request("GET", &gateway.at("/sse")).open("").await.events();
    let url = gateway.at(&events.data().await.unwrap());
    http.post(&url).send(initialize("2024-11-05", &json!({}))).await;
    events.message().await;
    http.post(&url).send(call.to_string()).await;
    let answer = events.message().await;
    assert!(rest(&answer), "{answer}");
}
