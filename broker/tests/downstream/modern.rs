//! Modern clients.

use crate::client::{Events, names};
use crate::fake::modern;
use crate::rig::rig;
use serde_json::json;

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

#[tokio::test]
async fn discover_says_what_the_gateway_is() {
    let fake = modern().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let found = rig.modern().ask("server/discover", json!({})).await["result"].clone();
    assert_eq!(found["resultType"], "complete");
    assert_eq!(found["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(found["capabilities"]["resources"], json!({"listChanged": true, "subscribe": true}));
    assert!(found["ttlMs"].is_u64() && found["cacheScope"].is_string());
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcp-gateway");
}

#[tokio::test]
async fn lists_say_how_long_they_hold() {
    let fake = modern().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let list = rig.modern().ask("tools/list", json!({})).await;
    assert_eq!(names(&list, "tools")[0], "a_echo");
    assert_eq!((&list["result"]["resultType"], &list["result"]["cacheScope"]), (&json!("complete"), &json!("public")));
    let ttl = list["result"]["ttlMs"].as_u64().unwrap();
    assert!((1..=60_000).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn a_call_goes_up_with_its_headers_rewritten() {
    let fake = modern().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let request = rig.modern().request(&json!(1), "tools/call", json!({"name": "a_echo", "arguments": {}}));
    let answer = request.header("mcp-param-region", "eu").header("authorization", "Bearer mine").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let seen = &fake.seen("tools/call")[0];
    assert_eq!(seen.headers["mcp-name"], "echo");
    assert_eq!(seen.headers["mcp-method"], "tools/call");
    assert_eq!(seen.headers["mcp-protocol-version"], "2026-07-28");
    assert_eq!(seen.headers["mcp-param-region"], "eu");
    assert!(!seen.headers.contains_key("authorization") && !seen.headers.contains_key("mcp-session-id"));
    assert_eq!(seen.json["params"]["name"], "echo");
    let read = rig.modern().ask("resources/read", json!({"uri": "a+file:///a"})).await;
    assert_eq!(read["result"]["contents"][0]["uri"], "a+file:///a");
}

#[tokio::test]
async fn a_status_belongs_to_its_code() {
    let fake = modern().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.modern();
    for method in ["ping", "initialize", "logging/setLevel", "resources/subscribe", "made/up"] {
        assert_eq!(client.status(method, json!({})).await, (404, -32601), "{method}");
    }
    let call = |tool: &str| json!({"name": tool});
    assert_eq!(client.status("tools/call", call("nobody")).await, (200, -32602));
    assert_eq!(client.status("tools/call", call("a_no_method")).await, (404, -32601));
    assert_eq!(client.status("tools/call", call("a_fail")).await, (200, -32050));
    for (header, wrong) in [("mcp-method", "ping"), ("mcp-protocol-version", "2099-01-01")] {
        let mut request = client.request(&json!(1), "tools/list", json!({})).build().unwrap();
        request.headers_mut().insert(header, wrong.parse().unwrap());
        assert_eq!(rig.http.execute(request).await.unwrap().status(), 400, "{header}");
    }
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let request = rig.http.request(method, &client.url).header("mcp-protocol-version", "2026-07-28");
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["allow"]), (405, &"POST".parse().unwrap()));
    }
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let request = crate::client::post(rig.http.post(&client.url), &notification.to_string());
    let answer = request.header("mcp-protocol-version", "2026-07-28").send().await.unwrap();
    assert_eq!(answer.status(), 202);
}

#[tokio::test]
async fn a_subscription_is_acknowledged_tagged_and_ended() {
    let (a, b) = (modern().start().await, modern().start().await);
    let rig = rig(vec![a.config("a", "a_")]).await;
    let filter = json!({"notifications": {
        "toolsListChanged": true,
        "resourceSubscriptions": ["a+file:///a", "a+file:///refused", "nobody:x"],
    }});
    let answer = rig.modern().request(&json!("sub"), "subscriptions/listen", filter).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = Events::of(answer);
    let first = events.next().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["_meta"][SUBSCRIPTION], "sub");
    let granted = json!({"toolsListChanged": true, "resourceSubscriptions": ["a+file:///a"]});
    assert_eq!(first["params"]["notifications"], granted);
    let params = json!({"uri": "file:///a/below", "_meta": {SUBSCRIPTION: "theirs", "x/y": 1}});
    a.say("", &json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params}));
    let updated = events.next_of("notifications/resources/updated").await;
    assert_eq!(updated["params"], json!({"uri": "a+file:///a/below", "_meta": {SUBSCRIPTION: "sub", "x/y": 1}}));
    // A subscription that the server ends is made anew.
    a.cut_streams();
    assert_eq!(events.next_of("notifications/resources/updated").await["params"]["uri"], "a+file:///a");
    rig.configure(vec![a.config("a", "a_"), b.config("b", "b_")]);
    let changed = events.next().await.unwrap();
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    assert_eq!(changed["params"]["_meta"][SUBSCRIPTION], "sub");
    rig.broker.shutdown().await;
    let last = events.next().await.unwrap();
    assert_eq!((&last["id"], &last["result"]["_meta"][SUBSCRIPTION]), (&json!("sub"), &json!("sub")));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn leaving_cancels_in_the_modern_era() {
    let fake = modern().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let answer = rig.modern().request(&json!(1), "tools/call", json!({"name": "a_wait"})).send().await.unwrap();
    let mut events = Events::of(answer);
    events.next_of("notifications/message").await;
    drop(events);
    fake.wait_until("the call is given up", |f| f.waited() == (0, 1)).await;
}
