//! HTTP+SSE of 2024-11-05, for clients.

use crate::client::{Events, initialize, json, post};
use crate::fake::legacy;
use crate::rig::{Rig, rig, rig_with};
use protocol::config::Limits;
use reqwest::Response;
use serde_json::{Value, json};

/// A client whose stream is open.
pub(crate) struct Old {
    http: reqwest::Client,
    /// Where its messages go.
    url: String,
    pub(crate) events: Events,
}

impl Old {
    async fn open(rig: &Rig) -> Self {
        let answer = rig.http.get(format!("{}/sse", rig.public)).header("accept", "text/event-stream");
        let answer = answer.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"] == "text/event-stream"), (200, true));
        assert_eq!(answer.headers()["cache-control"], "no-cache, no-transform");
        let mut events = Events::of(answer);
        let endpoint = events.event().await.unwrap();
        assert_eq!(endpoint.event, "endpoint");
        assert!(endpoint.data.starts_with("/sse/message?sessionId=") && endpoint.data.len() > 50, "{}", endpoint.data);
        Self { http: rig.http.clone(), url: format!("{}{}", rig.public, endpoint.data), events }
    }

    /// One that is initialized.
    pub(crate) async fn ready(rig: &Rig) -> Self {
        let mut client = Self::open(rig).await;
        client.tell(initialize("2024-11-05")).await;
        assert_eq!(client.events.answer_to(0).await["result"]["protocolVersion"], "2024-11-05");
        client.tell(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        client
    }

    async fn post(&self, message: &Value) -> Response {
        post(self.http.post(&self.url), &message.to_string()).send().await.unwrap()
    }

    pub(crate) async fn tell(&self, message: Value) {
        let answer = self.post(&message).await;
        assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().len()), (202, 0), "{message}");
    }

    async fn ask(&mut self, id: i64, method: &str, params: Value) -> Value {
        self.tell(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        self.events.answer_to(id).await
    }
}

#[tokio::test]
async fn every_answer_comes_on_the_stream() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let mut client = Old::ready(&rig).await;
    assert_eq!(client.ask(1, "ping", json!({})).await["result"], json!({}));
    assert_eq!(client.ask(2, "tools/list", json!({})).await["result"]["tools"][0]["name"], "a_echo");
    assert!(client.ask(3, "tools/call", json!({"name": "a_echo"})).await["result"]["sent"].is_object());
    let read = client.ask(4, "resources/read", json!({"uri": "a+file:///a"})).await;
    assert_eq!(read["result"]["contents"][0]["uri"], "a+file:///a");
    assert_eq!(client.ask(5, "prompts/get", json!({"name": "a_greet"})).await["result"]["description"], "greet");
    assert_eq!(client.ask(6, "tools/call", json!({"name": "nobody"})).await["error"]["code"], -32602);
    assert_eq!(client.ask(7, "no/such", json!({})).await["error"]["code"], -32601);
    assert_eq!(client.ask(8, "logging/setLevel", json!({"level": "info"})).await["result"], json!({}));
    assert_eq!(fake.seen("initialize").len(), 1);
    assert_eq!(fake.seen("initialize")[0].json["params"]["protocolVersion"], "2024-11-05");
}

#[tokio::test]
async fn servers_ask_and_tell_on_it() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let mut client = Old::ready(&rig).await;
    let call = |id: i64, tool: &str| {
        let params = json!({"name": tool, "_meta": {"progressToken": "p"}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    client.tell(call(1, "a_stream")).await;
    assert_eq!(client.events.next_of("notifications/progress").await["params"]["progressToken"], "p");
    client.events.answer_to(1).await;
    // Two at once: the one that waits does not hold up the other.
    client.tell(call(2, "a_wait")).await;
    client.events.next_of("notifications/message").await;
    client.tell(call(3, "a_elicit")).await;
    let asked = client.events.next_of("elicitation/create").await;
    client.tell(json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}})).await;
    assert_eq!(client.events.answer_to(3).await["result"]["answer"]["id"], 77);
    client.tell(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})).await;
    assert_eq!(client.events.answer_to(2).await["result"]["cancelled"]["params"]["requestId"], 2);
    // What comes on the server's own stream comes here too.
    let session = fake.seen("tools/call")[0].session.clone();
    assert_eq!(fake.streams(&session), 1);
    fake.say(&session, &json!({"jsonrpc": "2.0", "id": 5, "method": "roots/list"}));
    let asked = client.events.next_of("roots/list").await;
    client.tell(json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}})).await;
    fake.wait_until("it is answered", |f| f.responses().iter().any(|r| r["id"] == 5)).await;
    rig.configure(vec![fake.config("b", "b_")]);
    client.events.next_of("notifications/tools/list_changed").await;
}

#[tokio::test]
async fn the_session_lasts_as_long_as_the_stream() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let (mut client, mut other) = (Old::ready(&rig).await, Old::ready(&rig).await);
    client.ask(1, "tools/call", json!({"name": "a_echo"})).await;
    let session = fake.seen("tools/call")[0].session.clone();
    let Old { http, url, events } = client;
    drop(events);
    fake.wait_until("the server's session ends", |f| f.ended() == [session.clone()]).await;
    let late = post(http.post(&url), r#"{"jsonrpc":"2.0","id":9,"method":"ping"}"#).send().await.unwrap();
    assert_eq!(late.status(), 404);
    assert!(other.ask(1, "tools/call", json!({"name": "a_echo"})).await["result"].is_object());
    rig.broker.shutdown().await;
    assert!(other.events.next().await.is_none());
    fake.wait_until("both have ended, and the broker's own", |f| f.ended().len() == 3).await;
}

#[tokio::test]
async fn what_is_wrong_is_told_at_once() {
    let rig = rig_with(vec![], Limits { sessions: 2, ..Limits::default() }).await;
    let client = Old::open(&rig).await;
    let status = async |url: &str, body: &str| {
        let answer = post(rig.http.post(url), body).send().await.unwrap();
        (answer.status().as_u16(), json(answer).await["error"]["code"].as_i64().unwrap())
    };
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(status(&client.url, ping).await, (400, -32600), "before initialize");
    assert_eq!(status(&client.url, "nonsense").await, (400, -32700));
    assert_eq!(status(&client.url, r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#).await, (400, -32600));
    let base = &rig.public;
    for query in ["", "?sessionId=", "?sessionId=made-up"] {
        assert_eq!(status(&format!("{base}/sse/message{query}"), ping).await, (404, -32001), "{query}");
    }
    // What newer clients do to find out whether this is the newer transport.
    assert_eq!(status(&format!("{base}/sse"), &initialize("2025-11-25").to_string()).await, (405, -32000));
    let modern = post(rig.http.post(&client.url), ping).header("mcp-protocol-version", "2026-07-28");
    assert_eq!(modern.send().await.unwrap().status(), 400);
    let evil = |path: &str| rig.http.get(format!("{base}{path}")).header("origin", "https://evil.example");
    assert_eq!(evil("/sse").send().await.unwrap().status(), 403);
    assert_eq!(evil("/sse/message").send().await.unwrap().status(), 403);
    let plain = rig.http.get(format!("{base}/sse")).header("accept", "application/json");
    assert_eq!(plain.send().await.unwrap().status(), 406);
    client.tell(initialize("2024-11-05")).await;
    let mut client = client;
    client.events.answer_to(0).await;
    assert_eq!(status(&client.url, &initialize("2024-11-05").to_string()).await, (400, -32600), "twice");
    assert_eq!(status(&client.url, "[]").await.0, 400);
    let _second = Old::open(&rig).await;
    let third = rig.http.get(format!("{base}/sse")).send().await.unwrap();
    assert_eq!(third.status(), 503, "no more than sessions");
}

#[tokio::test]
async fn batches_are_answered_where_the_revision_has_them() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let mut client = Old::open(&rig).await;
    client.tell(initialize("2025-03-26")).await;
    client.events.answer_to(0).await;
    let ping = |id: i64| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    client.tell(json!([ping(1), ping(2)])).await;
    let answers = client.events.next().await.unwrap();
    assert_eq!(answers.as_array().map(Vec::len), Some(2), "{answers}");
}
