//! The first thing that anybody tries: a session of the oldest revision, by hand.

use mcp_gateway_tests::client::{Http, Reply};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::process::{Server, root};
use std::process::Stdio;
use tokio::process::Command;

const ENCODED: &str = "SGVsbG8sIE1DUCBHYXRld2F5IQ==";

async fn rig() -> (Gateway, Server) {
    let tools = Server::sample("sample-tools", &[]).await;
    (Config::new().server("tools", "http_", &tools.url).start().await, tools)
}

/// Only `Content-Type`: no `Accept`, no `MCP-Protocol-Version`, and `notifications/initialized` is never sent.
#[tokio::test]
async fn a_session_of_the_oldest_revision_needs_next_to_nothing() {
    let (gateway, _tools) = rig().await;
    let http = Http::new();
    let post = || http.request("POST", gateway.url()).header("content-type", "application/json");
    // Who names no media type takes any.
    let answer = |reply: &Reply| {
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.message()
    };

    let initialize = r#"{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2024-11-05",
        "capabilities": {}, "clientInfo": {"name": "curl", "version": "1"}}}"#;
    let reply = post().send(initialize).await;
    assert_eq!(answer(&reply)["result"]["protocolVersion"], "2024-11-05");
    let session = reply.header("mcp-session-id");

    let list = r#"{"jsonrpc": "2.0", "id": 2, "method": "tools/list"}"#;
    let listed = answer(&post().header("mcp-session-id", session).send(list).await);
    let names: Vec<_> = listed["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(
        names,
        ["http_base64_encode", "http_get_timestamp", "http_json_validate", "http_sha256_hash", "http_url_encode"]
    );

    let call = r#"{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params":
        {"name": "http_base64_encode", "arguments": {"text": "Hello, MCP Gateway!"}}}"#;
    let called = answer(&post().header("mcp-session-id", session).send(call).await);
    assert_eq!(called["id"], 3);
    assert_eq!(called["result"]["content"][0]["text"], ENCODED);
}

/// The lines with curl in the README, as they stand.
#[tokio::test]
async fn what_the_readme_says_of_curl_is_so() {
    let (gateway, _tools) = rig().await;
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0));
    let script = blocks.into_iter().find(|block| block.contains("http_base64_encode")).expect("a block with curl");
    let script = script.replace("http://127.0.0.1:8080/mcp", gateway.url());
    assert!(script.contains(gateway.url()), "{script}");

    let run = Command::new("sh").args(["-euc", &script]).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = mcp_gateway_tests::within("curl", run).await.unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("http_sha256_hash") && shown.contains(ENCODED), "{shown}");
}
