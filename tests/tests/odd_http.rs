//! HTTP that is legal but seldom, and paths that look like the endpoint's.

use mcp_gateway_tests::client::{Session, raw};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::process::built;
use mcp_gateway_tests::until;
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::json;

at_every_front!(
    bodies_may_come_in_all_ways_that_http_has,
    only_the_endpoint_is_the_endpoint,
    clients_that_go_away_cost_nobody_else,
    hosts_of_the_filters_own_are_not_for_clients,
);

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"p_echo","arguments":{}}}"#;

async fn rig(front: Front) -> (Gateway, Fake, Session) {
    let server = Fake::legacy()
        .tool("echo", Exchange::ok)
        .tool("waits", async |x| {
            let events = x.events();
            events.message(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#);
            events.closed().await;
        })
        .start();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    (gateway, server, session)
}

/// A POST with these lines beside those that every call needs.
fn post(session: &Session, target: &str, lines: &str, body: &str) -> Vec<u8> {
    let id = &session.id;
    format!("POST {target} HTTP/1.1\r\ncontent-type: application/json\r\nmcp-session-id: {id}\r\n{lines}\r\n{body}")
        .into()
}

async fn bodies_may_come_in_all_ways_that_http_has(front: Front) {
    let (gateway, server, session) = rig(front).await;
    let length = format!("content-length: {}\r\n", CALL.len());
    let (first, second) = CALL.split_at(40);
    let pieces = format!("{:x}\r\n{first}\r\n{:x};ext=1\r\n{second}\r\n0\r\n", first.len(), second.len());
    let host = "host: localhost\r\n";
    for (what, lines, body) in [
        ("an expectation", format!("{host}{length}expect: 100-continue\r\nconnection: close\r\n"), CALL.to_owned()),
        ("chunks", format!("{host}transfer-encoding: chunked\r\nconnection: close\r\n"), format!("{pieces}\r\n")),
        (
            "trailers",
            format!("{host}transfer-encoding: chunked\r\ntrailer: x-a\r\nconnection: close\r\n"),
            format!("{pieces}x-a: 1\r\n\r\n"),
        ),
    ] {
        let answer = raw(gateway.authority(), &post(&session, "/mcp", &lines, &body)).await;
        assert!(answer.contains(r#""text":"ok""#), "{what}: {answer}");
        assert_eq!(server.calls().pop().unwrap().text(), CALL.replace("p_", ""), "{what}");
    }
    // Two on one connection, the second sent before the first is answered.
    let before = server.calls().len();
    let one = post(&session, "/mcp", &format!("{host}{length}"), CALL);
    let two = post(&session, "/mcp", &format!("{host}{length}connection: close\r\n"), CALL);
    let answers = raw(gateway.authority(), &[one, two].concat()).await;
    assert_eq!((answers.matches(r#""text":"ok""#).count(), server.calls().len()), (2, before + 2), "{answers}");
    if front == Front::Broker {
        // Its HTTP library takes the chunks for the body, as RFC 9112, 6.3 allows.
        return;
    }
    // A body that says two lengths is none.
    let lines = format!("{host}{length}transfer-encoding: chunked\r\nconnection: close\r\n");
    let smuggled = raw(gateway.authority(), &post(&session, "/mcp", &lines, &format!("{pieces}\r\n"))).await;
    assert!(smuggled.starts_with("HTTP/1.1 400"), "{smuggled}");
    assert_eq!(server.calls().len(), before + 2);
}

async fn only_the_endpoint_is_the_endpoint(front: Front) {
    let (gateway, server, session) = rig(front).await;
    let end = format!("content-length: {}\r\nconnection: close\r\n", CALL.len());
    for (target, host, status) in [
        ("/mcp?x=1", "localhost", 200),
        ("http://localhost/mcp", "localhost", 200),
        ("http://evil.example/mcp", "localhost", 403),
        ("/mcp", "evil.example", 403),
        ("/mcp", "localhost.evil.example", 403),
        ("//mcp", "localhost", 404),
        ("/MCP", "localhost", 404),
        ("/%6dcp", "localhost", 404),
        ("/mcp/../mcp", "localhost", 404),
        ("/x/..%2fmcp", "localhost", 404),
    ] {
        let lines = format!("host: {host}\r\n{end}");
        let answer = raw(gateway.authority(), &post(&session, target, &lines, CALL)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} at {host}: {answer}");
        assert!(answer.contains("application/json") && answer.contains("jsonrpc"), "{target} at {host}: {answer}");
    }
    assert!(server.calls().iter().all(|call| call.path == "/mcp"));
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn what_envoy_refuses_is_refused_in_json() {
    let (gateway, _, session) = rig(Front::Body).await;
    let lines = format!("host: localhost\r\nx-large: {}\r\nconnection: close\r\n", "x".repeat(100_000));
    let answer = raw(gateway.authority(), &post(&session, "/mcp", &lines, "")).await;
    assert!(answer.starts_with("HTTP/1.1 431") && answer.contains("jsonrpc"), "{answer}");
    let old = post(&session, "/mcp", &format!("host: localhost\r\ncontent-length: {}\r\n", CALL.len()), CALL);
    let old = String::from_utf8(old).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    let answer = raw(gateway.authority(), old.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 426") && answer.contains("takes HTTP/1.1"), "{answer}");
    // Within the limit a session id may be of any length, and is unknown.
    let reply = session.http.post(gateway.url()).header("mcp-session-id", &"x".repeat(20_000)).send(CALL).await;
    assert_eq!((reply.status, &reply.message()["id"]), (404, &json!(1)), "{}", reply.text());
}

async fn clients_that_go_away_cost_nobody_else(front: Front) {
    let (gateway, server, session) = rig(front).await;
    for _ in 0..5 {
        let mut events = session.call_events("p_waits").await;
        events.method("notifications/message").await;
    }
    until("the calls have arrived", || (server.calls().len() == 5).then_some(())).await;
    // One that goes away in the middle of its body.
    let body = format!("host: localhost\r\ncontent-length: {}\r\n", CALL.len() + 10);
    let half = post(&session, "/mcp", &body, CALL);
    let connection = tokio::net::TcpStream::connect(gateway.authority()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut { connection }, &half).await.unwrap();
    assert_eq!(session.call("p_echo", json!({})).await["result"]["content"][0]["text"], "ok");
    assert_eq!(server.sessions_of_clients(), 1);
}

/// The host that Envoy's route to the only server has.
fn own_host(gateway: &Gateway) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut render = std::process::Command::new(built("mcp-gateway"));
    let done = render.arg("render").arg("-f").arg(gateway.config()).arg("-o").arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let routes = std::fs::read(folder.path().join("routes.json")).unwrap();
    let routes: serde_json::Value = serde_json::from_slice(&routes).unwrap();
    routes["resources"][0]["virtual_hosts"][0]["domains"][0].as_str().unwrap().to_owned()
}

async fn hosts_of_the_filters_own_are_not_for_clients(front: Front) {
    let (gateway, server, session) = rig(front).await;
    session.call("p_echo", json!({})).await;
    let before = server.calls().len();
    let own = own_host(&gateway);
    assert!(own.ends_with(".mcp-gateway-internal"), "{own}");
    let length = format!("content-length: {}\r\nconnection: close\r\n", CALL.len());
    // Without Envoy it is a host like any other that the gateway does not go by.
    let (status, of_broker) = if front == Front::Broker { ("403", "404") } else { ("404", "404") };
    for host in [&own, &own.to_uppercase(), &format!("{own}:80"), &format!("{own}.example"), "s-0.mcp-gateway-internal"]
    {
        for path in ["/mcp", "/", "/anything"] {
            let lines = format!("host: {host}\r\n{length}");
            let answer = raw(gateway.authority(), &post(&session, path, &lines, CALL)).await;
            let expected = if path == "/mcp" { status } else { of_broker };
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{host} {path}: {answer}");
            assert!(answer.contains(r#""jsonrpc":"2.0""#), "{host} {path}: {answer}");
        }
    }
    assert_eq!(server.calls().len(), before);
}
