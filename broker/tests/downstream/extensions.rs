//! Extensions that the gateway knows nothing of, and MCP Apps.

use crate::client::{json, post};
use crate::rig::{gateway, rig, rig_of};
use crate::scripted::{Scripted, scripted};
use protocol::config::{EraChoice, Gateway, Limits};
use serde_json::{Value, json};
use std::sync::Arc;

const APPS: &str = "io.modelcontextprotocol/ui";

/// `search` and `notes` declare an extension each, `plain` nothing; all answer to any method with what they were asked.
async fn servers(era: EraChoice) -> Scripted {
    scripted(era, |heard| {
        let (server, request) = (heard.server.as_str(), &heard.json);
        let declared = |name: &str| json!({"extensions": {name: {"of": server}, "shared": {"n": 1.0}, "differs": {"by": server}}});
        let list = |member: &str| json!({"result": {member: [], "resultType": "complete", "ttlMs": 60000, "cacheScope": "public"}});
        vec![match heard.method() {
            "initialize" | "server/discover" => match server {
                "plain" => json!({"tools": {}}),
                "notes" => declared("example.com/notes"),
                _ => declared("com.example/search"),
            },
            "tools/list" => list("tools"),
            _ => json!({"result": {"asked": request["params"], "contents": [{"uri": "file:///a"}], "by": server}}),
        }]
    })
    .await
}

#[tokio::test]
async fn what_servers_declare_is_told_together() {
    let servers = servers(EraChoice::Legacy).await;
    let names = ["plain", "search", "notes"];
    let rig = rig(names.iter().map(|name| servers.config(name, &format!("{name}_"))).collect()).await;
    let client = rig.client().await;
    assert_eq!(
        client.initialized["capabilities"]["extensions"],
        json!({
            "com.example/search": {"of": "search"}, "example.com/notes": {"of": "notes"}, "shared": {"n": 1.0},
        })
    );
    let status = rig.broker.status().borrow().clone();
    let conflicts = |name: &str| {
        let all = &status.servers.iter().find(|s| s.name == name).unwrap().conflicts;
        all.iter().map(|conflict| conflict.message.as_str()).collect::<Vec<_>>().join("\n")
    };
    assert!(conflicts("search").contains("`differs`") && conflicts("search").contains("`notes`"), "{status:?}");
    assert!(conflicts("notes").contains("`differs`") && conflicts("plain").is_empty());
}

#[tokio::test]
async fn methods_of_extensions_pass_untouched_to_who_declares_them() {
    let servers = servers(EraChoice::Legacy).await;
    let names = ["plain", "search", "notes"];
    let rig = rig(names.iter().map(|name| servers.config(name, &format!("{name}_"))).collect()).await;
    let client = rig.client().await;
    let params = json!({"uri": "file:///a", "name": "search_x", "_meta": {"com.example/trace": {"a": [1]}}});
    for (method, server) in [
        ("com.example/search/run", "search"),
        ("search/run", "search"),
        ("notes/add", "notes"),
        ("example.com/notes/x", "notes"),
    ] {
        let answer = client.ask(1, method, params.clone()).await["result"].clone();
        assert_eq!((&answer["by"], &answer["asked"]), (&json!(server), &params), "{method}");
        assert_eq!(answer["contents"][0]["uri"], "file:///a");
    }
    client.tell(json!({"jsonrpc": "2.0", "method": "notifications/notes/seen", "params": {"x": 1}})).await;
    servers.wait_until("the notification came", |s| s.heard("notifications/notes/seen").len() == 1).await;
    let unknown = client.ask(2, "other/run", json!({})).await["error"].clone();
    assert_eq!(unknown["code"], -32601);
    assert!(unknown["message"].as_str().unwrap().contains("notes, search"), "{unknown}");
    let own = client.ask(3, "tools/unheard-of", json!({})).await["error"].clone();
    assert_eq!(own["code"], -32601);
    assert!(servers.heard("tools/unheard-of").is_empty());
}

#[tokio::test]
async fn modern_methods_of_extensions_pass_with_their_headers() {
    let servers = servers(EraChoice::Modern).await;
    let rig = rig(vec![servers.config("plain", ""), servers.config("search", "s_")]).await;
    let found = rig.modern().ask("server/discover", json!({})).await;
    assert_eq!(found["result"]["capabilities"]["extensions"]["com.example/search"], json!({"of": "search"}));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        "com.example/trace": 9_007_199_254_740_993_u64,
    });
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "any/thing", "params": {"x": 1, "_meta": meta}});
    let answer = post(rig.http.post(format!("{}/mcp", rig.public)), &message.to_string())
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "any/thing")
        .header("mcp-name", "=?base64?w6k=?=")
        .header("mcp-param-region", "eu")
        .send()
        .await
        .unwrap();
    assert_eq!(json(answer).await["result"]["asked"]["_meta"], meta);
    let heard = servers.heard("any/thing").remove(0);
    assert_eq!(heard.server, "search");
    assert_eq!(
        (&heard.headers["mcp-method"], &heard.headers["mcp-name"]),
        (&"any/thing".parse().unwrap(), &"=?base64?w6k=?=".parse().unwrap())
    );
    assert_eq!(heard.headers["mcp-param-region"], "eu");
}

/// A server with an app.
async fn app() -> Scripted {
    scripted(EraChoice::Legacy, |heard| {
        let request = &heard.json;
        let meta = json!({"ui": {"resourceUri": "ui://clock/app.html", "csp": {"connectDomains": ["https://a.example"]}},
            "ui/resourceUri": "ui://clock/app.html", "acme/view": "ui://clock/app.html"});
        vec![match heard.method() {
            "initialize" => json!({"tools": {}, "resources": {}, "extensions": {APPS: {"mimeTypes": ["text/html;profile=mcp-app"]}}}),
            "tools/list" => json!({"result": {"tools": [{"name": "now", "inputSchema": {"type": "object"}, "_meta": meta}]}}),
            "resources/list" => json!({"result": {"resources": [{"uri": "ui://clock/app.html", "name": "clock", "_meta": meta}]}}),
            "resources/templates/list" => json!({"result": {"resourceTemplates": [{"uriTemplate": "ui://{city}/app.html", "name": "c"}]}}),
            "resources/read" => json!({"result": {"contents": [{"uri": request["params"]["uri"], "text": "<html>"}]}}),
            "tools/call" => json!({"result": {"content": [], "_meta": meta}}),
            _ => return vec![],
        }]
    })
    .await
}

#[tokio::test]
async fn an_app_of_a_prefixed_server_is_found_by_every_key_that_names_it() {
    let app = app().await;
    let mut configuration = Gateway::clone(&gateway(vec![app.config("clock", "My_Clock_")], Limits::default()));
    configuration.editing.uri_meta_keys = vec!["acme/view".to_owned()];
    let rig = rig_of(Arc::new(configuration)).await;
    let client = rig.capable(json!({"extensions": {APPS: {"mimeTypes": ["text/html;profile=mcp-app"]}}})).await;
    assert_eq!(
        client.initialized["capabilities"]["extensions"][APPS]["mimeTypes"],
        json!(["text/html;profile=mcp-app"])
    );
    let seen = "ui://my.clock.clock/app.html";
    let holds_app = |meta: &Value| {
        assert_eq!(meta["ui"]["resourceUri"], seen);
        assert_eq!((&meta["ui/resourceUri"], &meta["acme/view"]), (&json!(seen), &json!(seen)));
        assert_eq!(meta["ui"]["csp"]["connectDomains"], json!(["https://a.example"]));
    };
    holds_app(&client.ask(1, "tools/list", json!({})).await["result"]["tools"][0]["_meta"]);
    let resources = client.ask(2, "resources/list", json!({})).await["result"]["resources"].clone();
    assert_eq!(resources[0]["uri"], seen);
    holds_app(&resources[0]["_meta"]);
    let templates = client.ask(3, "resources/templates/list", json!({})).await;
    assert_eq!(templates["result"]["resourceTemplates"][0]["uriTemplate"], "ui://my.clock.{city}/app.html");
    holds_app(&client.ask(4, "tools/call", json!({"name": "My_Clock_now"})).await["result"]["_meta"]);
    for (uri, own) in [(seen, "ui://clock/app.html"), ("ui://MY.CLOCK.Bern/app.html", "ui://Bern/app.html")] {
        let read = client.ask(5, "resources/read", json!({"uri": uri})).await["result"]["contents"][0].clone();
        assert_eq!(app.heard("resources/read").last().unwrap().json["params"]["uri"], own);
        assert_eq!(read["uri"].as_str().unwrap().to_lowercase(), uri.to_lowercase());
    }
    let opened = app.heard("initialize").into_iter().find(|h| h.json["params"]["clientInfo"]["name"] == "test");
    assert!(opened.unwrap().json["params"]["capabilities"]["extensions"].get(APPS).is_some());
}
