//! What of a client's messages is changed on the way to the server: the rows of `docs/rewrites.md` whose arrow points up.
//! Those of tasks are in `tasks.rs`, those of held calls where the eras are crossed.

use crate::client::{Events, last as answered};
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

/// Row 20, where the broker itself sends the request.
#[tokio::test]
async fn what_a_server_says_of_a_refused_subscription_reaches_the_client() {
    let data = json!({"uri": "file:///a", "hint": [1]});
    let refused = json!({"error": {"code": -32002, "message": "none", "data": data}});
    let server = scripted(EraChoice::Legacy, move |heard| match heard.method() {
        "initialize" => vec![json!({"tools": {}, "resources": {"subscribe": true}})],
        "resources/subscribe" | "resources/unsubscribe" => vec![refused.clone()],
        _ => vec![json!({"result": {"tools": [], "resources": [], "resourceTemplates": []}})],
    })
    .await;
    let rig = over(&server).await;
    let client = rig.client().await;
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let answer = client.ask(1, method, json!({"uri": "p+file:///a"})).await;
        let data = json!({"uri": "p+file:///a", "hint": [1]});
        assert_eq!(answer["error"], json!({"code": -32002, "message": "none", "data": data}), "{method}");
    }
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
        (10, "resources/subscribe", json!({"uri": "p+file:///a", "_meta": {"traceparent": "t"}}), "/uri", "file:///a"),
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

/// What a model repeats of a tool's result.
fn sampled(link: &str, other: &str) -> Value {
    let block = json!({"type": "resource_link", "uri": link, "name": "p+file:///n"});
    let resource = json!({"type": "resource", "resource": {"uri": link, "text": "p+file:///t"}});
    let content = json!([block, resource, {"type": "resource_link", "uri": other, "name": "q"}]);
    let result =
        json!({"type": "tool_result", "toolUseId": "p+u:v", "content": content, "structuredContent": {"uri": "p+x:y"}});
    json!({"role": "assistant", "content": [{"type": "text", "text": "p+file:///a"}, result], "model": "m"})
}

/// A server that asks for a sample, of either era.
async fn sampler(era: EraChoice) -> Scripted {
    scripted(era, |heard| {
        let params = &heard.json["params"];
        let sample = json!({"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 1});
        let ask = json!({"method": "sampling/createMessage", "params": sample});
        vec![match heard.method() {
            "initialize" | "server/discover" => return vec![json!({"tools": {}})],
            "tools/list" => json!({"result": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}}),
            "tools/call" if params.get("inputResponses").is_some() => json!({"result": {"content": []}}),
            "tools/call" if params["_meta"].get("io.modelcontextprotocol/protocolVersion").is_some() => {
                json!({"result": {"resultType": "input_required", "requestState": "s", "inputRequests": {"k": ask}}})
            }
            "tools/call" => {
                let mut ask = ask;
                ask["id"] = json!(42);
                return vec![ask];
            }
            _ => return vec![],
        }]
    })
    .await
}

/// What the server of the sample got, wherever its era has it.
async fn got(server: &Scripted) -> Value {
    let pick = |heard: &Heard| match heard.json.pointer("/params/inputResponses/k") {
        Some(response) => Some(response.clone()),
        None => (heard.json["id"] == 42).then(|| heard.json["result"].clone()),
    };
    server.wait_until("the sample came", |server| server.heard_without(&[]).iter().any(|h| pick(h).is_some())).await;
    server.heard_without(&[]).iter().find_map(pick).unwrap()
}

#[tokio::test]
async fn row_18_of_every_client_and_server() {
    let (given, own) = (sampled("p+file:///a", "q+file:///a"), sampled("file:///a", "q+file:///a"));
    let capabilities = json!({"sampling": {"tools": {}}});
    for era in [EraChoice::Legacy, EraChoice::Modern] {
        let server = sampler(era).await;
        let rig = over(&server).await;
        let client = rig.capable(capabilities.clone()).await;
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "p_t"}});
        let mut events = Events::of(client.post(&call).send().await.unwrap());
        let id = events.next_of("sampling/createMessage").await["id"].clone();
        client.tell(json!({"jsonrpc": "2.0", "id": id, "result": given})).await;
        assert_eq!(got(&server).await, own, "a legacy client, {era:?}");
    }
    for era in [EraChoice::Legacy, EraChoice::Modern] {
        let server = sampler(era).await;
        let rig = over(&server).await;
        let asked = ask(&rig, json!({"name": "p_t"}), &capabilities).await["result"].clone();
        let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
        let retry = json!({"inputResponses": {key: given}, "requestState": asked["requestState"], "name": "p_t"});
        let server = tokio::select! {
            got = got(&server) => got,
            answer = ask(&rig, retry, &capabilities) => {
                assert_eq!(answer.get("error"), None);
                got(&server).await
            }
        };
        assert_eq!(server, own, "a modern client, {era:?}");
    }
}

async fn ask(rig: &Rig, params: Value, capabilities: &Value) -> Value {
    let request = rig.modern().capable(&json!(1), "tools/call", params, capabilities, json!({}));
    answered(request.send().await.unwrap()).await
}

#[tokio::test]
async fn row_44_of_every_client_and_server() {
    const INFO: &str = "/result/_meta/io.modelcontextprotocol~1serverInfo/name";
    for era in [EraChoice::Legacy, EraChoice::Modern] {
        let server = server(era).await;
        let rig = over(&server).await;
        let (legacy, modern) = (rig.client().await, rig.modern());
        assert_eq!(legacy.initialized["serverInfo"]["name"], "mcp-gateway");
        assert_eq!(modern.ask("server/discover", json!({})).await.pointer(INFO), Some(&json!("mcp-gateway")));
        for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
            for answer in [legacy.ask(2, method, json!({})).await, modern.ask(method, json!({})).await] {
                assert_eq!(answer.pointer(INFO), Some(&json!("mcp-gateway")), "{method}: {answer}");
            }
        }
        let params = json!({"name": "p_t"});
        let (crossed, own) = match era {
            EraChoice::Modern => {
                (legacy.ask(3, "tools/call", params.clone()).await, modern.ask("tools/call", params).await)
            }
            _ => (modern.ask("tools/call", params.clone()).await, legacy.ask(3, "tools/call", params).await),
        };
        assert_eq!(crossed.pointer(INFO), Some(&json!("s")), "{crossed}");
        // Within an era it is for the server to say.
        assert_eq!(own.pointer(INFO), None, "{own}");
    }
    let server = sampler(EraChoice::Legacy).await;
    let rig = over(&server).await;
    let asked = ask(&rig, json!({"name": "p_t"}), &json!({"sampling": {}})).await;
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert_eq!(asked.pointer(INFO), Some(&json!("s")), "{asked}");
}
