//! Calls of 2026-07-28, whose headers name what is called beside the body: whichever of the two the gateway routes by, what
//! arrives is what was sent, without the prefix.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use mcp_gateway_tests::client::{ENVELOPE, Modern, Raw, Reply, Request};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;
use mcp_gateway_tests::{Front, at_every_front, until};
use serde_json::{Value, json};

at_every_front!(
    a_call_arrives_without_the_prefix_in_headers_and_body,
    a_body_may_come_in_any_pieces,
    prompts_resources_and_names_without_prefix_find_their_server,
    what_headers_and_body_do_not_agree_on_reaches_no_server,
    errors_have_the_id_that_comes_late,
    what_servers_stream_comes_as_they_send_it,
    long_bodies_are_neither_held_nor_lost,
);

const ODD: &str = r#"{"n":9007199254740993,"f":1.0,"e":1e400,"u":"\u00e9é","z":-0,"nested":{"b":1,"a":[ ]}}"#;

fn echo() -> Fake {
    Fake::modern().tool("echo", Exchange::ok).tool("é", Exchange::ok).start()
}

async fn rig(front: Front, server: &Fake) -> (Gateway, Modern) {
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let client = Modern::new(gateway.url());
    (gateway, client)
}

/// A call with this raw name.
fn call(name: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"m","method":"tools/call","params":{{{ENVELOPE},"name":{name},"arguments":{ODD}}}}}"#
    )
}

fn is_ok(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.message()["result"]["content"][0]["text"], "ok", "{}", reply.text());
}

fn is_refused(what: &str, reply: &Reply, status: u16, code: i64, id: &Value) {
    let message = reply.message();
    assert_eq!(
        (reply.status, &message["error"]["code"], &message["id"]),
        (status, &json!(code), id),
        "{what}: {message}"
    );
}

async fn a_call_arrives_without_the_prefix_in_headers_and_body(front: Front) {
    let server = echo();
    let (_gateway, client) = rig(front, &server).await;
    for (header, sent, header_up, arrives) in [
        ("p_echo", r#""p_echo""#, "echo", r#""echo""#),
        ("=?base64?cF9lY2hv?=", r#""p_echo""#, "echo", r#""echo""#),
        ("=?base64?cF/DqQ==?=", r#""p_é""#, "=?base64?w6k=?=", r#""é""#),
        ("p_echo", r#""p_\u0065cho""#, "echo", r#""\u0065cho""#),
        ("p_echo", r#""\u0070\u005fecho""#, "echo", r#""echo""#),
    ] {
        is_ok(&client.post("tools/call", header).send(call(sent)).await);
        let arrived = server.calls().pop().unwrap();
        assert_eq!((arrived.header("mcp-name"), arrived.header("mcp-method")), (header_up, "tools/call"), "{sent}");
        // Where the length had to be told before the escapes were seen, spaces behind the name make up for them.
        let (start, rest) = arrived.text().split_once(arrives).unwrap_or_else(|| panic!("{}", arrived.text()));
        assert_eq!(format!("{start}{arrives}{}", rest.trim_start()), call(arrives), "{sent}");
        assert_eq!(arrived.header("content-length"), arrived.body.len().to_string());
        assert_eq!((arrived.header("mcp-protocol-version"), arrived.session()), ("2026-07-28", ""));
    }
    // What other clients send goes untouched, or not at all.
    let dressed =
        client.post("tools/call", "p_echo").header("mcp-param-region", "eu").header("authorization", "Bearer x");
    let dressed = dressed.header("traceparent", "00-1-2-01").header("mcp-session-id", "none");
    is_ok(&dressed.send(call(r#""p_echo""#)).await);
    let arrived = server.calls().pop().unwrap();
    for (name, value) in [("mcp-param-region", "eu"), ("traceparent", "00-1-2-01"), ("authorization", "")] {
        assert_eq!(arrived.header(name), value, "{name}");
    }
    assert_eq!(arrived.session(), "");
}

async fn a_body_may_come_in_any_pieces(front: Front) {
    let server = echo();
    let (_gateway, client) = rig(front, &server).await;
    // The name stands last, and is cut by the pieces.
    let message = |name: &str| {
        format!(
            r#"{{"params":{{"arguments":{ODD},{ENVELOPE},"name":{name}}},"method":"tools/call","jsonrpc":"2.0","id":"m"}}"#
        )
    };
    for (raw, size) in [(r#""p_echo""#, 1), (r#""p_echo""#, 7), (r#""\u0070_echo""#, 3), (r#""p_echo""#, 64)] {
        let sent = message(raw);
        let pieces: Vec<_> = sent.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        // Each is sent on its own.
        let pieces = stream::unfold(pieces.into_iter(), async |mut pieces| {
            tokio::task::yield_now().await;
            Some((pieces.next()?, pieces))
        });
        is_ok(&client.post("tools/call", "p_echo").send_chunks(pieces).await);
        let arrived = server.calls().pop().unwrap();
        assert_eq!(arrived.text().replace(r#""echo"     "#, r#""echo""#), message(r#""echo""#), "pieces of {size}");
    }
    let late = message(r#""p_echo""#).replace(r#""e":1e400"#, &format!(r#""e":"{}""#, "y\\n".repeat(200_000)));
    is_ok(&client.post("tools/call", "p_echo").send(late.clone()).await);
    assert!(server.calls().pop().unwrap().text() == late.replace("p_echo", "echo"));
}

async fn prompts_resources_and_names_without_prefix_find_their_server(front: Front) {
    let a = Fake::modern()
        .prompt("greet", async |x| {
            let link = r#"{"type":"resource","resource":{"uri":"file:///b","text":"t"}}"#;
            x.result(format!(r#"{{"resultType":"complete","messages":[{{"role":"user","content":{link}}}]}}"#)).await;
        })
        .resource("ui://host/x", async |x| {
            x.result(r#"{"resultType":"complete","contents":[{"uri":"ui://host/x","text":"x"}]}"#).await;
        })
        .tool("t", Exchange::who)
        .start();
    let longer = Fake::modern().tool("t", Exchange::who).start();
    let plain = Fake::modern().tool("plain", Exchange::who).start();
    let gateway = Config::new()
        .at(front)
        .server("a", "p_", &a.url())
        .server("longer", "p_q_", &longer.url())
        .server("plain", "", &plain.url())
        .start()
        .await;
    let client = Modern::new(gateway.url());
    let prompt = client.ask("prompts/get", json!({"name": "p_greet"})).await.message();
    assert_eq!(prompt["result"]["messages"][0]["content"]["resource"]["uri"], "p+file:///b", "{prompt}");
    let listed = client.ask("resources/list", json!({})).await.message();
    let uri = listed["result"]["resources"][0]["uri"].as_str().unwrap().to_owned();
    assert_ne!(uri, "ui://host/x");
    let read = client.ask("resources/read", json!({ "uri": uri })).await.message();
    assert_eq!(read["result"]["contents"][0]["uri"], uri, "{read}");
    let arrived = a.all("resources/read").pop().unwrap();
    assert_eq!((arrived.header("mcp-name"), arrived.target.as_deref()), ("ui://host/x", Some("ui://host/x")));
    for (name, server) in [("p_t", &a), ("p_q_t", &longer), ("plain", &plain)] {
        let answer = client.call(name, json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], server.authority(), "{name}: {answer}");
    }
    let lost = client.ask("resources/read", json!({"uri": "p+file:///missing"})).await;
    assert_eq!(lost.message()["error"]["code"], -32602, "{}", lost.text());
}

async fn what_headers_and_body_do_not_agree_on_reaches_no_server(front: Front) {
    let server = echo();
    let (_gateway, client) = rig(front, &server).await;
    let named = call(r#""p_echo""#);
    let post = |method, name| client.post(method, name);
    let null = Value::Null;
    let id = json!("m");
    for (what, request, body, code, id) in [
        ("another name", post("tools/call", "p_é?"), named.clone(), -32020, &id),
        ("a name that begins alike", post("tools/call", "p_ech"), named.clone(), -32020, &id),
        ("another method", post("prompts/get", "p_echo"), named.clone(), -32020, &id),
        ("a method that is no call", post("tools/list", "p_echo"), named.clone(), -32020, &id),
        (
            "a body that is no call",
            post("tools/call", "p_echo"),
            named.replace("tools/call", "tools/list"),
            -32020,
            &id,
        ),
        ("two names", post("tools/call", "p_echo"), named.replace(ODD, r#"{},"name":"p_echo""#), -32600, &id),
        ("no JSON at the end", post("tools/call", "p_echo"), format!("{named}]"), -32700, &id),
        ("half of it", post("tools/call", "p_echo"), named[..named.len() - 1].to_owned(), -32700, &id),
        ("no envelope", post("tools/call", "p_echo"), named.replace(ENVELOPE, r#""_meta":{}"#), -32602, &id),
        ("a batch", post("tools/call", "p_echo"), format!("[{named}]"), -32600, &null),
        (
            "a response",
            post("tools/call", "p_echo"),
            r#"{"jsonrpc":"2.0","id":"m","result":{}}"#.to_owned(),
            -32600,
            &id,
        ),
    ] {
        is_refused(what, &request.send(body).await, 400, code, id);
    }
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let reply = post("tools/call", "p_echo").send(notice).await;
    assert_eq!((reply.status, reply.body.len()), (202, 0), "{}", reply.text());
    assert_eq!((server.calls().len(), server.all("notifications/cancelled").len()), (0, 0));
    is_ok(&post("tools/call", "p_echo").send(named).await);
}

/// Sends a call, its body only after the gateway has had the time to find out that it cannot be served: another call has gone
/// that way meanwhile.
async fn slowly(gateway: &Gateway, client: &Modern, name: &str) -> String {
    let body = call(&format!("{name:?}"));
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\n\
         mcp-method: tools/call\r\nmcp-name: {name}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut connection = Raw::open(gateway.authority()).await;
    connection.write(head.as_bytes()).await;
    assert!(client.call(name, json!({})).await["error"].is_object());
    connection.write(body.as_bytes()).await;
    connection.rest().await
}

async fn errors_have_the_id_that_comes_late(front: Front) {
    let server = echo();
    let (gateway, client) = rig(front, &server).await;
    is_ok(&client.post("tools/call", "p_echo").send(call(r#""p_echo""#)).await);
    let unknown = client.ask("tools/call", json!({"name": "nobody", "arguments": {}})).await;
    is_refused("unknown", &unknown, 200, -32602, &json!("m"));
    server.stop();
    for (what, name) in [("down", "p_echo"), ("unknown", "nobody")] {
        let pieces = |body: String| {
            let pieces: Vec<_> = body.as_bytes().chunks(body.len() - 9).map(Bytes::copy_from_slice).collect();
            stream::iter(pieces)
        };
        let late = format!(
            r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{{ENVELOPE},"name":"{name}","arguments":{ODD}}},"id":"m"}}"#
        );
        let reply = client.post("tools/call", name).send_chunks(pieces(late)).await;
        assert_eq!(reply.message()["id"], "m", "{what}: {}", reply.text());
        let answer = slowly(&gateway, &client, name).await;
        // Where the headers are gone before the body is here, there is no id yet: then the status says it.
        let told = answer.contains(r#""id":"m""#) || answer.starts_with("HTTP/1.1 503");
        assert!(told && answer.contains("error"), "{what}: {answer}");
    }
}

async fn what_servers_stream_comes_as_they_send_it(front: Front) {
    let server = Fake::modern()
        .tool("events", async |x| {
            let last = x.response(
                r#"{"resultType":"complete","content":[{"type":"resource_link","uri":"file:///r","name":"r"}]}"#,
            );
            let events = x.events();
            events.bytes(": first\n\n");
            events.message(
                r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1.0}}"#,
            );
            events.message(last);
        })
        .tool("html", async |x| x.http(200, "text/html", "<html>secret</html>").await)
        .tool("not_found", async |x| {
            let error = r#"{"code":-32601,"message":"the server's own"}"#;
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, x.id());
            x.http(404, "application/json", body).await;
        })
        .start();
    let (_gateway, client) = rig(front, &server).await;
    let mut events = client.call_events("p_events").await;
    assert_eq!(events.message().await["params"]["progress"], 1.0);
    assert_eq!(events.message().await["result"]["content"][0]["uri"], "p+file:///r");
    assert_eq!(events.data().await, None);
    let reply = client.ask("tools/call", json!({"name": "p_html"})).await;
    is_refused("HTML", &reply, 200, -32603, &json!("m"));
    assert!(!reply.text().contains("secret"), "{}", reply.text());
    let reply = client.ask("tools/call", json!({"name": "p_not_found"})).await;
    is_refused("the server's own error", &reply, 404, -32601, &json!("m"));
    let only_json = client.post("tools/call", "p_events").replace("accept", Some("application/json"));
    let reply = only_json.send(call(r#""p_events""#)).await;
    assert_eq!(reply.message()["result"]["content"][0]["uri"], "p+file:///r", "{}", reply.text());
}

/// A call with an argument of so many bytes.
async fn upload(request: Request, bytes: usize) -> Reply {
    let filler = Bytes::from(vec![b'x'; 64 << 10]);
    let begin = format!(
        r#"{{"jsonrpc":"2.0","id":"m","method":"tools/call","params":{{{ENVELOPE},"name":"p_echo","arguments":{{"a":""#
    );
    let middle = stream::repeat(filler).take(bytes >> 16);
    let body = stream::iter([Bytes::from(begin)]).chain(middle).chain(stream::iter([Bytes::from(r#""}}}"#)]));
    request.send_chunks(body).await
}

async fn long_bodies_are_neither_held_nor_lost(front: Front) {
    let server = echo();
    let (gateway, client) = rig(front, &server).await;
    let post = || client.post("tools/call", "p_echo");
    if !front.has_fast_path(Era::Modern) {
        is_refused("a long body", &upload(post(), 20 << 20).await, 413, -32000, &json!("m"));
        return;
    }
    is_ok(&upload(post(), 1 << 20).await);
    let before = gateway.envoy_memory();
    server.read_on(false);
    let uploads: Vec<_> = (0..4).map(|_| tokio::spawn(upload(post(), 20 << 20))).collect();
    until("the server holds the uploads up", || (server.read() > (1 << 20) + (200 << 10)).then_some(())).await;
    server.read_on(true);
    for upload in uploads {
        is_ok(&upload.await.unwrap());
    }
    let grown = gateway.envoy_memory().saturating_sub(before);
    assert!(grown < 40 << 20, "Envoy grew by {} MiB", grown >> 20);
    assert!(server.calls().iter().all(|call| call.target.as_deref() == Some("echo")));
}

/// What is known goes past the broker; what is not waits for it, with as much of its body as fits.
async fn decisions(front: Front) {
    let server = Fake::modern().tool("echo", Exchange::ok).start();
    let other = Fake::modern().tool("plain", Exchange::ok).start();
    let config = Config::new().at(front).server("a", "p_", &server.url()).server("b", "", &other.url());
    let gateway = config.start().await;
    let client = Modern::new(gateway.url());
    let before = gateway.envoy_memory();
    let frozen = gateway.freeze();
    let waiting = tokio::spawn(upload(client.post("tools/call", "p_echo"), 20 << 20));
    let plain = tokio::spawn(client.post("tools/call", "plain").send(call(r#""plain""#)));
    // The answer to this one is the gateway's: both others have been taken as far as they will be.
    let refused = client.post("tools/call", "p_echo").header("origin", "https://evil.example").send("").await;
    assert_eq!(refused.status, 403);
    assert_eq!((server.calls().len(), other.calls().len()), (0, 0));
    assert!(gateway.envoy_memory().saturating_sub(before) < 15 << 20);
    drop(frozen);
    is_ok(&waiting.await.unwrap());
    is_ok(&plain.await.unwrap());
    let _frozen = gateway.freeze();
    for _ in 0..10 {
        is_ok(&Modern::new(gateway.url()).post("tools/call", "p_echo").send(call(r#""p_echo""#)).await);
        is_ok(&Modern::new(gateway.url()).post("tools/call", "plain").send(call(r#""plain""#)).await);
    }
}

#[tokio::test]
async fn decisions_are_kept_in_body_mode() {
    decisions(Front::Body).await;
}

#[tokio::test]
async fn decisions_are_kept_in_header_mode() {
    decisions(Front::Header).await;
}
