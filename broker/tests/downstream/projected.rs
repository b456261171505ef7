//! Lists that depend on what a client can do.

use crate::client::{Client, json as body, names};
use crate::fake::{Fake, Manners, PATIENCE, ToTheCapable, legacy, modern};
use crate::rig::{Rig, rig};
use futures::future::join_all;
use protocol::config::Server;
use serde_json::{Value, json};

/// The session of the broker's own that it opens first.
const SHARED: &str = "s1";

async fn fake(to_the_capable: ToTheCapable) -> Fake {
    Manners { to_the_capable, ..legacy() }.start().await
}

/// The names that are not those of all fakes.
async fn special(client: &Client) -> Vec<String> {
    specials(&client.ask(1, "tools/list", json!({})).await)
}

/// The same for a modern client that declares `capabilities`.
async fn special_to(rig: &Rig, capabilities: Value) -> Vec<String> {
    let asked = rig.modern().capable(&json!(1), "tools/list", json!({}), &capabilities, json!({}));
    specials(&body(asked.send().await.unwrap()).await)
}

fn specials(list: &Value) -> Vec<String> {
    let common = ["echo", "stream", "elicit", "wait", "grow"];
    names(list, "tools").into_iter().filter(|name| !common.iter().any(|own| name.ends_with(own))).collect()
}

/// Waits until nothing more is to come that would have the shared lists fetched anew.
async fn quiet(fake: &Fake) {
    fake.wait_until("the broker listens", |fake| fake.streams(SHARED) == 1).await;
    fake.wait_until("it has asked again since", |fake| fake.lists_in(SHARED) >= 2).await;
}

#[tokio::test]
async fn each_client_sees_what_a_server_offers_to_its_like() {
    let (a, b) = (fake(ToTheCapable::More).await, fake(ToTheCapable::Same).await);
    let rig = rig(vec![a.config("a", "a_"), b.config("b", "")]).await;
    let plain = rig.capable(json!({})).await;
    let asked = rig.capable(json!({"elicitation": {}})).await;
    let all = rig.capable(json!({"sampling": {}, "roots": {}, "elicitation": {}, "tasks": {}})).await;
    assert!(special(&plain).await.is_empty());
    assert_eq!(special(&asked).await, ["a_elicitation"]);
    assert_eq!(special(&all).await, ["a_elicitation", "a_roots", "a_sampling"]);
    assert!(special(&plain).await.is_empty());
    // What is listed can be called.
    assert!(asked.call(2, "a_elicitation").await.get("result").is_some());
    // The sessions that found it out are over.
    a.wait_until("they are ended", |a| a.asked_for_clients().iter().all(|s| a.ended().contains(s))).await;
}

#[tokio::test]
async fn clients_of_one_kind_cost_a_server_one_session() {
    let fake = fake(ToTheCapable::More).await;
    let rig = rig(vec![fake.config("a", "")]).await;
    quiet(&fake).await;
    let clients = join_all((0..20).map(|_| rig.capable(json!({"roots": {}})))).await;
    for seen in join_all(clients.iter().map(special)).await {
        assert_eq!(seen, ["roots"]);
    }
    clients[0].ask(2, "prompts/list", json!({})).await;
    assert_eq!(fake.asked_for_clients().len(), 1);
    assert!(clients[0].call(3, "roots").await.get("result").is_some());
}

#[tokio::test]
async fn lists_are_asked_for_again_when_the_shared_ones_change() {
    let fake = fake(ToTheCapable::More).await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    quiet(&fake).await;
    let client = rig.capable(json!({"roots": {}})).await;
    let mut stream = client.listen().await;
    assert_eq!(special(&client).await, ["a_roots"]);
    fake.add_tool("later", SHARED);
    stream.next_of("notifications/tools/list_changed").await;
    assert_eq!(special(&client).await, ["a_later", "a_roots"]);
    assert_eq!(fake.asked_for_clients().len(), 2);
}

#[tokio::test]
async fn a_server_that_fails_gives_what_it_gives_to_all() {
    for bad in [ToTheCapable::Refusal, ToTheCapable::Silence] {
        let (bad, good) = (fake(bad).await, fake(ToTheCapable::More).await);
        let rig =
            rig(vec![Server { timeout_ms: 60_000, ..bad.config("bad", "bad_") }, good.config("good", "good_")]).await;
        let client = rig.capable(json!({"roots": {}})).await;
        let list = tokio::time::timeout(PATIENCE / 2, client.ask(1, "tools/list", json!({}))).await.unwrap();
        let names = names(&list, "tools");
        assert!(names.contains(&"bad_echo".to_owned()) && names.contains(&"good_roots".to_owned()), "{names:?}");
    }
}

#[tokio::test]
async fn what_a_call_could_not_reach_is_not_listed() {
    let (a, b) = (fake(ToTheCapable::More).await, fake(ToTheCapable::Same).await);
    // Neither has a prefix: whose tool it is, nobody could tell from its name.
    let rig = rig(vec![a.config("a", ""), b.config("b", "")]).await;
    let client = rig.capable(json!({"roots": {}})).await;
    assert!(special(&client).await.is_empty());
}

#[tokio::test]
async fn invented_capabilities_make_room_for_one_another() {
    let fake = fake(ToTheCapable::More).await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    quiet(&fake).await;
    let common = rig.capable(json!({"roots": {}})).await;
    assert_eq!(special(&common).await, ["a_roots"]);
    for n in 0..70 {
        let client = rig.capable(json!({"experimental": {"n": n}})).await;
        assert_eq!(special(&client).await, ["a_experimental"]);
    }
    assert_eq!(fake.asked_for_clients().len(), 71);
    assert_eq!(special(&common).await, ["a_roots"]);
    assert_eq!(fake.asked_for_clients().len(), 72);
    // What is too long is nothing that a server would know.
    let client = rig.capable(json!({"experimental": {"x": "y".repeat(5000)}})).await;
    assert!(special(&client).await.is_empty());
}

/// How often a modern server was asked for its tools for those who declare something.
fn lists_for_the_capable(fake: &Fake) -> usize {
    let declares = |seen: &&crate::fake::Seen| {
        let meta = &seen.json["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "mcp-gateway");
        meta["io.modelcontextprotocol/clientCapabilities"] != json!({})
    };
    fake.seen("tools/list").iter().filter(declares).count()
}

#[tokio::test]
async fn a_modern_server_is_told_what_clients_of_both_eras_declare() {
    let fake = Manners { to_the_capable: ToTheCapable::More, ..modern() }.start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    assert!(special_to(&rig, json!({})).await.is_empty());
    assert_eq!(lists_for_the_capable(&fake), 0);
    for _ in 0..3 {
        assert_eq!(special_to(&rig, json!({"sampling": {}, "roots": {}})).await, ["a_roots", "a_sampling"]);
        assert_eq!(special_to(&rig, json!({"roots": {}, "sampling": { }})).await, ["a_roots", "a_sampling"]);
    }
    assert_eq!(lists_for_the_capable(&fake), 1, "once for all that declare the same");
    assert!(special_to(&rig, json!({})).await.is_empty());
    assert!(special(&rig.capable(json!({})).await).await.is_empty());
    // Another era's client that can do the same.
    let client = rig.capable(json!({"roots": {"listChanged": true}, "sampling": {}})).await;
    assert_eq!(special(&client).await, ["a_roots", "a_sampling"]);
    assert_eq!(lists_for_the_capable(&fake), 1);
    assert!(client.call(2, "a_roots").await.get("result").is_some());
}

#[tokio::test]
async fn a_modern_server_that_fails_gives_what_it_gives_to_all() {
    for bad in [ToTheCapable::Refusal, ToTheCapable::Silence] {
        let bad = Manners { to_the_capable: bad, ..modern() }.start().await;
        let rig = rig(vec![Server { timeout_ms: 60_000, ..bad.config("bad", "bad_") }]).await;
        let asked = rig.modern().capable(&json!(1), "tools/list", json!({}), &json!({"roots": {}}), json!({}));
        let list = tokio::time::timeout(PATIENCE / 2, async { body(asked.send().await.unwrap()).await });
        assert!(names(&list.await.unwrap(), "tools").contains(&"bad_echo".to_owned()));
    }
}
