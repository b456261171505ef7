//! `initialize` and what it settles.

use crate::client::{initialize, json, post};
use crate::fake::legacy;
use crate::rig::rig;
use serde_json::json;

#[tokio::test]
async fn a_legacy_revision_is_taken_as_asked_and_anything_else_becomes_the_newest_legacy_one() {
    let rig = rig(vec![]).await;
    for (asked, settled) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1.0", "2025-11-25"),
    ] {
        assert_eq!(rig.client_of(asked).await.initialized["protocolVersion"], settled, "{asked}");
    }
}

#[tokio::test]
async fn everything_is_declared_always_and_instructions_name_their_server() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("demo", "http_")]).await;
    let initialized = rig.client().await.initialized;
    assert_eq!(
        initialized["capabilities"],
        json!({
            "tools": {"listChanged": true}, "prompts": {"listChanged": true},
            "resources": {"listChanged": true, "subscribe": true}, "logging": {}, "completions": {},
        })
    );
    assert_eq!(initialized["serverInfo"]["name"], "mcp-gateway");
    let instructions = initialized["instructions"].as_str().unwrap();
    assert!(instructions.contains("demo") && instructions.contains("http_") && instructions.contains("Use echo."));
}

#[tokio::test]
async fn session_ids_are_short_and_visible() {
    let rig = rig(vec![]).await;
    let session = rig.client().await.session;
    assert!(session.len() <= 1024 && session.bytes().all(|b| b.is_ascii_graphic()), "{session}");
}

#[tokio::test]
async fn the_oldest_client_needs_no_accept_and_no_initialized() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("demo", "http_")]).await;
    let url = format!("{}/mcp", rig.public);
    let plain =
        |body: serde_json::Value| rig.http.post(&url).header("content-type", "application/json").body(body.to_string());
    let answer = plain(initialize("2024-11-05")).send().await.unwrap();
    let session = answer.headers()["mcp-session-id"].clone();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "http_echo"}});
    let answer = json(plain(call).header("mcp-session-id", session).send().await.unwrap()).await;
    assert!(answer["result"]["content"][0]["text"].is_string(), "{answer}");
}

#[tokio::test]
async fn initialize_without_a_version_is_refused_in_the_media_type_accepted() {
    let rig = rig(vec![]).await;
    let url = format!("{}/mcp", rig.public);
    let message = r#"{"jsonrpc":"2.0","id":5,"method":"initialize","params":{}}"#;
    let answer = json(post(rig.http.post(&url), message).send().await.unwrap()).await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(5), &json!(-32602)));
    let request = rig.http.post(&url).header("content-type", "application/json").header("accept", "text/event-stream");
    let answer = request.body(message).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert!(answer.text().await.unwrap().contains("-32602"));
}
