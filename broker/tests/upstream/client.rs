//! Sessions and messages on behalf of clients.

use crate::manners::{legacy, modern};
use broker::upstream::{Client, Envelope, Leg, UpstreamError};
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::http::Media;
use reqwest::header::HeaderMap;
use serde_json::value::RawValue;

fn params() -> Box<RawValue> {
    let params =
        r#"{"protocolVersion":"2025-06-18","capabilities":{"roots":{}},"clientInfo":{"name":"c","version":"1"}}"#;
    RawValue::from_string(params.to_owned()).unwrap()
}

#[tokio::test]
async fn a_session_is_opened_used_and_ended() {
    for server in [legacy(), legacy().in_events()] {
        let a = server.tools(&["x"]).settles("2025-06-18").start();
        let client = Client::new(&a.config("a", "")).unwrap();
        let session = client.open_session(&params()).await.unwrap();
        assert_eq!(session.protocol_version, "2025-06-18");
        assert!(session.capabilities.tools.unwrap().list_changed);
        assert_eq!(a.count("notifications/initialized"), 1);
        let leg = Leg::Legacy(session.clone());
        let list = client.request(&leg, "tools/list", None).await.unwrap();
        assert!(list.get().contains("\"x\""));
        let error = client.request(&leg, "nonsense", Some("{}")).await.unwrap_err();
        assert_eq!(error.code(), Some(-32601));
        client.end_session(&session).await;
        assert_eq!(client.request(&leg, "tools/list", None).await.unwrap_err(), UpstreamError::SessionLost);
        assert_eq!((a.ended_sessions(), a.faults()), (1, vec![]));
    }
}

#[tokio::test]
async fn a_server_without_sessions_is_normal() {
    let a = legacy().stateless().tools(&["x"]).start();
    let client = Client::new(&a.config("a", "")).unwrap();
    let session = client.open_session(&params()).await.unwrap();
    assert_eq!(session.id, None);
    let leg = Leg::Legacy(session);
    assert!(client.listen(&leg).await.unwrap().is_none());
    client.request(&leg, "ping", None).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_know_get_has_not_forgotten_the_session() {
    for status in [404, 400, 405] {
        let a = legacy().get_is(status).start();
        let client = Client::new(&a.config("a", "")).unwrap();
        let session = client.open_session(&params()).await.unwrap();
        session.mark_worked();
        let leg = Leg::Legacy(session);
        assert!(client.listen(&leg).await.unwrap().is_none());
        a.forget_sessions();
        let after = client.listen(&leg).await;
        assert!(matches!((status, after), (405, Ok(None)) | (_, Err(UpstreamError::SessionLost))));
    }
}

#[tokio::test]
async fn a_stream_may_begin_as_late_as_the_server_likes() {
    let a = legacy().tools(&[]).late_stream().never_lists().start();
    let mut config = a.config("a", "");
    config.timeout_ms = 200;
    let client = Client::new(&config).unwrap();
    let leg = Leg::Legacy(client.open_session(&params()).await.unwrap());
    let (opened, ()) = tokio::join!(client.listen(&leg), async {
        a.wait_until("the stream is asked for", |a| a.count("GET") == 1).await;
        // The time that an answer may take passes.
        let late = client.request(&leg, "tools/list", None).await;
        assert_eq!(late.unwrap_err(), UpstreamError::Timeout(200));
        a.say(&serde_json::json!({"jsonrpc": "2.0", "method": "notifications/message"}));
    });
    let event = opened.unwrap().unwrap().next().await.unwrap().unwrap();
    assert!(event.data.contains("notifications/message"));
}

#[tokio::test]
async fn a_refused_session_leaves_nothing_behind() {
    let a = modern().start();
    let client = Client::new(&a.config("a", "")).unwrap();
    let error = client.open_session(&params()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Rpc { code: -32022, data: Some(_), .. }), "{error:?}");
    assert_eq!((a.ended_sessions(), a.open_sessions()), (1, 0));
}

#[tokio::test]
async fn messages_go_up_and_answers_come_down_as_they_are() {
    let a = modern().tools(&["x"]).start();
    let client = Client::new(&a.config("a", "")).unwrap();
    let leg = Leg::Modern(Envelope::gateway());
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
    let body = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"tools/list\",\"params\":{{\"_meta\":{meta}}}}}"
    );
    let extra = HeaderMap::from_iter([("mcp-method".parse().unwrap(), "tools/list".parse().unwrap())]);
    let reply = client.post(&leg, Bytes::from(body), &extra).await.unwrap();
    assert_eq!((reply.status, reply.media), (200, Some(Media::Sse)));
    let chunks: Vec<_> = reply.body.map(Result::unwrap).collect().await;
    let text = String::from_utf8(chunks.concat()).unwrap();
    assert!(text.starts_with(": hello\n") && text.contains("\"id\":9007199254740993"), "{text}");
    assert_eq!(a.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_closed_port_is_told_in_our_words() {
    let mut a = legacy().start();
    let config = a.config("a", "");
    a.stop();
    let error = Client::new(&config).unwrap().open_session(&params()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot be reached: connection refused; check that it runs");
}
