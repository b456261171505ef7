//! Sessions: opened late, once, again when lost, and ended.

use crate::fake::legacy;
use crate::rig::{rig, rig_with};
use protocol::config::{Limits, OnSessionLoss};
use serde_json::json;

#[tokio::test]
async fn concurrent_first_calls_share_one_upstream_session() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let calls = (0..20).map(|id| client.call(id, "a_echo"));
    for answer in futures::future::join_all(calls).await {
        assert!(answer["result"].is_object(), "{answer}");
    }
    let opened = fake.seen("initialize");
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].json["params"]["clientInfo"]["name"], "test");
    assert_eq!(opened[0].json["params"]["capabilities"], json!({"elicitation": {}, "roots": {"listChanged": true}}));
    assert_eq!(opened[0].json["params"]["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn a_forgotten_session_is_opened_anew_with_all_that_it_held() {
    for status in [404, 400] {
        let mut manners = legacy();
        manners.lost_status = status;
        let fake = manners.start().await;
        let rig = rig(vec![fake.config("a", "a_")]).await;
        let client = rig.client().await;
        client.call(1, "a_echo").await;
        assert_eq!(client.ask(2, "logging/setLevel", json!({"level": "info"})).await["result"], json!({}));
        assert_eq!(client.ask(3, "resources/subscribe", json!({"uri": "a+file:///a"})).await["result"], json!({}));
        let mut stream = client.listen().await;
        let first = fake.seen("tools/call")[0].session.clone();
        fake.wait_until("the GET stream is open", |f| f.streams(&first) > 0).await;
        fake.forget(&first);
        assert!(client.call(4, "a_echo").await["result"].is_object());
        let second = fake.seen("tools/call").last().unwrap().session.clone();
        assert_ne!(first, second);
        for method in ["logging/setLevel", "resources/subscribe"] {
            let sent = fake.seen(method);
            assert_eq!(sent.last().unwrap().session, second, "{method}");
            assert_eq!(sent[0].json["params"], sent.last().unwrap().json["params"]);
        }
        stream.next_of("notifications/tools/list_changed").await;
        let updated = stream.next_of("notifications/resources/updated").await;
        assert_eq!(updated["params"]["uri"], "a+file:///a");
    }
}

#[tokio::test]
async fn a_server_whose_state_matters_ends_the_session() {
    let mut manners = legacy();
    manners.on_session_loss = OnSessionLoss::End;
    let fake = manners.start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    client.call(1, "a_echo").await;
    fake.forget(&fake.seen("tools/call")[0].session);
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "a_echo"}});
    assert_eq!(client.post(&call).send().await.unwrap().status(), 404);
    let ping = json!({"jsonrpc": "2.0", "id": 3, "method": "ping"});
    assert_eq!(client.post(&ping).send().await.unwrap().status(), 404);
    assert_eq!(fake.seen("initialize").len(), 1);
}

#[tokio::test]
async fn delete_ends_the_session_here_and_there() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    client.call(1, "a_echo").await;
    let mut stream = client.listen().await;
    let session = fake.seen("tools/call")[0].session.clone();
    assert_eq!(client.delete().await, 200);
    fake.wait_until("its session ends", |f| f.ended().contains(&session)).await;
    assert!(stream.next().await.is_none(), "the stream ends");
    assert_eq!(client.delete().await, 404);
    assert_eq!(client.get().send().await.unwrap().status(), 404);
    let ping = json!({"jsonrpc": "2.0", "id": 3, "method": "ping"});
    assert_eq!(client.post(&ping).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_session_unused_for_longest_makes_room() {
    let rig = rig_with(vec![], Limits { sessions: 1, ..Limits::default() }).await;
    let first = rig.client().await;
    let second = rig.client().await;
    assert_eq!(first.delete().await, 404);
    assert_eq!(second.ask(1, "ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn the_log_level_goes_to_sessions_that_are_open_and_to_those_to_come() {
    let (a, b) = (legacy().start().await, legacy().start().await);
    let mut silent = legacy();
    silent.capabilities = json!({"tools": {}});
    let c = silent.start().await;
    let rig = rig(vec![a.config("a", "a_"), b.config("b", "b_"), c.config("c", "c_")]).await;
    let client = rig.client().await;
    client.call(1, "a_echo").await;
    client.call(2, "c_echo").await;
    assert_eq!(client.ask(3, "logging/setLevel", json!({"level": "warning"})).await["result"], json!({}));
    assert_eq!(a.seen("logging/setLevel").len(), 1);
    client.call(4, "b_echo").await;
    assert_eq!(b.seen("logging/setLevel")[0].json["params"]["level"], "warning");
    assert!(c.seen("logging/setLevel").is_empty());
    assert_eq!(client.ask(5, "logging/setLevel", json!({"level": "loud"})).await["error"]["code"], -32602);
}

#[tokio::test]
async fn shutdown_ends_upstream_sessions_and_streams() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    client.call(1, "a_echo").await;
    let mut stream = client.listen().await;
    let session = fake.seen("tools/call")[0].session.clone();
    rig.broker.shutdown().await;
    assert!(fake.ended().contains(&session));
    assert!(stream.next().await.is_none());
}
