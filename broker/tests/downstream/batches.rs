//! Batches of 2025-03-26.

use crate::client::{Client, Events, json};
use crate::fake::legacy;
use crate::rig::{Rig, rig};
use serde_json::{Value, json};

fn call(id: impl Into<Value>, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": {"name": tool, "_meta": {"progressToken": "p"}}})
}

fn ping(id: u32) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "ping"})
}

async fn client(rig: &Rig) -> Client {
    rig.client_of("2025-03-26").await
}

#[tokio::test]
async fn every_request_gets_its_answer_and_nothing_else_gets_one() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = client(&rig).await;
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}});
    let batch = json!([
        ping(1), cancelled, call("two", "a_echo"), 5, {"jsonrpc": "2.0", "id": 3}, [ping(4)],
        {"jsonrpc": "2.0", "id": 5, "method": "initialize", "params": {"protocolVersion": "2025-03-26", "capabilities": {}}},
        {"jsonrpc": "2.0", "id": 6, "method": "no/such"}, {"jsonrpc": "2.0", "id": "mcpgw:a:n1", "result": {}},
        {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}, call(8, "nobody"), {"jsonrpc": "1.0", "id": 9, "method": "ping"},
    ]);
    let answers = json(client.post(&batch).send().await.unwrap()).await;
    let told: Vec<_> =
        answers.as_array().unwrap().iter().map(|a| (a["id"].clone(), a["error"]["code"].clone())).collect();
    let ok = Value::Null;
    let expected = [
        (json!(1), ok.clone()),
        (json!("two"), ok.clone()),
        (Value::Null, json!(-32600)),
        (json!(3), json!(-32600)),
        (Value::Null, json!(-32600)),
        (json!(5), json!(-32600)),
        (json!(6), json!(-32601)),
        (json!(7), ok),
        (json!(8), json!(-32602)),
        (json!(9), json!(-32600)),
    ];
    assert_eq!(told, expected);
    assert_eq!(answers[0]["result"], json!({}));
    fake.wait_until("the notification and the answer arrive", |f| {
        f.seen("notifications/cancelled").len() == 1 && f.responses().len() == 1
    })
    .await;
    assert_eq!(fake.responses()[0]["id"], 1);
}

#[tokio::test]
async fn without_requests_there_is_nothing_to_answer() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = client(&rig).await;
    client.call(1, "a_echo").await;
    let notice = json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"});
    client.tell(json!([notice, {"jsonrpc": "2.0", "id": "mcpgw:a:s7", "error": {"code": 1, "message": "no"}}])).await;
    client.tell(json!([notice])).await;
    fake.wait_until("all of them arrive", |f| {
        f.seen("notifications/roots/list_changed").len() == 2 && f.responses().iter().any(|r| r["id"] == "7")
    })
    .await;
}

#[tokio::test]
async fn what_servers_ask_and_tell_meanwhile_comes_in_a_stream() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = client(&rig).await;
    let batch = json!([ping(1), call(2, "a_elicit"), call(3, "a_stream"), call(4, "a_link")]);
    let answer = client.post(&batch).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = Events::of(answer);
    let (mut answered, mut progress) = (Vec::new(), 0);
    while let Some(message) = events.next().await {
        match message["method"].as_str() {
            Some("elicitation/create") => {
                client.tell(json!([{"jsonrpc": "2.0", "id": message["id"], "result": {"action": "decline"}}])).await;
            }
            Some("notifications/progress") => progress += 1,
            _ => {
                assert!(message["result"].is_object(), "{message}");
                answered.push(message["id"].as_i64().unwrap());
            }
        }
    }
    answered.sort_unstable();
    assert_eq!((answered, progress), (vec![1, 2, 3, 4], 1));
}

#[tokio::test]
async fn a_client_gets_what_it_can_read() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = client(&rig).await;
    let batch = json!([ping(1), call(2, "a_stream")]).to_string();
    let post = |accept: &str| {
        let request = client.http.post(&client.url).header("mcp-session-id", &client.session);
        request.header("content-type", "application/json").header("accept", accept).body(batch.clone())
    };
    let answers = json(post("application/json").send().await.unwrap()).await;
    assert_eq!((&answers[0]["id"], &answers[1]["id"]), (&json!(1), &json!(2)));
    let answer = post("text/event-stream").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(Events::of(answer).answer_to(2).await["result"]["content"][0]["text"], "done");
}

#[tokio::test]
async fn the_same_id_is_not_used_twice() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = client(&rig).await;
    let mut events = client.stream(1, "a_wait").await;
    events.next_of("notifications/message").await;
    let answers = json(client.post(&json!([call(1, "a_echo"), call(2, "a_echo")])).send().await.unwrap()).await;
    assert_eq!((&answers[0]["error"]["code"], &answers[1]["error"]["code"]), (&json!(-32600), &Value::Null));
}

#[tokio::test]
async fn batches_that_are_none() {
    let rig = rig(vec![]).await;
    let client = client(&rig).await;
    let long: Vec<_> = (0..101).map(ping).collect();
    for (batch, code) in [("[]".to_owned(), -32600), (json!(long).to_string(), -32600), ("[1".to_owned(), -32700)] {
        let answer = client.post_raw(&batch).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{batch}");
        let answer = json(answer).await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &Value::Null), "{batch}");
    }
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let answer = rig.client_of(revision).await.post(&json!([ping(1)])).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{revision}");
    }
}
