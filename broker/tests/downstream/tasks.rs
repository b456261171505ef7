//! Tasks: legacy ones, and those of the modern extension.

use crate::client::{Events, json, post};
use crate::fake;
use crate::rig::{Rig, rig};
use crate::scripted::{Scripted, scripted};
use protocol::config::EraChoice;
use serde_json::{Value, json};

const RELATED: &str = "io.modelcontextprotocol/related-task";
const EXTENSION: &str = "io.modelcontextprotocol/tasks";

fn legacy_capabilities() -> Value {
    json!({"tools": {}, "tasks": {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}})
}

/// Every server has the tasks `one` and, on its second page, `two`; but `empty` has none, and `without` cannot have any.
async fn servers() -> Scripted {
    scripted(EraChoice::Legacy, |heard| {
        let (server, request) = (heard.server.as_str(), &heard.json);
        let task = |id: &Value| json!({"taskId": id, "status": "working", "ttl": 60000});
        let params = &request["params"];
        vec![match heard.method() {
            "initialize" if server == "without" => json!({"tools": {}}),
            "initialize" => legacy_capabilities(),
            "tools/list" => {
                let long = json!({"name": "long", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "required"}});
                json!({"result": {"tools": [{"name": "work", "inputSchema": {"type": "object"}}, long]}})
            }
            "tools/call" => json!({"result": {"task": task(&json!("one"))}}),
            "tasks/list" if server == "empty" => json!({"result": {"tasks": []}}),
            "tasks/list" if params["cursor"] == "page 2" => json!({"result": {"tasks": [task(&json!("two"))]}}),
            "tasks/list" if params.get("cursor").is_some() => json!({"error": {"code": -32602, "message": "cursor"}}),
            "tasks/list" => json!({"result": {"tasks": [task(&json!("one"))], "nextCursor": "page 2"}}),
            "tasks/get" | "tasks/cancel" => json!({"result": task(&params["taskId"])}),
            "tasks/result" => {
                let meta = json!({RELATED: {"taskId": params["taskId"]}});
                let ask = json!({"message": "Sure?", "requestedSchema": {"type": "object"}, "_meta": meta});
                let link = json!({"type": "resource_link", "uri": "file:///a", "name": "a"});
                return vec![
                    json!({"method": "elicitation/create", "id": 5, "params": ask}),
                    json!({"result": {"content": [link], "_meta": meta}}),
                ];
            }
            _ => return vec![],
        }]
    })
    .await
}

async fn over(servers: &Scripted, names: &[&str]) -> Rig {
    rig(names.iter().map(|name| servers.config(name, &format!("{name}_"))).collect()).await
}

#[tokio::test]
async fn clients_of_revisions_without_tasks_are_told_of_none() {
    let servers = servers().await;
    let rig = over(&servers, &["a"]).await;
    for (revision, has) in [("2025-03-26", false), ("2025-06-18", false), ("2025-11-25", true)] {
        let client = rig.client_of(revision).await;
        assert_eq!(client.initialized["capabilities"]["tasks"].is_object(), has, "{revision}");
        let listed = client.ask(1, "tools/list", json!({})).await;
        let names: Vec<_> = listed["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, if has { &["a_work", "a_long"][..] } else { &["a_work"] }, "{revision}");
    }
}

#[tokio::test]
async fn a_tasks_id_leads_back_to_its_server() {
    let servers = servers().await;
    let rig = over(&servers, &["a", "b"]).await;
    let client = rig.client().await;
    let declared = json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}});
    assert_eq!(client.initialized["capabilities"]["tasks"], declared);
    let created = client.ask(1, "tools/call", json!({"name": "b_work", "arguments": {}, "task": {"ttl": 1}})).await;
    let id = created["result"]["task"]["taskId"].clone();
    assert_ne!(id, "one");
    assert_eq!(servers.heard("tools/call")[0].json["params"]["task"], json!({"ttl": 1}));
    for method in ["tasks/get", "tasks/cancel"] {
        let task = client.ask(2, method, json!({"taskId": id})).await;
        assert_eq!(task["result"], json!({"taskId": id, "status": "working", "ttl": 60000}));
        let heard = &servers.heard(method)[0];
        assert_eq!((heard.server.as_str(), &heard.json["params"]["taskId"]), ("b", &json!("one")));
    }
}

#[tokio::test]
async fn what_belongs_to_a_task_says_so_in_the_clients_terms() {
    let servers = servers().await;
    let rig = over(&servers, &["a"]).await;
    let client = rig.client().await;
    let created = client.ask(1, "tools/call", json!({"name": "a_work", "arguments": {}, "task": {}})).await;
    let id = created["result"]["task"]["taskId"].clone();
    let request = json!({"jsonrpc": "2.0", "id": 2, "method": "tasks/result", "params": {"taskId": id}});
    let mut events = Events::of(client.post(&request).send().await.unwrap());
    let ask = events.next_of("elicitation/create").await;
    assert_eq!(ask["params"]["_meta"][RELATED]["taskId"], id);
    let meta = json!({RELATED: {"taskId": id}});
    let answer = json!({"action": "accept", "content": {}, "_meta": meta});
    client.tell(json!({"jsonrpc": "2.0", "id": ask["id"], "result": answer})).await;
    client
        .tell(json!({"jsonrpc": "2.0", "method": "notifications/progress",
        "params": {"progressToken": "mcpgw:a:n7", "progress": 1, "_meta": meta}}))
        .await;
    client
        .tell(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9, "_meta": meta}}))
        .await;
    let result = events.next().await.unwrap()["result"].clone();
    assert_eq!(result["_meta"][RELATED]["taskId"], id);
    assert_eq!(result["content"][0]["uri"], "a+file:///a");
    let own = json!({RELATED: {"taskId": "one"}});
    servers
        .wait_until("the server has heard of its task", |servers| {
            let answered =
                servers.heard_without(&[]).iter().any(|h| h.json["id"] == 5 && h.json["result"]["_meta"] == own);
            let told = |method| servers.heard(method).iter().any(|h| h.json["params"]["_meta"] == own);
            answered && told("notifications/progress") && told("notifications/cancelled")
        })
        .await;
}

#[tokio::test]
async fn the_tasks_of_all_servers_are_one_list() {
    let servers = servers().await;
    let rig = over(&servers, &["empty", "a", "without", "b"]).await;
    let client = rig.client().await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    for id in 1..20 {
        let params = cursor.take().map_or(json!({}), |cursor: Value| json!({"cursor": cursor}));
        let page = client.ask(id, "tasks/list", params).await["result"].clone();
        let tasks = page["tasks"].as_array().unwrap();
        seen.extend(tasks.iter().map(|task| task["taskId"].as_str().unwrap().to_owned()));
        match page.get("nextCursor") {
            Some(next) => cursor = Some(next.clone()),
            None => break,
        }
    }
    assert_eq!(seen, ["mcpgw:a:sone", "mcpgw:a:stwo", "mcpgw:b:sone", "mcpgw:b:stwo"]);
    for cursor in ["x", "WyJ0YXNrcyIsIm5vYm9keSIsbnVsbF0", "WyJ0YXNrcyIsImEiLCJtYWRlIHVwIl0"] {
        let refused = client.ask(30, "tasks/list", json!({"cursor": cursor})).await;
        assert_eq!(refused["error"]["code"], -32602, "{cursor}");
    }
}

#[tokio::test]
async fn an_id_that_leads_nowhere_is_refused() {
    let servers = servers().await;
    let modern = fake::modern().start().await;
    let rig = rig(vec![servers.config("a", "a_"), modern.config("m", "m_")]).await;
    let client = rig.client().await;
    for id in [json!("one"), json!("mcpgw:nobody:sone"), json!(5), json!("mcpgw:a:n1,2")] {
        let refused = client.ask(1, "tasks/get", json!({"taskId": id})).await;
        assert_eq!(refused["error"]["code"], -32602, "{id}");
    }
    let refused = client.ask(2, "tasks/get", json!({"taskId": "mcpgw:m:sone"})).await;
    assert_eq!(refused["error"]["code"], -32602);
    assert!(refused["error"]["message"].as_str().unwrap().contains("carried over"), "{refused}");
    assert!(servers.heard("tasks/get").is_empty() && modern.seen("tasks/get").is_empty());
}

#[tokio::test]
async fn sessions_with_nobody_who_has_tasks_are_not_told_of_any() {
    let servers = servers().await;
    let rig = over(&servers, &["without"]).await;
    let client = rig.client().await;
    assert_eq!(client.initialized["capabilities"].get("tasks"), None);
    assert_eq!(client.ask(1, "tasks/list", json!({})).await["result"], json!({"tasks": []}));
}

/// Servers with the modern extension.
async fn modern_servers() -> Scripted {
    scripted(EraChoice::Modern, |heard| {
        let request = &heard.json;
        let params = &request["params"];
        vec![match heard.method() {
            "server/discover" => json!({"tools": {}, "extensions": {EXTENSION: {}}}),
            "tools/list" => json!({"result": {"resultType": "complete", "ttlMs": 60000, "cacheScope": "public",
                "tools": [{"name": "work", "inputSchema": {"type": "object"}}]}}),
            "tools/call" => json!({"result": {"resultType": "task", "taskId": "é/1", "status": "working"}}),
            "tasks/get" => {
                let ask = json!({"method": "elicitation/create", "params": {"message": "Sure?"}});
                json!({"result": {"resultType": "complete", "taskId": params["taskId"], "status": "input_required",
                    "inputRequests": {"k": ask}, "result": {"content": [{"type": "resource", "resource": {"uri": "x:y"}}]}}})
            }
            "tasks/update" | "tasks/cancel" => json!({"result": {"resultType": "complete"}}),
            _ => return vec![],
        }]
    })
    .await
}

/// A request of a modern client that knows tasks.
fn request(rig: &Rig, id: i64, method: &str, name: &str, params: Value) -> reqwest::RequestBuilder {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {EXTENSION: {}}},
    });
    let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    post(rig.http.post(format!("{}/mcp", rig.public)), &message.to_string())
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name)
}

#[tokio::test]
async fn modern_tasks_are_routed_by_their_id() {
    let servers = modern_servers().await;
    let rig = over(&servers, &["a", "b"]).await;
    let found = rig.modern().ask("server/discover", json!({})).await;
    assert_eq!(found["result"]["capabilities"]["extensions"], json!({EXTENSION: {}}));
    let created = request(&rig, 1, "tools/call", "b_work", json!({"name": "b_work"})).send().await.unwrap();
    let id = json(created).await["result"]["taskId"].as_str().unwrap().to_owned();
    assert_eq!(id, "mcpgw:b:sé/1");
    let encoded = protocol::http::encode_value(&id).into_owned();
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": id, "inputResponses": {"k": {"action": "decline"}}});
        let answer = request(&rig, 2, method, &encoded, params.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let result = json(answer).await["result"].clone();
        if method == "tasks/get" {
            assert_eq!(result["taskId"], id);
            assert_eq!(result["result"]["content"][0]["resource"]["uri"], "b+x:y");
            assert_eq!(result["inputRequests"]["k"]["method"], "elicitation/create");
        }
        let heard = &servers.heard(method)[0];
        assert_eq!((heard.server.as_str(), &heard.json["params"]["taskId"]), ("b", &json!("é/1")));
        assert_eq!(heard.json["params"]["inputResponses"], params["inputResponses"]);
        assert_eq!(heard.headers["mcp-name"], protocol::http::encode_value("é/1").as_ref());
        let other = request(&rig, 3, method, "mcpgw:a:sx", params).send().await.unwrap();
        assert_eq!((other.status().as_u16(), json(other).await["error"]["code"].clone()), (400, json!(-32020)));
    }
    let gone = json!({"taskId": "mcpgw:gone:s1"});
    let unknown = request(&rig, 4, "tasks/get", "mcpgw:gone:s1", gone).send().await.unwrap();
    assert_eq!((unknown.status().as_u16(), json(unknown).await["error"]["code"].clone()), (200, json!(-32602)));
}

#[tokio::test]
async fn who_listens_hears_of_tasks() {
    let servers = modern_servers().await;
    let rig = over(&servers, &["a", "b"]).await;
    let wanted = json!({"taskIds": ["mcpgw:b:s1", "mcpgw:nobody:s1", "made up"]});
    let listen = request(&rig, 9, "subscriptions/listen", "", json!({"notifications": wanted}));
    let mut events = Events::of(listen.send().await.unwrap());
    let first = events.next().await.unwrap();
    assert_eq!(first["params"]["notifications"], json!({"taskIds": ["mcpgw:b:s1"]}));
    let heard = servers.heard("subscriptions/listen").into_iter().find(|h| h.server == "b").unwrap();
    assert_eq!(heard.json["params"]["notifications"], json!({"taskIds": ["1"]}));
    let capabilities = &heard.json["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(capabilities["extensions"], json!({EXTENSION: {}}));
    let task = json!({"taskId": "1", "status": "completed", "result": {"content": [{"uri": "x:y"}]}, "ttlMs": null});
    servers.say("b", &json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": task}));
    let told = events.next_of("notifications/tasks").await["params"].clone();
    assert_eq!((&told["taskId"], &told["result"]["content"][0]["uri"]), (&json!("mcpgw:b:s1"), &json!("b+x:y")));
    assert_eq!(told["_meta"]["io.modelcontextprotocol/subscriptionId"], 9);
    let undeclared = rig.modern().request(&json!(1), "subscriptions/listen", json!({"notifications": wanted}));
    let refused = undeclared.send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let error = json(refused).await["error"].clone();
    assert_eq!(error["code"], -32021);
    assert_eq!(error["data"]["requiredCapabilities"]["extensions"], json!({EXTENSION: {}}));
}
