//! Calls that the broker carries.

use crate::client::{Events, json};
use crate::fake::legacy;
use crate::rig::rig;
use serde_json::{Value, json};

#[tokio::test]
async fn a_call_arrives_byte_for_byte_without_its_prefix() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let sent = r#"{"params" : {"arguments":{"n":9007199254740993,"f":1.0,"e":1e400,"s":"\u00e9"},"x":{"y":1},"name":"\u0061_echo"},"id":"é\n","method":"tools/call","jsonrpc":"2.0","z":0}"#;
    let answer = client.post_raw(sent).send().await.unwrap().text().await.unwrap();
    let seen = fake.seen("tools/call");
    assert_eq!(seen[0].raw, sent.replace(r"\u0061_", ""));
    assert!(answer.contains(&format!("\"sent\":{}", seen[0].raw)), "{answer}");
    assert_eq!(seen[0].headers["accept"], "application/json, text/event-stream");
    assert_eq!(seen[0].headers["mcp-protocol-version"], "2025-11-25");
}

#[tokio::test]
async fn a_legacy_server_is_spared_what_only_the_modern_era_has() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let meta = json!({"io.modelcontextprotocol/logLevel": "debug", "io.modelcontextprotocol/related-task": {"taskId": "t"}, "n": 1.0});
    rig.client().await.ask(1, "tools/call", json!({"name": "a_echo", "_meta": meta})).await;
    let expected = json!({"io.modelcontextprotocol/related-task": {"taskId": "t"}, "n": 1.0});
    assert_eq!(fake.seen("tools/call")[0].json["params"]["_meta"], expected);
}

#[tokio::test]
async fn prompts_and_resources_find_their_server() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let prompt = client.ask(1, "prompts/get", json!({"name": "a_greet"})).await;
    assert_eq!(prompt["result"]["description"], "greet");
    let read = client.ask(2, "resources/read", json!({"uri": "a+file:///a"})).await;
    assert_eq!(read["result"]["contents"][0]["uri"], "a+file:///a");
    assert_eq!(fake.seen("resources/read")[0].json["params"]["uri"], "file:///a");
    let link = client.call(3, "a_link").await;
    assert_eq!(link["result"]["content"][0]["uri"], "a+file:///a");
    let complete = |reference: Value| json!({"ref": reference, "argument": {"name": "x", "value": ""}});
    let completion =
        client.ask(4, "completion/complete", complete(json!({"type": "ref/prompt", "name": "a_greet"}))).await;
    assert!(completion["result"]["completion"]["values"][0].as_str().unwrap().contains("\"greet\""));
}

#[tokio::test]
async fn a_server_without_completions_completes_nothing() {
    let mut manners = legacy();
    manners.capabilities = json!({"tools": {}, "prompts": {}});
    let fake = manners.start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let params = json!({"ref": {"type": "ref/prompt", "name": "a_greet"}, "argument": {"name": "x", "value": ""}});
    let answer = rig.client().await.ask(1, "completion/complete", params).await;
    assert_eq!(answer["result"], json!({"completion": {"values": []}}));
    assert!(fake.seen("completion/complete").is_empty());
}

#[tokio::test]
async fn an_elicitation_is_answered_with_a_result_and_with_an_error() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    for (id, outcome) in [
        (1, json!({"result": {"action": "accept", "content": {"name": "x"}}})),
        (2, json!({"error": {"code": -1, "message": "User rejected"}})),
    ] {
        // A session of its own: the fake finds its answer by session.
        let client = if id == 1 { client.clone() } else { rig.client().await };
        let mut events = client.stream(id, "a_elicit").await;
        let asked = events.next_of("elicitation/create").await;
        assert_ne!(asked["id"], 77, "the id has to name its server");
        let mut answer = outcome.clone();
        answer["jsonrpc"] = json!("2.0");
        answer["id"] = asked["id"].clone();
        client.tell(answer).await;
        let result = events.next().await.unwrap();
        assert_eq!(result["id"], id);
        let mut expected = outcome;
        expected["jsonrpc"] = json!("2.0");
        expected["id"] = json!(77);
        assert_eq!(result["result"]["answer"], expected);
        assert!(events.next().await.is_none());
    }
}

#[tokio::test]
async fn progress_and_cancellation_reach_the_server_that_runs_the_call() {
    let (fake, other) = (legacy().start().await, legacy().start().await);
    let rig = rig(vec![fake.config("a", "a_"), other.config("b", "b_")]).await;
    let client = rig.client().await;
    let mut events = client.stream(5, "a_stream").await;
    assert_eq!(events.next_of("notifications/progress").await["params"]["progressToken"], "p");
    let mut events = client.stream(6, "a_wait").await;
    events.next_of("notifications/message").await;
    client.tell(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 6}})).await;
    let result = events.next().await.unwrap();
    assert_eq!(result["result"]["cancelled"]["params"]["requestId"], 6);
    let token = "mcpgw:a:n5";
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}});
    client.tell(progress).await;
    fake.wait_until("progress is told", |f| !f.seen("notifications/progress").is_empty()).await;
    assert_eq!(fake.seen("notifications/progress")[0].json["params"]["progressToken"], 5);
    client.tell(json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})).await;
    fake.wait_until("roots are told", |f| !f.seen("notifications/roots/list_changed").is_empty()).await;
    assert!(other.seen("notifications/cancelled").is_empty(), "it has no session of this client");
}

#[tokio::test]
async fn a_client_that_takes_only_json_gets_only_the_result() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    for tool in ["a_stream", "a_elicit"] {
        let message = json!({"jsonrpc": "2.0", "id": tool, "method": "tools/call", "params": {"name": tool}});
        let url = &client.url;
        let request = client.http.post(url).header("mcp-session-id", &client.session);
        let request = request.header("content-type", "application/json").header("accept", "application/json");
        let answer = json(request.body(message.to_string()).send().await.unwrap()).await;
        assert_eq!(answer["id"], tool);
        assert!(answer["result"].is_object(), "{answer}");
    }
    // The elicitation was answered for it.
    assert!(fake.responses().iter().any(|r| r["id"] == 77 && r["error"].is_object()));
}

#[tokio::test]
async fn a_client_that_takes_only_events_gets_an_event() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a_echo"}});
    let request = client.http.post(&client.url).header("mcp-session-id", &client.session);
    let request = request.header("content-type", "application/json").header("accept", "text/event-stream");
    let answer = request.body(message.to_string()).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(Events::of(answer).next().await.unwrap()["id"], 1);
}

#[tokio::test]
async fn what_a_server_does_wrong_is_told_in_the_gateways_words() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("demo", "a_")]).await;
    let client = rig.client().await;
    for (id, tool) in [(1, "a_html"), (2, "a_other_id"), (3, "a_cut")] {
        let answer = client.call(id, tool).await;
        assert_eq!(answer["error"]["code"], -32603, "{tool}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("demo") && !message.contains("stack trace"), "{message}");
    }
    // A JSON-RPC error is the server's answer, whatever its HTTP status.
    assert_eq!(client.call(4, "a_fail").await["error"], json!({"code": -32050, "message": "own words"}));
    assert_eq!(client.call(5, "a_no_method").await["error"]["code"], -32601);
    assert_eq!(fake.seen("initialize").len(), 1, "that was no lost session");
}

#[tokio::test]
async fn an_id_in_flight_is_not_used_twice() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let mut events = client.stream(1, "a_wait").await;
    events.next_of("notifications/message").await;
    assert_eq!(client.call(1, "a_echo").await["error"]["code"], -32600);
}

#[tokio::test]
async fn a_server_that_is_down_is_named() {
    let fake = legacy().start().await;
    let config = fake.config("demo", "a_");
    drop(fake);
    let rig = rig(vec![config]).await;
    let answer = rig.client().await.call(1, "a_echo").await;
    assert_eq!(answer["error"]["code"], -32603);
    assert!(answer["error"]["message"].as_str().unwrap().contains("demo"));
}

#[tokio::test]
async fn leaving_cancels_nothing_in_the_legacy_era() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let mut events = client.stream(6, "a_wait").await;
    events.next_of("notifications/message").await;
    drop(events);
    client.call(7, "a_echo").await;
    client.tell(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 6}})).await;
    fake.wait_until("the call is over", |f| f.waited() == (1, 0)).await;
}

#[tokio::test]
async fn the_revision_towards_a_server_is_the_one_it_settled() {
    let mut manners = legacy();
    manners.revision = "2025-03-26";
    let fake = manners.start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    rig.client().await.call(1, "a_echo").await;
    assert_eq!(fake.seen("tools/call")[0].headers["mcp-protocol-version"], "2025-03-26");
}
