//! Servers that people run, all of them legacy, used by modern clients over every transport: a client sees through the gateway
//! what a legacy client sees at the server itself.

use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::{self, Client, Era, Plan, Seen, command, offer};
use mcp_gateway_tests::process::Server;
use serde_json::{Value, json};

/// Every transport of server-everything.
async fn everything() -> (Gateway, Server, Server) {
    let (http, sse) = tokio::join!(peers::everything(), peers::everything_sse());
    let config = Config::new()
        .line("labelElicitations: false")
        .server("http", "http_", &http.url)
        .server("sse", "sse_", &sse.url)
        .process("io", "io_", &command::everything(), "");
    (config.start().await, http, sse)
}

/// What both eras have of it: a tool that only runs as a task has no form in the other era, and results say what they are
/// only in the modern one.
fn of_both_eras(mut seen: Seen) -> Seen {
    seen.tools.retain(|tool| tool["execution"]["taskSupport"] != "required");
    for tool in &mut seen.tools {
        remove(tool, "execution");
    }
    for done in [&mut seen.called, &mut seen.got, &mut seen.read].into_iter().flatten() {
        for member in ["resultType", "ttlMs", "cacheScope"] {
            remove(&mut done["result"], member);
        }
    }
    // The TypeScript client's own, for each round of input.
    seen.told.retain(|told| !told["params"]["message"].to_string().contains("Fulfilling input required"));
    for form in &mut seen.elicited {
        remove(form, "mode");
    }
    seen
}

fn remove(value: &mut Value, member: &str) {
    if let Some(members) = value.as_object_mut() {
        members.remove(member);
    }
}

async fn sees_the_same(client: Client) {
    let (gateway, http, _sse) = everything().await;
    let plan = offer::everything();
    let alone = of_both_eras(client.run(&http.url, Era::Legacy, &plan).await);
    let prefixes = ["http_", "sse_", "io_"];
    let all = prefixes.iter().fold(Plan::new(), |all, prefix| all.then(plan.behind(prefix)));
    let expected = prefixes.iter().fold(Seen::default(), |all, prefix| all.then(alone.clone().behind(prefix)));
    let seen = client.run(gateway.url(), Era::Modern, &all.wait("progress", expected.times("progress"))).await;
    of_both_eras(seen).assert_is(&expected, &format!("{client:?}"));
}

#[tokio::test]
async fn the_typescript_client_at_server_everything() {
    sees_the_same(Client::TypeScript).await;
}

#[tokio::test]
async fn the_python_client_at_server_everything() {
    sees_the_same(Client::Python).await;
}

#[tokio::test]
async fn files_a_memory_and_the_time() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "written beforehand").unwrap();
    let memory = format!(", env: {{ MEMORY_FILE_PATH: \"{}/memory.jsonl\" }}", folder.path().display());
    let gateway = Config::new()
        .process("files", "fs_", &command::filesystem(folder.path()), "")
        .process("memory", "memory_", &command::memory(), &memory)
        .process("time", "time_", &command::time(), "")
        .start()
        .await;
    let entity = json!({ "name": "Ada", "entityType": "person", "observations": ["é", "writes programs"] });
    let time = json!({ "source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo" });
    let plan = Plan::new()
        .call("fs_read_text_file", json!({ "path": folder.path().join("a.txt") }))
        .call("fs_write_file", json!({ "path": folder.path().join("b.txt"), "content": "é" }))
        .call("memory_create_entities", json!({ "entities": [entity] }))
        .call("memory_search_nodes", json!({ "query": "writes" }))
        .call("time_convert_time", time);
    for client in [Client::TypeScript, Client::Python] {
        let seen = client.run(gateway.url(), Era::Modern, &plan).await;
        let text = |at: usize| seen.called[at]["result"]["content"][0]["text"].as_str().unwrap_or_default();
        assert_eq!(text(0), "written beforehand");
        assert_eq!(std::fs::read_to_string(folder.path().join("b.txt")).unwrap(), "é");
        assert!(text(3).contains("writes programs"), "{}", text(3));
        assert!(text(4).contains("T21:00:00+09:00"), "{}", text(4));
    }
}
