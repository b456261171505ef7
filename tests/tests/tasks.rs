//! Tasks: those of 2025-11-25 with npm's server-everything and SDK, and those of the modern extension with servers of
//! crates.io's rmcp and the client of npm's ext-tasks.

use mcp_gateway_tests::client::Modern;
use mcp_gateway_tests::fake::Fake;
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{Front, at_every_front, peers};
use serde_json::{Value, json};

at_every_front!(tasks_of_two_servers_at_once, modern_tasks_of_two_servers, a_modern_task_leads_back_to_its_server,);

const CREATED: &str = r#"{"resultType":"task","taskId":"t\u00e9","status":"working","ttlMs":null}"#;
const TOOL: &str = "simulate-research-query";

async fn tasks_of_two_servers_at_once(front: Front) {
    let (one, other) = tokio::join!(peers::everything(), peers::everything());
    let config = Config::new().at(front).server("one", "one_", &one.url).server("other", "other_", &other.url);
    let gateway = config.start().await;
    let tools = [format!("one_{TOOL}"), format!("other_{TOOL}")];

    let seen = peers::tasks(gateway.url(), &tools).await;

    assert_eq!(seen["capability"], json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}));
    let ids: Vec<_> = seen["settled"].as_array().unwrap().iter().map(|task| task["taskId"].as_str().unwrap()).collect();
    for (task, server) in seen["settled"].as_array().unwrap().iter().zip(["one", "other"]) {
        assert_eq!(task["error"], Value::Null, "{task}");
        assert!(task["taskId"].as_str().unwrap().contains(server), "{task}");
        assert!(task["statuses"].as_array().unwrap().contains(&json!("input_required")), "{task}");
        // What the client answered has reached the task that asked.
        assert!(task["text"].as_str().unwrap().contains("python (snake)"), "{task}");
    }
    assert_eq!(seen["listed"], json!(ids));
    assert_eq!(seen["cancelled"], json!(["cancelled", "cancelled"]));
    let mut asked: Vec<_> = seen["asked"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    asked.sort_unstable();
    assert!(
        asked[0].starts_with("[one] The research query") && asked[1].starts_with("[other] The research"),
        "{asked:?}"
    );
}

async fn modern_tasks_of_two_servers(front: Front) {
    let (one, other) = tokio::join!(peers::rust_with_tasks(), peers::rust_with_tasks());
    let config = Config::new().at(front).server("one", "one_", &one).server("other", "other_", &other);
    let gateway = config.start().await;

    let seen = peers::modern_tasks(gateway.url(), &["one_research".to_owned(), "other_research".to_owned()]).await;

    assert_eq!(seen["capability"], json!({"io.modelcontextprotocol/tasks": {}}));
    for (task, server) in seen["settled"].as_array().unwrap().iter().zip(["one", "other"]) {
        assert_eq!(task["error"], Value::Null, "{task}");
        assert!(task["taskId"].as_str().unwrap().starts_with(&format!("mcpgw:{server}:s")), "{task}");
        assert!(task["statuses"].as_array().unwrap().contains(&json!("input_required")), "{task}");
        // What the client answered has reached the task that asked, and what it found is of that server.
        assert_eq!(task["content"][0]["text"], "snake", "{task}");
        assert_eq!(task["content"][1]["uri"], format!("{server}+doc://found"), "{task}");
    }
    assert_eq!(seen["asked"], json!(["[one] Which python?", "[other] Which python?"]));
    assert_eq!(seen["cancelled"], json!(["cancelled", "cancelled"]));
    assert_eq!(seen["unknown"], json!({"code": -32602}));
}

async fn a_modern_task_leads_back_to_its_server(front: Front) {
    let server = || Fake::modern().tool("work", async |x| x.result(CREATED).await).start();
    let (one, other) = (server(), server());
    let config = Config::new().at(front).server("one", "one_", &one.url()).server("other", "other_", &other.url());
    let gateway = config.start().await;
    let client = Modern::new(gateway.url());
    let created = client.call("other_work", json!({})).await["result"].clone();
    assert_eq!(created["taskId"], "mcpgw:other:sté");
    assert_eq!((&created["status"], &created["ttlMs"]), (&json!("working"), &Value::Null));
    // As `Mcp-Name` carries what is not ASCII.
    let (name, own) = ("=?base64?bWNwZ3c6b3RoZXI6c3TDqQ==?=", "=?base64?dMOp?=");
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        client.post(method, name).send(Modern::message(method, json!({"taskId": created["taskId"]}))).await;
        let arrived = other.all(method).pop().unwrap_or_else(|| panic!("{method} did not arrive"));
        assert!(arrived.text().contains(r#""taskId":"té""#), "{}", arrived.text());
        assert_eq!(arrived.header("mcp-name"), own);
        assert!(one.all(method).is_empty());
    }
}
