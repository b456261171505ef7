//! `sample-tools` as a client sees it.

mod common;

use common::{Sample, text};
use rmcp::{
    ClientHandler, RoleClient,
    model::{CallToolRequestParams, CallToolResult},
    service::RunningService,
};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_sample-tools");

async fn call<H: ClientHandler>(
    client: &RunningService<RoleClient, H>,
    name: &'static str,
    arguments: serde_json::Value,
) -> CallToolResult {
    let arguments = arguments.as_object().unwrap().clone();
    let request = CallToolRequestParams::new(name).with_arguments(arguments);
    client.call_tool(request).await.unwrap()
}

#[tokio::test]
async fn tools_answer_clients_of_both_eras() {
    let mut sample = Sample::start(BINARY, &[]).await;
    for client in [sample.legacy(()).await.unwrap(), sample.modern(()).await.unwrap()] {
        let names: Vec<_> = client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name).collect();
        assert_eq!(names, ["base64_encode", "get_timestamp", "json_validate", "sha256_hash", "url_encode"]);
        let encoded = call(&client, "base64_encode", json!({"text": "Hello, MCP Gateway!"})).await;
        assert_eq!(text(&encoded), "SGVsbG8sIE1DUCBHYXRld2F5IQ==");
        let verdict = call(&client, "json_validate", json!({"json": "[1,"})).await;
        assert_eq!(verdict.structured_content.unwrap()["valid"], false);
        let time = call(&client, "get_timestamp", json!({"format": "unix"})).await;
        assert!(text(&time).parse::<u64>().is_ok());
        let wrong = call(&client, "url_encode", json!({"txt": "a"})).await;
        assert_eq!(wrong.is_error, Some(true));
        client.cancel().await.unwrap();
    }
    assert!(sample.terminate().await.success());
}

#[tokio::test]
async fn a_server_of_one_era_refuses_clients_of_the_other() {
    let legacy = Sample::start(BINARY, &["--era", "legacy"]).await;
    legacy.legacy(()).await.unwrap().cancel().await.unwrap();
    assert!(legacy.modern(()).await.is_err());

    let strict = Sample::start(BINARY, &["--era", "modern"]).await;
    strict.modern(()).await.unwrap().cancel().await.unwrap();
    let refused = strict.legacy(()).await.err().unwrap();
    assert!(refused.contains("-32022"), "{refused}");
}
