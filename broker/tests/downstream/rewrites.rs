//! What of a client's messages is changed on the way to the server: the rows of `docs/rewrites.md` whose arrow points up.
//! Those of tasks are in `tasks.rs`, those of held calls where the eras are crossed.

use crate::client::Events;
use crate::rig::{Rig, rig};
use crate::scripted::{Heard, Scripted, scripted};
use protocol::config::EraChoice;
use serde_json::{Value, json};

/// A server with everything, which answers with nothing.
async fn server(era: EraChoice) -> Scripted {
    scripted(era, |heard| {
        let all =
            json!({"tools": {}, "prompts": {}, "resources": {"subscribe": true}, "completions": {}, "logging": {}});
        let result = match heard.method() {
            "initialize" | "server/discover" => return vec![all],
            "tools/list" => json!({"tools": [], "resultType": "complete"}),
            "prompts/list" => json!({"prompts": []}),
            "resources/list" => json!({"resources": []}),
            "resources/templates/list" => json!({"resourceTemplates": []}),
            "completion/complete" => json!({"completion": {"values": ["p_x", "p+file:///a"]}}),
            "tools/call" if heard.json["params"]["name"] == "ask" => {
                let ask = json!({"method": "roots/list", "id": 41, "params": {"_meta": {"progressToken": "up"}}});
                return vec![ask, json!({"result": {}})];
            }
            _ => json!({}),
        };
        vec![json!({"result": result})]
    })
    .await
}

async fn over(server: &Scripted) -> Rig {
    rig(vec![server.config("s", "p_")]).await
}

fn last(server: &Scripted, method: &str) -> Heard {
    server.heard(method).pop().unwrap_or_else(|| panic!("{method} did not arrive"))
}

#[tokio::test]
async fn rows_2_to_14_of_legacy_clients() {
    let server = server(EraChoice::Legacy).await;
    let rig = over(&server).await;
    let client = rig.client().await;
    let arguments = json!({"name": "p_t", "uri": "p+file:///a", "cursor": "p_"});
    let reference = |kind: &str, member: &str, value: &str| json!({"ref": {"type": kind, member: value}, "argument": {"name": "p_t", "value": "p_"}, "context": {"arguments": {"uri": "p+file:///a"}}});
    for (row, method, sent, at, own) in [
        (2, "tools/call", json!({"name": "p_t", "arguments": arguments}), "/name", "t"),
        (4, "prompts/get", json!({"name": "p_t", "arguments": {"name": "p_t"}}), "/name", "t"),
        (5, "completion/complete", reference("ref/prompt", "name", "p_t"), "/ref/name", "t"),
        (8, "resources/read", json!({"uri": "p+file:///a"}), "/uri", "file:///a"),
        (10, "resources/subscribe", json!({"uri": "p+file:///a"}), "/uri", "file:///a"),
        (10, "resources/unsubscribe", json!({"uri": "P+file:///a"}), "/uri", "file:///a"),
        (14, "completion/complete", reference("ref/resource", "uri", "p+file:///{x}"), "/ref/uri", "file:///{x}"),
    ] {
        let answer = client.ask(row, method, sent.clone()).await;
        assert_eq!(answer.get("error"), None, "row {row}: {answer}");
        let mut expected = sent;
        *expected.pointer_mut(at).unwrap() = json!(own);
        assert_eq!(last(&server, method).json["params"], expected, "row {row}");
        if method == "completion/complete" {
            // What is completed is the server's own text, whatever it looks like.
            assert_eq!(answer["result"]["completion"]["values"], json!(["p_x", "p+file:///a"]));
        }
    }
}

#[tokio::test]
async fn rows_24_25_and_32_of_legacy_clients() {
    let server = server(EraChoice::Legacy).await;
    let rig = over(&server).await;
    let client = rig.client().await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "p_ask"}});
    let mut events = Events::of(client.post(&call).send().await.unwrap());
    let asked = events.next_of("roots/list").await;
    let (id, token) = (asked["id"].clone(), asked["params"]["_meta"]["progressToken"].clone());
    assert_eq!((&id, &token), (&json!("mcpgw:s:n41"), &json!("mcpgw:s:sup")));
    let roots = json!({"roots": [{"uri": "p+file:///a", "name": "p_t"}]});
    client.tell(json!({"jsonrpc": "2.0", "id": id, "result": roots})).await;
    client.tell(json!({"jsonrpc": "2.0", "id": id, "error": {"code": -1, "message": "no"}})).await;
    client.tell(json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})).await;
    client.tell(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})).await;
    server
        .wait_until("all of it came", |server| {
            let heard = server.heard_without(&[]);
            let any = |pick: &dyn Fn(&Value) -> bool| heard.iter().any(|h| pick(&h.json));
            any(&|m| m["id"] == 41 && m["result"] == roots)
                && any(&|m| m["id"] == 41 && m["error"]["code"] == -1)
                && any(&|m| m["method"] == "notifications/progress" && m["params"]["progressToken"] == "up")
                && any(&|m| m["method"] == "notifications/cancelled" && m["params"]["requestId"] == 1)
        })
        .await;
}

#[tokio::test]
async fn rows_2_to_14_of_modern_clients() {
    let server = server(EraChoice::Modern).await;
    let rig = over(&server).await;
    let client = rig.modern();
    for (row, method, member, seen, own) in [
        (2, "tools/call", "name", "p_t", "t"),
        (4, "prompts/get", "name", "p_t", "t"),
        (8, "resources/read", "uri", "p+file:///a", "file:///a"),
    ] {
        client.ask(method, json!({member: seen, "inputResponses": {"p_t": {}}, "requestState": "p_"})).await;
        let heard = last(&server, method);
        assert_eq!(
            (&heard.json["params"][member], &heard.headers["mcp-name"]),
            (&json!(own), &own.parse().unwrap()),
            "row {row}"
        );
        // Keys and state of a question are the server's own (row 28).
        assert_eq!(heard.json["params"]["inputResponses"], json!({"p_t": {}}));
        assert_eq!(heard.json["params"]["requestState"], "p_");
    }
    client
        .ask(
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "p_t"}, "argument": {"name": "a", "value": "v"}}),
        )
        .await;
    assert_eq!(last(&server, "completion/complete").json["params"]["ref"]["name"], "t", "row 5");
    let wanted = json!({"resourceSubscriptions": ["p+file:///a", "q+file:///a"]});
    let request = client.request(&json!("own"), "subscriptions/listen", json!({"notifications": wanted}));
    let mut events = Events::of(request.send().await.unwrap());
    let first = events.next().await.unwrap()["params"].clone();
    assert_eq!(first["notifications"], json!({"resourceSubscriptions": ["p+file:///a"]}), "row 12");
    let heard = server
        .heard("subscriptions/listen")
        .into_iter()
        .rfind(|h| h.json["params"]["notifications"] == json!({"resourceSubscriptions": ["file:///a"]}));
    assert_ne!(heard.expect("row 11").json["id"], "own");
    server.say("s", &json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "file:///a/b", "_meta": {"io.modelcontextprotocol/subscriptionId": "theirs"}}}));
    let updated = events.next_of("notifications/resources/updated").await["params"].clone();
    assert_eq!(updated["uri"], "p+file:///a/b", "row 13");
    assert_eq!(updated["_meta"]["io.modelcontextprotocol/subscriptionId"], "own", "row 27");
}
