//! The lists, merged and in pages.

use crate::client::names;
use crate::fake::legacy;
use crate::rig::{rig, rig_with};
use protocol::config::Limits;
use serde_json::json;

#[tokio::test]
async fn lists_are_whole_prefixed_and_in_order() {
    let (a, b) = (legacy().start().await, legacy().start().await);
    let rig = rig(vec![a.config("a", "a_"), b.config("b", "")]).await;
    let client = rig.client().await;
    let own = ["echo", "stream", "elicit", "wait", "grow"];
    let expected: Vec<_> = own.iter().map(|n| format!("a_{n}")).chain(own.map(str::to_owned)).collect();
    assert_eq!(names(&client.ask(1, "tools/list", json!({})).await, "tools"), expected);
    assert_eq!(names(&client.ask(2, "prompts/list", json!({})).await, "prompts"), ["a_greet", "greet"]);
    let resources = client.ask(3, "resources/list", json!({})).await;
    assert_eq!(resources["result"]["resources"][0]["uri"], "a+file:///a");
    assert_eq!(resources["result"]["resources"][1]["uri"], "file:///a");
    let templates = client.ask(4, "resources/templates/list", json!({})).await;
    assert_eq!(templates["result"]["resourceTemplates"], json!([]));
    // No upstream session was needed for that.
    assert!(a.seen("initialize").is_empty());
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let mut manners = legacy();
    manners.extra_tools = 6;
    let fake = manners.start().await;
    let rig = rig_with(vec![fake.config("a", "")], Limits { list_page: 4, ..Limits::default() }).await;
    let client = rig.client().await;
    let (mut all, mut cursor, mut pages) = (Vec::new(), json!({}), 0);
    loop {
        let page = client.ask(pages, "tools/list", cursor).await;
        all.extend(names(&page, "tools"));
        pages += 1;
        match page["result"].get("nextCursor") {
            Some(next) => cursor = json!({"cursor": next}),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(all, ["echo", "stream", "elicit", "wait", "grow", "t0", "t1", "t2", "t3", "t4", "t5"]);
    let long = "x".repeat(100_000);
    for bad in
        [json!("made up"), json!("cHJvbXB0czo0"), json!(long), json!(4), json!({"at": 4}), json!([]), json!(true)]
    {
        let answer = client.ask(9, "tools/list", json!({"cursor": bad})).await;
        assert_eq!(answer["error"]["code"], -32602, "{bad:.40}");
    }
    for none in [json!(null), json!("")] {
        let first = client.ask(9, "tools/list", json!({"cursor": none})).await;
        assert_eq!(names(&first, "tools"), all[..4]);
    }
}

#[tokio::test]
async fn a_tool_that_appeared_in_the_clients_own_session_is_in_its_list_only() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let (client, other) = (rig.client().await, rig.client().await);
    other.call(1, "a_echo").await;
    assert_eq!(client.call(1, "a_grow").await["result"]["content"][0]["text"], "grown");
    let list = names(&client.ask(2, "tools/list", json!({})).await, "tools");
    assert_eq!(list.last().unwrap(), "a_grown");
    let list = names(&other.ask(2, "tools/list", json!({})).await, "tools");
    assert_eq!(list.last().unwrap(), "a_grow");
}
