//! Each request gets its own stream, whatever the channel is and whatever else goes on there.

use super::sse::SseServer;
use super::*;

/// The same over both transports, in sessions of their own.
async fn over_both(test: impl AsyncFn(&Client)) {
    let sse = SseServer::start(&[]).await;
    for server in [process(&[], Sharing::Session), sse.config()] {
        let client = Client::new(&server).unwrap();
        test(&client).await;
    }
}

fn parsed(message: &str) -> Value {
    serde_json::from_str(message).unwrap()
}

#[tokio::test]
async fn ids_and_tokens_come_back_byte_for_byte() {
    over_both(async |client| {
        let leg = open(client, json!({})).await.unwrap();
        for id in ["7", "-1", "9007199254740993", r#""\u00e9\/""#, r#""""#] {
            let more = format!(r#","_meta":{{"progressToken":{id}}},"arguments":{{"n":1e400,"a":1.0}}"#);
            let echo = call(client, &leg, id, "echo", &more).await;
            let [answer] = &echo[..] else { panic!("{echo:?}") };
            assert!(answer.contains(&format!("\"id\": {id},")), "{answer}");
            // What the server got has another id, and all else as it was sent.
            assert!(answer.contains(r#"\"arguments\":{\"n\":1e400,\"a\":1.0}"#), "{answer}");
            let told = call(client, &leg, id, "progress", &more).await;
            assert_eq!(told.len(), 3, "{told:?}");
            assert!(told[..2].iter().all(|told| told.contains(&format!("\"progressToken\": {id},"))), "{told:?}");
        }
        let calls = seen(client, &leg).await["calls"].clone();
        let mut ids: Vec<_> =
            calls.as_object().unwrap().values().flat_map(|ids| ids.as_array().unwrap()).map(Value::to_string).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((count, ids.len()), (11, 11), "no id is used twice: {calls}");
    })
    .await;
}

#[tokio::test]
async fn sessions_that_share_a_process_may_use_the_same_ids_and_tokens() {
    let client = Client::new(&process(&[], Sharing::Shared)).unwrap();
    let (a, b) = (open(&client, json!({})).await.unwrap(), open(&client, json!({"roots": {}})).await.unwrap());
    assert_eq!(text_of(&client, &a, "pid").await, text_of(&client, &b, "pid").await);
    let held = post(&client, &a, &call_of("1", "hold", "")).await.unwrap();
    let told = call(&client, &b, "1", "progress", r#","_meta":{"progressToken":1}"#).await;
    assert_eq!(told.len(), 3, "{told:?}");
    // The one that is cancelled is the session's own.
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(post(&client, &b, cancel).await.unwrap().status, 202);
    assert_eq!(seen(&client, &b).await["cancelled"], json!([]));
    assert_eq!(post(&client, &a, cancel).await.unwrap().status, 202);
    let seen = seen(&client, &b).await;
    assert_eq!(seen["cancelled"], seen["calls"]["hold"]);
    let ended: Vec<_> = held.body.events(1000).collect().await;
    assert!(matches!(&ended[..], [Err(UpstreamError::Cancelled)]), "{ended:?}");
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_cancelled() {
    over_both(async |client| {
        let leg = open(client, json!({})).await.unwrap();
        drop(post(client, &leg, &call_of("1", "hold", "")).await.unwrap());
        until("the server hears of it", async || {
            let seen = seen(client, &leg).await;
            (seen["cancelled"] == seen["calls"]["hold"]).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_a_server_asks_and_logs_goes_to_the_call_that_is_under_way() {
    over_both(async |client| {
        let leg = open(client, json!({"elicitation": {}})).await.unwrap();
        let mut listening = client.listen(&leg).await.unwrap().unwrap();
        let reply = post(client, &leg, &call_of("1", "ask", "")).await.unwrap();
        let mut events = reply.body.events(1 << 20);
        let question = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(parsed(&question.data)["id"], "e1");
        let answer = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"action":"accept"}}}}"#);
        // What nobody asked for does not reach the server.
        assert_eq!(post(client, &leg, &answer("\"e2\"")).await.unwrap().status, 202);
        assert_eq!(post(client, &leg, &answer("\"e1\"")).await.unwrap().status, 202);
        let result = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap().unwrap();
        assert!(parsed(&result.data)["result"]["content"][0]["text"].as_str().unwrap().contains("accept"));
        assert!(events.next().await.is_none());

        let logged = call(client, &leg, "2", "log", r#","arguments":{"data":"d"}"#).await;
        assert_eq!(parsed(&logged[0])["params"]["data"], "d");
        let batch = call(client, &leg, "3", "batch", "").await;
        assert_eq!((batch.len(), &parsed(&batch[0])["params"]["data"]), (2, &json!("b")));

        // With two under way nobody can tell whose it is.
        let held = post(client, &leg, &call_of("4", "hold", "")).await.unwrap();
        assert_eq!(call(client, &leg, "5", "log", r#","arguments":{"data":"e"}"#).await.len(), 1);
        let told = tokio::time::timeout(PATIENCE, listening.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(parsed(&told.data)["params"]["data"], "e");
        drop(held);

        assert_eq!(call(client, &leg, "6", "change", "").await.len(), 1);
        for method in ["notifications/tools/list_changed", "notifications/resources/updated"] {
            let told = tokio::time::timeout(PATIENCE, listening.next()).await.unwrap().unwrap().unwrap();
            assert_eq!(parsed(&told.data)["method"], method);
        }
    })
    .await;
}

#[tokio::test]
async fn a_question_that_nobody_can_be_asked_is_refused() {
    let client = Client::new(&process(&[], Sharing::Shared)).unwrap();
    let leg = open(&client, json!({"elicitation": {}})).await.unwrap();
    // It declared nothing for anybody.
    let Leg::Legacy(session) = &leg else { panic!() };
    assert_eq!((session.exclusive, &session.instructions), (false, &None));
    assert!(text_of(&client, &leg, "ask").await.contains("-32601"));
}

#[tokio::test]
async fn a_question_that_comes_at_once_waits_for_a_stream_for_a_moment() {
    let client = Client::new(&process(&["curious"], Sharing::Session)).unwrap();
    let leg = open(&client, json!({"roots": {}})).await.unwrap();
    let mut listening = client.listen(&leg).await.unwrap().unwrap();
    let question = tokio::time::timeout(PATIENCE, listening.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(parsed(&question.data)["method"], "roots/list");
    let answer = r#"{"jsonrpc":"2.0","id":"e0","result":{"roots":[]}}"#;
    post(&client, &leg, answer).await.unwrap();
    assert_eq!(seen(&client, &leg).await["answers"][0]["result"], json!({"roots": []}));
    // Where no stream comes the server is told so.
    let leg = open(&client, json!({"roots": {}})).await.unwrap();
    until("it is refused", async || {
        // The broker's own requests are no place to ask a client.
        let seen = client.request(&leg, "tools/call", Some(r#"{"name":"seen"}"#)).await.unwrap();
        seen.get().contains("-32601").then_some(())
    })
    .await;
}

#[tokio::test]
async fn updates_reach_the_sessions_that_are_subscribed() {
    let client = Client::new(&process(&[], Sharing::Shared)).unwrap();
    let legs = [
        open(&client, json!({})).await.unwrap(),
        open(&client, json!({})).await.unwrap(),
        open(&client, json!({})).await.unwrap(),
    ];
    let [a, b, other] = &legs;
    let mut streams = Vec::new();
    for leg in &legs {
        streams.push(client.listen(leg).await.unwrap().unwrap());
    }
    let subscribe = |method: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"resources/{method}","params":{{"uri":"doc:a"}}}}"#)
    };
    for leg in [a, b] {
        all(post(&client, leg, &subscribe("subscribe")).await.unwrap()).await;
    }
    call(&client, other, "1", "change", "").await;
    let mut updated = Vec::new();
    for stream in &mut streams {
        let first = stream.next().await.unwrap().unwrap();
        assert_eq!(parsed(&first.data)["method"], "notifications/tools/list_changed");
        let second = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
        updated.push(second.is_ok());
    }
    assert_eq!(updated, [true, true, false]);
    // The server is told that it ends when nobody wants it any more.
    all(post(&client, a, &subscribe("unsubscribe")).await.unwrap()).await;
    assert_eq!(seen(&client, other).await["subscribed"].as_array().unwrap().len(), 2);
    let Leg::Legacy(session) = b else { panic!() };
    client.end_session(session).await;
    let seen = seen(&client, other).await["subscribed"].clone();
    assert_eq!(seen[2], json!(["resources/unsubscribe", "doc:a"]));
}

#[tokio::test]
async fn a_flood_and_garbage_cost_nobody_an_answer() {
    over_both(async |client| {
        let leg = open(client, json!({})).await.unwrap();
        let flood = post(client, &leg, &call_of("1", "flood", r#","arguments":{"count":20000}"#)).await.unwrap();
        // Nobody reads the flood for now: others are answered, and the answer to it comes in the end.
        assert!(!text_of(client, &leg, "pid").await.is_empty());
        let messages = all(flood).await;
        assert!(messages.len() < 2000, "{}", messages.len());
        assert_eq!(parsed(messages.last().unwrap())["id"], 1);
        let garbage = call(client, &leg, "2", "garbage", "").await;
        assert_eq!(parsed(garbage.last().unwrap())["id"], 2);
    })
    .await;
}

#[tokio::test]
async fn silence_is_bounded() {
    for sharing in [Sharing::Session, Sharing::Shared] {
        let mut server = process(&["silent"], sharing);
        server.timeout_ms = 300;
        let client = Client::new(&server).unwrap();
        assert_eq!(open(&client, json!({})).await.unwrap_err(), UpstreamError::Timeout(300));
        let mut server = process(&[], sharing);
        server.timeout_ms = 5000;
        let client = Client::new(&server).unwrap();
        let leg = open(&client, json!({})).await.unwrap();
        let held = post(&client, &leg, &call_of("1", "hold", "")).await.unwrap();
        let ended: Vec<_> = held.body.events(1000).collect().await;
        assert!(matches!(&ended[..], [Err(UpstreamError::Timeout(5000))]), "{ended:?}");
    }
}
