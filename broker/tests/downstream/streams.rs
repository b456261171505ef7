//! The GET stream.

use crate::fake::legacy;
use crate::rig::rig;
use serde_json::json;

#[tokio::test]
async fn what_servers_say_on_their_streams_reaches_the_client_and_its_answers_go_back() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let mut stream = client.listen().await;
    client.call(1, "a_echo").await;
    let session = fake.seen("tools/call")[0].session.clone();
    // The stream was there before the call.
    assert_eq!(fake.streams(&session), 1);
    fake.say(&session, &json!({"jsonrpc": "2.0", "id": 7, "method": "roots/list"}));
    let asked = stream.next_of("roots/list").await;
    assert_ne!(asked["id"], 7);
    client.tell(json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}})).await;
    fake.wait_until("it is answered", |f| f.responses().iter().any(|r| r["id"] == 7)).await;
    let updated =
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "file:///a"}});
    fake.say(&session, &updated);
    let updated = stream.next_of("notifications/resources/updated").await;
    assert_eq!(updated["params"]["uri"], "a+file:///a");
}

#[tokio::test]
async fn a_stream_opened_late_is_fed_by_the_sessions_that_are_there() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    client.call(1, "a_echo").await;
    let session = fake.seen("tools/call")[0].session.clone();
    assert_eq!(fake.streams(&session), 0);
    let mut stream = client.listen().await;
    fake.wait_until("its stream is open", |f| f.streams(&session) == 1).await;
    fake.say(&session, &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "hi"}}));
    assert_eq!(stream.next_of("notifications/message").await["params"]["data"], "hi");
}

#[tokio::test]
async fn each_message_comes_once() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let mut older = client.listen().await;
    let mut newer = client.listen().await;
    client.call(1, "a_echo").await;
    let session = fake.seen("tools/call")[0].session.clone();
    let message = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "one"}});
    fake.say(&session, &message);
    assert_eq!(newer.next_of("notifications/message").await["params"]["data"], "one");
    client.delete().await;
    assert!(older.next().await.is_none(), "nothing came on the other");
}

#[tokio::test]
async fn a_changed_configuration_is_told() {
    let (a, b) = (legacy().start().await, legacy().start().await);
    let rig = rig(vec![a.config("a", "a_")]).await;
    let client = rig.client().await;
    let mut stream = client.listen().await;
    rig.configure(vec![a.config("a", "a_"), b.config("b", "b_")]);
    stream.next_of("notifications/tools/list_changed").await;
}

#[tokio::test]
async fn a_stream_that_a_server_ends_is_opened_again() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let mut stream = client.listen().await;
    client.call(1, "a_echo").await;
    let session = fake.seen("tools/call")[0].session.clone();
    fake.cut_streams();
    fake.wait_until("it is open again", |f| f.streams(&session) == 2).await;
    fake.say(&session, &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "hi"}}));
    assert_eq!(stream.next_of("notifications/message").await["params"]["data"], "hi");
}
