//! The table of status codes, for legacy clients.

use crate::client::json;
use crate::fake::legacy;
use crate::rig::{rig, rig_with};
use protocol::config::Limits;
use serde_json::json;

#[tokio::test]
async fn bad_requests_get_their_status_and_a_json_rpc_error() {
    let rig = rig_with(vec![], Limits { held_body_bytes: 1000, ..Limits::default() }).await;
    let client = rig.client().await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let large = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":"{}"}}}}"#, "y".repeat(2000));
    let base = |body: &str| client.post_raw(body);
    let bare = |body: &str| crate::client::post(client.http.post(&client.url), body);
    let header = |name: &'static str, value: &'static str| {
        let mut request = base(ping).build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        reqwest::RequestBuilder::from_parts(client.http.clone(), request)
    };
    let cases = [
        ("not JSON", base("{"), 400, -32700),
        ("no version", base(r#"{"id":1,"method":"ping"}"#), 400, -32600),
        ("null id", base(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#), 400, -32600),
        ("fraction", base(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#), 400, -32600),
        ("duplicate", base(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#), 400, -32600),
        ("batch", base(&format!("[{ping}]")), 400, -32600),
        ("malformed response", base(r#"{"jsonrpc":"2.0","result":{}}"#), 400, -32600),
        ("no session", bare(ping), 400, -32000),
        ("unknown session", bare(ping).header("mcp-session-id", "made-up"), 404, -32001),
        ("unknown method", base(r#"{"jsonrpc":"2.0","id":1,"method":"made/up"}"#), 200, -32601),
        ("unknown tool", base(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#), 200, -32602),
        ("no tool", base(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#), 200, -32602),
        (
            "unknown resource",
            base(r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"x:y"}}"#),
            200,
            -32002,
        ),
        ("version", header("mcp-protocol-version", "2099-01-01"), 400, -32022),
        ("origin", header("origin", "https://evil.example"), 403, -32000),
        ("host", header("host", "evil.example"), 403, -32000),
        ("content type", header("content-type", "text/plain"), 415, -32000),
        ("encoding", header("content-encoding", "gzip"), 415, -32000),
        ("accept", header("accept", "text/html"), 406, -32000),
        ("too large", base(&large), 413, -32000),
        ("method", client.http.put(&client.url), 405, -32000),
        ("path", client.http.post(format!("{}/other", rig.public)), 404, -32000),
        (
            "GET accept",
            client.http.get(&client.url).header("mcp-session-id", &client.session).header("accept", "application/json"),
            406,
            -32000,
        ),
        ("GET without session", client.http.get(&client.url), 400, -32000),
        ("DELETE without session", client.http.delete(&client.url), 400, -32000),
    ];
    for (what, request, status, code) in cases {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{what}");
        let error = json(answer).await;
        assert_eq!(error["error"]["code"], code, "{what}: {error}");
        assert!(error["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{what}");
    }
    let unknown = client.ask(41, "made/up", json!({})).await;
    assert_eq!(unknown["id"], 41);
}

#[tokio::test]
async fn what_needs_no_answer_is_accepted() {
    let rig = rig(vec![]).await;
    let client = rig.client().await;
    for message in [
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "method": "notifications/made_up"}),
        json!({"jsonrpc": "2.0", "id": "nobody's", "result": {}}),
        json!({"jsonrpc": "2.0", "id": "mcpgw:nobody:n1", "result": {}}),
    ] {
        client.tell(message).await;
    }
}

#[tokio::test]
async fn a_client_steers_nothing_with_internal_headers() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    client.call(1, "a_echo").await;
    let session = fake.seen("tools/call")[0].session.clone();
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "a_echo"}});
    let request = client.post(&call).header("x-mcp-gateway-lost-session", format!("a {session}"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(fake.seen("initialize").len(), 1);
    assert!(fake.seen("tools/call").iter().all(|s| s.headers.keys().all(|h| !h.as_str().starts_with("x-mcp-"))));
}
