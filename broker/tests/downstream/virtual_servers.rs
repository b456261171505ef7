//! Virtual servers: clients that ask for one see what it names, and nothing else is there for them.

use crate::client::{Client, Modern, json, names};
use crate::fake::{legacy, modern};
use crate::rig::{Rig, gateway, rig_of};
use protocol::config::{Gateway, Limits, Server, VirtualServer};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use std::sync::Arc;

/// A broker with these servers, of which `team/dev` has parts.
async fn narrowed(servers: Vec<Server>) -> Rig {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
    let dev = VirtualServer {
        name: "team/dev".to_owned(),
        description: Some("For developers.".to_owned()),
        tools: texts(&["a_echo", "a_g*", "nobody"]),
        prompts: texts(&["b_greet"]),
        resources: texts(&["a+file:///{name}"]),
    };
    let all = Gateway::clone(&gateway(servers, Limits::default()));
    rig_of(Arc::new(Gateway { virtual_servers: vec![dev], ..all })).await
}

/// A client that says for which virtual server each request is.
fn asking_for(name: &'static str) -> reqwest::Client {
    let headers = HeaderMap::from_iter([("x-mcp-virtualserver".parse().unwrap(), HeaderValue::from_static(name))]);
    reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap()
}

fn uris(list: &Value) -> Vec<&str> {
    list["result"]["resources"].as_array().unwrap().iter().map(|item| item["uri"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_legacy_client_sees_and_uses_what_is_named() {
    let (a, b) = (legacy().start().await, legacy().start().await);
    let rig = narrowed(vec![a.config("a", "a_"), b.config("b", "b_")]).await;
    let client = Client::connect(&asking_for("team/dev"), &rig.public, "2025-11-25").await;
    let instructions = client.initialized["instructions"].as_str().unwrap();
    assert!(instructions.starts_with("For developers."), "{instructions}");

    assert_eq!(names(&client.ask(1, "tools/list", json!({})).await, "tools"), ["a_echo", "a_grow"]);
    assert_eq!(names(&client.ask(2, "prompts/list", json!({})).await, "prompts"), ["b_greet"]);
    assert_eq!(uris(&client.ask(3, "resources/list", json!({})).await), ["a+file:///a"]);
    assert!(client.call(4, "a_echo").await["result"].is_object());
    let read = client.ask(5, "resources/read", json!({"uri": "a+file:///a"})).await;
    assert!(read["result"].is_object(), "{read}");
    assert!(client.ask(6, "prompts/get", json!({"name": "b_greet"})).await["result"].is_object());

    let everybody = rig.client().await;
    let complete = |kind: &str, member: &str, of: &str| json!({"ref": {"type": kind, member: of}, "argument": {"name": "x", "value": ""}});
    for (method, params) in [
        ("tools/call", json!({"name": "a_stream"})),
        ("tools/call", json!({"name": "nowhere"})),
        ("prompts/get", json!({"name": "a_greet"})),
        ("resources/read", json!({"uri": "b+file:///a"})),
        ("resources/subscribe", json!({"uri": "b+file:///a"})),
        ("completion/complete", complete("ref/prompt", "name", "a_greet")),
        ("completion/complete", complete("ref/resource", "uri", "b+file:///a")),
    ] {
        let refused = client.ask(7, method, params.clone()).await["error"].clone();
        let name = params["name"].as_str().or(params["uri"].as_str());
        // As for what nobody has.
        let unknown = params.to_string().replace("a_", "x_").replace("b+", "x+");
        let unknown = everybody.ask(8, method, serde_json::from_str(&unknown).unwrap()).await["error"].clone();
        assert_eq!(refused["code"], unknown["code"], "{method} {name:?}: {refused} {unknown}");
        assert!(refused["message"].is_string());
    }
    // What else there is, is as it was.
    assert!(everybody.call(9, "b_echo").await["result"].is_object());
    let batch = Client::connect(&asking_for("team/dev"), &rig.public, "2025-03-26").await;
    let call =
        |id: u8, tool: &str| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}});
    let answers = json(batch.post(&json!([call(1, "a_echo"), call(2, "b_echo")])).send().await.unwrap()).await;
    assert!(answers[0]["result"].is_object() && answers[1]["error"]["code"] == -32602, "{answers}");
}

#[tokio::test]
async fn a_modern_client_sees_and_uses_what_is_named() {
    let (a, b) = (modern().start().await, legacy().start().await);
    let rig = narrowed(vec![a.config("a", "a_"), b.config("b", "b_")]).await;
    let client = Modern { http: asking_for("team/dev"), url: format!("{}/mcp", rig.public) };
    let tools = client.ask("tools/list", json!({})).await;
    assert_eq!(names(&tools, "tools"), ["a_echo", "a_grow"]);
    assert_eq!(tools["result"]["cacheScope"], "private");
    assert_eq!(names(&client.ask("prompts/list", json!({})).await, "prompts"), ["b_greet"]);
    assert!(client.ask("tools/call", json!({"name": "a_echo"})).await["result"].is_object());
    assert!(client.ask("prompts/get", json!({"name": "b_greet"})).await["result"].is_object());
    for (method, params) in [
        ("tools/call", json!({"name": "b_echo"})),
        ("prompts/get", json!({"name": "a_greet"})),
        ("resources/read", json!({"uri": "b+file:///a"})),
    ] {
        assert_eq!(client.ask(method, params).await["error"]["code"], -32602, "{method}");
    }
    let discovered = client.ask("server/discover", json!({})).await;
    assert!(discovered["result"]["instructions"].as_str().is_some_and(|text| text.starts_with("For developers.")));
}

#[tokio::test]
async fn a_virtual_server_that_is_not_there_is_named() {
    let a = legacy().start().await;
    let rig = narrowed(vec![a.config("a", "a_")]).await;
    let request = |name: &str| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}});
        let post = rig.http.post(format!("{}/mcp", rig.public)).header("x-mcp-virtualserver", name);
        crate::client::post(post, &message.to_string()).send()
    };
    for name in ["dev", "team/dev2", ""] {
        let refused = json(request(name).await.unwrap()).await;
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1), &json!(-32602)), "{refused}");
        assert!(refused["error"]["message"].as_str().is_some_and(|m| m.contains("X-Mcp-Virtualserver")), "{refused}");
    }
    assert!(request("team/dev").await.unwrap().headers().contains_key("mcp-session-id"));
}
