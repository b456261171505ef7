//! Legacy clients and servers that speak only the modern era: calls, lists, errors.

use crate::client::names;
use crate::modern_server::{Act, ModernServer, result, text};
use crate::rig::rig;
use serde_json::{Value, json};

fn tool(name: &str) -> Value {
    json!({"name": name, "inputSchema": {"type": "object"}})
}

#[tokio::test]
async fn a_call_brings_the_envelope_and_its_own_bytes() {
    let fake = ModernServer::start(json!([tool("echo")]), |asked, _| {
        let raw = Value::from(asked.raw.as_str());
        Act::Result(format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":{raw}}}],"n":1.0,"ttlMs":5,"cacheScope":"public"}}"#))
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_"), fake.config("n", "n_")]).await;
    let client = rig.client_of("2025-06-18").await;
    let arguments = r#"{"n":9007199254740993,"f":1.0,"e":1e400,"s":"\u00e9"}"#;
    let sent = format!(
        r#"{{"jsonrpc":"2.0","id":"\u00e9","method":"tools/call","params":{{"name":"m_echo","arguments":{arguments},"_meta":{{"traceparent":"00-1-2-00","progressToken":7}},"x":1.0}}}}"#
    );
    let answer = client.post_raw(&sent).header("tracestate", "a=b").send().await.unwrap().text().await.unwrap();
    assert!(
        answer.contains(r#""id":"\u00e9","result":{"content":[{"type":"text""#) && answer.contains(r#""n":1.0}"#),
        "{answer}"
    );
    let asked = &fake.asked("tools/call")[0];
    assert!(asked.raw.contains(&format!(
        r#""params":{{"name":"echo","arguments":{arguments},"_meta":{{"traceparent":"00-1-2-00","progressToken":7,"#
    )));
    assert!(asked.raw.contains(r#","x":1.0"#));
    assert_eq!(asked.headers["accept"], "application/json, text/event-stream");
    assert_eq!(asked.headers["tracestate"], "a=b");
    assert_eq!(asked.meta("clientInfo"), &json!({"name": "test", "version": "1"}));
    assert_eq!(asked.meta("clientCapabilities"), &json!({"elicitation": {}, "roots": {}}));
    assert_eq!(asked.meta("logLevel"), &Value::Null);
    client.ask(2, "logging/setLevel", json!({"level": "warning"})).await;
    client.call(3, "m_echo").await;
    assert_eq!(fake.asked("tools/call")[1].meta("logLevel"), "warning");
    client.call(4, "n_echo").await;
    assert_eq!(fake.asked("tools/call")[2].meta("logLevel"), "warning", "a session that was opened later");
}

#[tokio::test]
async fn everything_that_can_be_called_gets_there() {
    let fake = ModernServer::start(json!([tool("echo")]), |asked, _| match asked.method() {
        "prompts/get" => {
            result(&json!({"resultType": "complete", "messages": [], "description": asked.json["params"]["name"]}))
        }
        "resources/read" => result(&json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private",
            "contents": [{"uri": asked.json["params"]["uri"], "text": "t"}]})),
        _ => result(&json!({"resultType": "complete", "completion": {"values": [asked.json["params"]["ref"]["uri"]]}})),
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.client().await;
    assert!(client.initialized["instructions"].as_str().unwrap().contains("Only modern."));
    let prompt = client.ask(1, "prompts/get", json!({"name": "m_greet"})).await;
    assert_eq!(prompt["result"], json!({"messages": [], "description": "greet"}));
    let read = client.ask(2, "resources/read", json!({"uri": "m+file:///a"})).await;
    assert_eq!(read["result"], json!({"contents": [{"uri": "m+file:///a", "text": "t"}]}));
    let params =
        json!({"ref": {"type": "ref/resource", "uri": "m+file:///{p}"}, "argument": {"name": "p", "value": ""}});
    let completion = client.ask(3, "completion/complete", params).await;
    assert_eq!(completion["result"], json!({"completion": {"values": ["file:///{p}"]}}));
    assert_eq!(client.ask(4, "ping", json!({})).await["result"], json!({}));
    assert_eq!(names(&client.ask(5, "prompts/list", json!({})).await, "prompts"), ["m_greet"]);
    let resources = client.ask(6, "resources/list", json!({})).await;
    assert_eq!(resources["result"]["resources"][0]["uri"], "m+file:///a");
    let templates = client.ask(7, "resources/templates/list", json!({})).await;
    assert_eq!(templates["result"]["resourceTemplates"][0]["uriTemplate"], "m+file:///{p}");
}

#[tokio::test]
async fn tools_are_listed_and_answered_as_legacy_clients_can_read_them() {
    let tools = json!([
        {"name": "list", "inputSchema": {"type": "object", "properties": {"p": true}}, "outputSchema": {"type": "array"}},
        {"name": "bad", "inputSchema": {"type": "object", "properties": {"n": {"type": "number", "x-mcp-header": "N"}}}},
    ]);
    let fake = ModernServer::start(tools, |_, _| {
        result(&json!({"resultType": "complete", "content": [{"type": "resource_link", "uri": "file:///a", "name": "a"}], "structuredContent": [1]}))
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.client().await;
    let list = client.ask(1, "tools/list", json!({})).await;
    assert_eq!(names(&list, "tools"), ["m_list"]);
    let schema = json!({"type": "object", "properties": {"result": {"type": "array"}}, "required": ["result"]});
    assert_eq!(list["result"]["tools"][0]["outputSchema"], schema);
    assert_eq!(list["result"]["tools"][0]["inputSchema"]["properties"], json!({"p": {}}));
    let members: Vec<_> = list["result"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["_meta", "tools"]);
    assert_eq!(client.call(2, "m_list").await["result"]["structuredContent"], json!({"result": [1]}));
    let status = rig.broker.status().borrow().clone();
    assert!(status.servers[0].conflicts[0].message.contains("`bad` is hidden from legacy clients"), "{status:?}");
    let old = rig.client_of("2025-03-26").await;
    assert!(old.ask(1, "tools/list", json!({})).await["result"]["tools"][0].get("outputSchema").is_none());
    let answer = old.call(2, "m_list").await;
    assert_eq!(answer["result"], json!({"content": [{"type": "text", "text": "a: m+file:///a"}]}));
}

#[tokio::test]
async fn errors_have_the_status_and_the_code_of_the_legacy_era() {
    let fake = ModernServer::start(json!([tool("echo")]), |asked, _| match asked.json["params"]["name"].as_str() {
        Some("gone") => Act::Error(404, json!({"code": -32601, "message": "own words"})),
        Some("lacks") => {
            Act::Error(400, json!({"code": -32021, "message": "m", "data": {"requiredCapabilities": {"sampling": {}}}}))
        }
        Some("task") => result(&json!({"resultType": "task", "taskId": "t"})),
        Some(_) => Act::Error(200, json!({"code": -32602, "message": "Unknown tool", "data": {"uri": "file:///a"}})),
        None => Act::Error(200, json!({"code": -32602, "message": "none", "data": {"uri": "file:///b"}})),
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.client().await;
    let error = |answer: Value| answer["error"].clone();
    assert_eq!(error(client.call(1, "m_gone").await), json!({"code": -32601, "message": "own words"}));
    let lacks = error(client.call(2, "m_lacks").await);
    assert_eq!(lacks["code"], -32600);
    assert!(lacks["message"].as_str().unwrap().contains("Server m needs sampling"), "{lacks}");
    assert!(error(client.call(3, "m_task").await)["message"].as_str().unwrap().contains("task"));
    assert_eq!(error(client.call(4, "m_other").await)["code"], -32602);
    let missing = error(client.ask(5, "resources/read", json!({"uri": "m+file:///b"})).await);
    assert_eq!(missing, json!({"code": -32002, "message": "none", "data": {"uri": "m+file:///b"}}));
}

#[tokio::test]
async fn what_a_server_tells_meanwhile_passes() {
    let fake = ModernServer::start(json!([tool("echo")]), |asked, _| {
        let token = &asked.json["params"]["_meta"]["progressToken"];
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}});
        let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "d"}});
        let odd = json!({"jsonrpc": "2.0", "id": 5, "method": "roots/list"});
        Act::Events(vec![progress, odd, log], text("done").to_string())
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let mut events = rig.client().await.stream(1, "m_echo").await;
    assert_eq!(events.next().await.unwrap()["params"]["progressToken"], "p");
    assert_eq!(events.next().await.unwrap()["params"]["data"], "d");
    let answer = events.next().await.unwrap();
    assert_eq!(
        (&answer["id"], &answer["result"]),
        (&json!(1), &json!({"content": [{"type": "text", "text": "done"}]}))
    );
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn parameters_go_into_headers_and_the_list_is_fetched_again_when_they_do_not_fit() {
    let with = |header: &str| {
        let schema = json!({"type": "object", "properties": {"r": {"type": "string", "x-mcp-header": header}}});
        json!([{"name": "echo", "inputSchema": schema}])
    };
    let fake = ModernServer::start(with("Old"), |asked, _| match asked.headers.get("mcp-param-new") {
        Some(value) => result(&text(value.to_str().unwrap())),
        None => Act::Error(400, json!({"code": -32020, "message": "Mcp-Param-New is missing"})),
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.client().await;
    fake.set_tools(with("New"));
    let answer = client.ask(1, "tools/call", json!({"name": "m_echo", "arguments": {"r": "é"}})).await;
    assert_eq!(answer["result"]["content"][0]["text"], "=?base64?w6k=?=");
    let asked = fake.asked("tools/call");
    assert_eq!((asked.len(), &asked[0].headers["mcp-param-old"]), (2, &"=?base64?w6k=?=".parse().unwrap()));
    let refused = client.ask(2, "tools/call", json!({"name": "m_echo", "arguments": {}})).await;
    assert_eq!(refused["error"]["code"], -32603);
    assert_eq!(fake.asked("tools/call").len(), 4, "repeated once");
}

#[tokio::test]
async fn cancelling_closes_the_servers_stream_and_leaving_does_not() {
    let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "started"}});
    let fake = ModernServer::start(json!([tool("wait")]), move |_, _| Act::Hang(log.clone())).await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.client().await;
    let mut left = client.stream(1, "m_wait").await;
    left.next_of("notifications/message").await;
    drop(left);
    let mut cancelled = client.stream(2, "m_wait").await;
    cancelled.next_of("notifications/message").await;
    fake.hanging(2).await;
    client.tell(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})).await;
    assert!(cancelled.next().await.is_none(), "a cancelled request is not answered");
    fake.hanging(1).await;
    assert_eq!(client.delete().await, 200);
    fake.hanging(0).await;
}

#[tokio::test]
async fn updates_of_resources_come_on_the_clients_stream() {
    let fake = ModernServer::start(json!([tool("echo")]), |_, _| result(&text("x"))).await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.client().await;
    let mut events = client.listen().await;
    let subscribe = |id, method, uri: &str| {
        let (client, uri) = (client.clone(), uri.to_owned());
        async move { client.ask(id, method, json!({"uri": uri})).await }
    };
    assert_eq!(subscribe(1, "resources/subscribe", "m+file:///a").await["result"], json!({}));
    assert_eq!(subscribe(2, "resources/subscribe", "m+file:///b").await["result"], json!({}));
    let refused = subscribe(3, "resources/subscribe", "m+file:///refused").await;
    assert_eq!(refused["error"]["code"], -32602);
    let filters = fake.asked("subscriptions/listen");
    let filter = |at: usize| &filters[at].json["params"]["notifications"]["resourceSubscriptions"];
    let last = filters.len() - 2;
    assert_eq!(filter(last), &json!(["file:///a", "file:///b"]));
    let updated = |uri: &str| {
        let meta = json!({"io.modelcontextprotocol/subscriptionId": "x"});
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"_meta": meta, "uri": uri}})
    };
    fake.say(&updated("file:///a/below"));
    let told = events.next_of("notifications/resources/updated").await;
    assert_eq!(told["params"], json!({"uri": "m+file:///a/below"}));
    assert_eq!(subscribe(4, "resources/unsubscribe", "m+file:///a").await["result"], json!({}));
    let filters = fake.asked("subscriptions/listen");
    let rest = &filters.last().unwrap().json["params"]["notifications"]["resourceSubscriptions"];
    assert_eq!(rest, &json!(["file:///b"]));
}

#[tokio::test]
async fn a_change_of_the_servers_lists_comes_on_the_clients_stream() {
    let fake = ModernServer::start(json!([tool("echo")]), |_, _| result(&text("x"))).await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.client().await;
    let mut events = client.listen().await;
    while fake.asked("subscriptions/listen").is_empty() {
        tokio::task::yield_now().await;
    }
    fake.set_tools(json!([tool("echo"), tool("new")]));
    fake.say(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}}));
    events.next_of("notifications/tools/list_changed").await;
    assert_eq!(names(&client.ask(1, "tools/list", json!({})).await, "tools"), ["m_echo", "m_new"]);
}

#[tokio::test]
async fn who_can_be_asked_is_served_by_the_side_that_can_ask() {
    let fake = ModernServer::start_for_both(json!([tool("old"), tool("new")]), |_, _| result(&text("modern"))).await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let text = |answer: Value| answer["result"]["content"][0]["text"].clone();
    let plain = rig.capable(json!({})).await;
    assert_eq!(names(&plain.ask(1, "tools/list", json!({})).await, "tools"), ["m_old"]);
    assert_eq!(text(plain.call(2, "m_old").await), "legacy");
    let capable = rig.capable(json!({"roots": {}})).await;
    assert_eq!(names(&capable.ask(1, "tools/list", json!({})).await, "tools"), ["m_old", "m_new"]);
    assert_eq!(text(capable.call(2, "m_old").await), "modern");
    for (client, outcome) in [(&plain, "route"), (&capable, "bridge")] {
        let question = json!({"era": "legacy", "session": client.session, "target": {"server": "m"}});
        let answer = rig.resolve(question).await["outcome"].clone();
        assert!(answer == outcome || answer.get(outcome).is_some(), "{answer}");
    }
}

#[tokio::test]
async fn a_side_that_tells_nothing_changes_with_the_other() {
    let fake = ModernServer::start_for_both(json!([tool("old")]), |_, _| result(&text("modern"))).await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.capable(json!({})).await;
    let mut events = client.listen().await;
    while fake.asked("subscriptions/listen").is_empty() {
        tokio::task::yield_now().await;
    }
    fake.set_tools(json!([tool("old"), tool("later")]));
    fake.say(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}}));
    events.next_of("notifications/tools/list_changed").await;
    assert_eq!(names(&client.ask(1, "tools/list", json!({})).await, "tools"), ["m_old", "m_later"]);
}
