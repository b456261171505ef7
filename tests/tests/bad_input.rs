//! What is wrong is said in MCP's words: the status that the specification names, a JSON-RPC error with the request's own id, in
//! a media type that the client reads.

use bytes::Bytes;
use futures::stream;
use mcp_gateway_tests::client::{Http, Reply, Request, Session, initialize, raw};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::{Value, json};
use std::time::Duration;

at_every_front!(
    messages_that_are_none,
    calls_that_cannot_be_routed,
    a_duplicate_at_the_end_of_a_long_body_is_found_before_the_server_has_it_all,
    batches_are_for_one_revision_only,
    sessions_that_are_missing_unknown_or_ended,
    headers_that_are_wrong,
    modern_headers_and_bodies_have_to_agree,
    bodies_that_have_to_be_held_have_a_limit,
    servers_that_fail,
    a_server_has_all_of_its_time,
    an_answer_is_one_however_its_events_end_and_repeat,
    headers_of_the_gateways_own_do_not_steer,
    an_answer_goes_only_where_its_session_is,
    initialize_that_is_wrong,
);

const MODERN: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

struct Rig {
    gateway: Gateway,
    server: Fake,
    session: Session,
}

async fn rig(front: Front) -> Rig {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    Rig { gateway, server, session }
}

fn call(name: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{{"name":"{name}","arguments":{{}}}}}}"#)
}

/// The error is what it should be, and says something.
fn check(what: &str, reply: &Reply, status: u16, code: i64, id: &Value) {
    assert_eq!(reply.status, status, "{what}: {}", reply.text());
    let message = reply.message();
    assert_eq!(message["error"]["code"], code, "{what}: {message}");
    assert_eq!(message.get("id"), Some(id), "{what}: {message}");
    assert_eq!(message["jsonrpc"], "2.0", "{what}: {message}");
    assert!(message["error"]["message"].as_str().is_some_and(|text| text.len() > 10), "{what}: {message}");
}

/// Sends it twice: as a client that reads JSON, and as one that reads only event streams.
async fn refused(what: &str, request: impl Fn() -> Request, body: impl Into<Bytes>, status: u16, code: i64, id: Value) {
    let body = body.into();
    let reply = request().send(body.clone()).await;
    assert_eq!(reply.header("content-type"), "application/json", "{what}");
    check(what, &reply, status, code, &id);
    let reply = request().replace("accept", Some("text/event-stream")).send(body).await;
    assert_eq!(reply.header("content-type"), "text/event-stream", "{what}");
    check(what, &reply, status, code, &id);
}

async fn messages_that_are_none(front: Front) {
    let rig = rig(front).await;
    let post = || rig.session.post();
    for (what, body, status, code, id) in [
        ("an empty body", "", 400, -32700, Value::Null),
        ("no JSON", "hello", 400, -32700, Value::Null),
        ("half a message", r#"{"jsonrpc":"2.0","id":1,"method":"ping""#, 400, -32700, json!(1)),
        ("two messages", r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#, 400, -32700, json!(1)),
        ("a string", r#""ping""#, 400, -32600, Value::Null),
        ("no version", r#"{"id":1,"method":"ping"}"#, 400, -32600, json!(1)),
        ("another version", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, 400, -32600, json!(1)),
        ("an id of null", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400, -32600, Value::Null),
        ("a fraction as id", r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, 400, -32600, Value::Null),
        ("an object as id", r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, 400, -32600, Value::Null),
        ("no method", r#"{"jsonrpc":"2.0","id":1}"#, 400, -32600, json!(1)),
        ("a number as method", r#"{"jsonrpc":"2.0","id":1,"method":1}"#, 400, -32600, json!(1)),
        ("params in a list", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, 400, -32600, json!(1)),
        ("a response without id", r#"{"jsonrpc":"2.0","result":{}}"#, 400, -32600, Value::Null),
        ("a batch", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, 400, -32600, Value::Null),
        ("an empty batch", "[]", 400, -32600, Value::Null),
        ("two ids", r#"{"jsonrpc":"2.0","id":1,"method":"ping","id":1}"#, 400, -32600, json!(1)),
        ("two methods", r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"ping"}"#, 400, -32600, json!(1)),
    ] {
        refused(what, post, body, status, code, id).await;
    }
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{}1{}}}}}"#,
        "[".repeat(600),
        "]".repeat(600)
    );
    refused("a deep message", post, deep, 400, -32600, json!(1)).await;
    let invalid = [&br#"{"jsonrpc":"2.0","id":1,"method":"ping","x":""#[..], b"\xff\xfe", br#""}"#].concat();
    refused("no UTF-8", post, invalid, 400, -32700, json!(1)).await;
    assert_eq!(rig.server.calls().len(), 0);
}

async fn calls_that_cannot_be_routed(front: Front) {
    let rig = rig(front).await;
    let post = || rig.session.post();
    let request = |rest: &str| format!(r#"{{"jsonrpc":"2.0","id":"c",{rest}}}"#);
    for (what, rest, code) in [
        ("an unknown method", r#""method":"tools/destroy""#, -32601),
        ("an unknown tool", r#""method":"tools/call","params":{"name":"nobody","arguments":{}}"#, -32602),
        ("an unknown prompt", r#""method":"prompts/get","params":{"name":"nobody"}"#, -32602),
        ("an unknown resource", r#""method":"resources/read","params":{"uri":"file:///nobody"}"#, -32002),
        ("no name", r#""method":"tools/call","params":{"arguments":{}}"#, -32602),
        ("no params", r#""method":"tools/call""#, -32602),
        ("a number as name", r#""method":"tools/call","params":{"name":5}"#, -32602),
        ("the prefix alone", r#""method":"tools/call","params":{"name":"p_"}"#, -32602),
        ("an unknown cursor", r#""method":"tools/list","params":{"cursor":"made up"}"#, -32602),
        ("an unknown level", r#""method":"logging/setLevel","params":{"level":"loud"}"#, -32602),
    ] {
        refused(what, post, request(rest), 200, code, json!("c")).await;
    }
    // What looks like a tool of a server is that server's to refuse.
    let answer = rig.session.call("p_nobody", json!({})).await;
    assert_eq!(answer["error"]["message"], "The server does not know this", "{answer}");
    // Both ways to name the same member twice.
    for twice in [
        r#""method":"tools/call","params":{"name":"p_echo","name":"p_echo"}"#,
        r#""method":"tools/call","params":{"name":"p_echo","n\u0061me":"x"}"#,
        r#""method":"tools/call","params":{"name":"p_echo"},"params":{}"#,
        r#""method":"tools/call","params":{"_meta":{"progressToken":1,"progressToken":2},"name":"p_echo"}"#,
    ] {
        refused(twice, post, request(twice), 400, -32600, json!("c")).await;
    }
    let calls: Vec<_> = rig.server.calls().iter().map(|call| call.text().to_owned()).collect();
    assert!(calls.iter().all(|call| !call.contains("echo")), "{calls:?}");
}

async fn a_duplicate_at_the_end_of_a_long_body_is_found_before_the_server_has_it_all(front: Front) {
    let rig = rig(front).await;
    let fast = front.has_fast_path(Era::Legacy);
    let filler = "x".repeat(if fast { 5 << 20 } else { 900 << 10 });
    for last in [r#","name":"p_echo"}}"#, r#"},"method":"tools/call"}"#, r#"},"id":"c"}"#] {
        let start = r#"{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"p_echo","arguments":{"a":""#;
        let body = format!(r#"{start}{filler}"}}{last}"#);
        let reply = rig.session.send(body).await;
        check(last, &reply, 400, -32600, &json!("c"));
    }
    // Cut where it should not end.
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{{"name":"p_echo","arguments":{{"a":"{filler}"}}"#
    );
    check("half a call", &rig.session.send(body).await, 400, -32700, &json!("c"));
    assert_eq!(rig.server.calls().len(), 0);
    if fast {
        mcp_gateway_tests::until("the server sees its requests cut off", || (rig.server.cut() == 4).then_some(()))
            .await;
    }
    assert_eq!(rig.session.call("p_echo", json!({})).await["result"]["content"][0]["text"], "ok");
}

async fn batches_are_for_one_revision_only(front: Front) {
    let rig = rig(front).await;
    let http = Http::new();
    let batch = format!(
        r#"[{},{{"jsonrpc":"2.0","id":2,"method":"ping"}},{{"jsonrpc":"2.0","method":"notifications/x"}}]"#,
        call("p_echo")
    );
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let session = Session::open_with(&http, rig.gateway.url(), revision, &json!({})).await;
        assert_eq!(session.revision, revision);
        check(revision, &session.send(batch.clone()).await, 400, -32600, &Value::Null);
    }
    let session = Session::open_with(&http, rig.gateway.url(), "2025-03-26", &json!({})).await;
    let reply = session.send(batch).await;
    let answers = reply.message();
    assert_eq!(answers.as_array().map(Vec::len), Some(2), "{answers}");
    assert_eq!((&answers[0]["id"], &answers[1]["id"]), (&json!("c"), &json!(2)));
    assert_eq!(answers[0]["result"]["content"][0]["text"], "ok");
}

async fn sessions_that_are_missing_unknown_or_ended(front: Front) {
    let rig = rig(front).await;
    let http = Http::new();
    let post = || http.post(rig.gateway.url());
    for message in [call("p_echo"), r#"{"jsonrpc":"2.0","id":"c","method":"tools/list"}"#.to_owned()] {
        refused("no session", post, message.clone(), 400, -32000, json!("c")).await;
        let unknown = || post().header("mcp-session-id", "made-up");
        refused("an unknown session", unknown, message, 404, -32001, json!("c")).await;
    }
    check("GET without session", &http.get(rig.gateway.url()).await, 400, -32000, &Value::Null);
    let ended = Session::open(rig.gateway.url()).await;
    ended.call("p_echo", json!({})).await;
    assert_eq!(ended.end().await, 200);
    for message in [call("p_echo"), r#"{"jsonrpc":"2.0","id":"c","method":"ping"}"#.to_owned()] {
        refused("an ended session", || ended.post(), message, 404, -32001, json!("c")).await;
    }
    assert_eq!(ended.end().await, 404);
    let get = ended.request("GET").header("accept", "text/event-stream").send("").await;
    check("GET of an ended session", &get, 404, -32001, &Value::Null);
    // Two of them are none.
    let two = || rig.session.post().header("mcp-session-id", "x");
    refused("two sessions", two, call("p_echo"), 400, -32000, Value::Null).await;
}

async fn headers_that_are_wrong(front: Front) {
    let rig = rig(front).await;
    let http = Http::new();
    let post = || rig.session.post();
    let with = |name: &'static str, value: &'static str| move || post().replace(name, Some(value));
    let null = Value::Null;
    for (name, value, status) in [
        ("content-type", "text/plain", 415),
        ("content-type", "application/jsonx", 415),
        ("content-type", "application/json; charset=latin1", 415),
        ("content-encoding", "gzip", 415),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("host", "evil.example", 403),
    ] {
        refused(&format!("{name}: {value}"), with(name, value), call("p_echo"), status, -32000, null.clone()).await;
    }
    let unknown = with("mcp-protocol-version", "2099-01-01");
    refused("an unknown version", unknown, call("p_echo"), 400, -32022, json!("c")).await;
    refused("an unknown version, a batch", unknown, format!("[{}]", call("p_echo")), 400, -32022, null.clone()).await;
    refused("no Content-Type", || post().replace("content-type", None), call("p_echo"), 415, -32000, null.clone())
        .await;
    let reply = with("accept", "text/html")().send(call("p_echo")).await;
    assert_eq!(reply.header("content-type"), "application/json");
    check("Accept: text/html", &reply, 406, -32000, &null);
    let reply = rig.session.request("GET").header("accept", "application/json").send("").await;
    check("GET for JSON", &reply, 406, -32000, &null);
    for method in ["PUT", "PATCH", "OPTIONS"] {
        let reply = rig.session.request(method).send("").await;
        check(method, &reply, 405, -32000, &null);
        assert_eq!(reply.header("allow"), "GET, POST, DELETE");
    }
    let operators = if front == Front::Broker { &[][..] } else { &["/status", "/metrics"] };
    for path in [&["/", "/mcp/", "/mcp2", "/resolve", "/table"], operators].concat() {
        let reply = http.post(&rig.gateway.at(path)).send(call("p_echo")).await;
        check(path, &reply, 404, -32000, &null);
        assert_eq!(reply.header("content-type"), "application/json", "{path}");
    }
    let nonsense = raw(rig.gateway.authority(), b"NONSENSE\r\n\r\n").await;
    assert!(nonsense.starts_with("HTTP/1.1 400"), "{nonsense}");
    assert_eq!(rig.server.calls().len(), 0);
    // And these are right.
    for (name, value) in [
        ("accept", None),
        ("accept", Some("*/*")),
        ("accept", Some("application/json;q=0.1, text/event-stream")),
        ("content-type", Some("Application/JSON; charset=utf-8")),
        ("content-encoding", Some("identity")),
        ("origin", Some("http://localhost:6274")),
        ("host", Some("localhost:1")),
        ("mcp-protocol-version", None),
    ] {
        let reply = post().replace(name, value).send(call("p_echo")).await;
        assert_eq!(reply.message()["result"]["content"][0]["text"], "ok", "{name}: {value:?}: {}", reply.text());
    }
}

async fn modern_headers_and_bodies_have_to_agree(front: Front) {
    let rig = rig(front).await;
    let modern = Fake::modern().tool("echo", Exchange::ok).start();
    rig.gateway.configure(&Config::new().at(front).server("a", "p_", &rig.server.url()).server(
        "m",
        "m_",
        &modern.url(),
    ));
    mcp_gateway_tests::until_told("the modern server is ready", async || {
        (rig.gateway.server("m").await["state"] == "ready").then_some(())
    })
    .await;
    let http = Http::new();
    let head = |method: &'static str, name: Option<&'static str>| {
        let post =
            http.post(rig.gateway.url()).header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        match name {
            Some(name) => post.header("mcp-name", name),
            None => post,
        }
    };
    let call = |name: &str, meta: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":"m","method":"tools/call","params":{{"name":"{name}","arguments":{{}}{meta}}}}}"#
        )
    };
    let meta = format!(",{MODERN}");
    let good = head("tools/call", Some("m_echo")).send(call("m_echo", &meta)).await;
    assert_eq!(good.message()["result"]["content"][0]["text"], "ok", "{}", good.text());
    let arrived = modern.calls().pop().unwrap();
    assert_eq!(
        (arrived.header("mcp-name"), arrived.header("mcp-method"), arrived.session()),
        ("echo", "tools/call", "")
    );
    assert_eq!(arrived.text(), call("echo", &meta));
    let encoded = head("tools/call", Some("=?base64?bV9lY2hv?=")).send(call("m_echo", &meta)).await;
    assert_eq!(encoded.status, 200, "{}", encoded.text());

    let old = meta.replace("2026-07-28", "2025-11-25");
    let bare = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
    let sent = modern.calls().len();
    for (what, request, body, code) in [
        ("another name", head("tools/call", Some("m_other")), call("m_echo", &meta), -32020),
        ("broken base64", head("tools/call", Some("=?base64?!?=")), call("m_echo", &meta), -32020),
        ("no name", head("tools/call", None), call("m_echo", &meta), -32020),
        ("another method", head("prompts/get", Some("m_echo")), call("m_echo", &meta), -32020),
        ("another version", head("tools/call", Some("m_echo")), call("m_echo", &old), -32020),
        ("no envelope", head("tools/call", Some("m_echo")), call("m_echo", ""), -32602),
        ("no capabilities", head("tools/call", Some("m_echo")), call("m_echo", bare), -32602),
        ("envelope without header", rig.session.post(), call("m_echo", &meta), -32020),
    ] {
        check(what, &request.send(body).await, 400, code, &json!("m"));
        assert_eq!(modern.calls().len(), sent, "{what}");
    }
    let body = format!(r#"{{"jsonrpc":"2.0","id":"m","method":"no/such","params":{{{MODERN}}}}}"#);
    check("unknown method", &head("no/such", None).send(body).await, 404, -32601, &json!("m"));
    check("unknown tool", &head("tools/call", Some("x")).send(call("x", &meta)).await, 200, -32602, &json!("m"));
    let crossed = head("tools/call", Some("p_echo")).send(call("p_echo", &meta)).await;
    assert_eq!(crossed.message()["result"]["content"][0]["text"], "ok", "{}", crossed.text());
    let batch = format!("[{}]", call("m_echo", &meta));
    check("a batch", &head("tools/call", Some("m_echo")).send(batch).await, 400, -32600, &Value::Null);
    let get = http.request("GET", rig.gateway.url()).header("mcp-protocol-version", "2026-07-28").send("").await;
    check("GET", &get, 405, -32000, &Value::Null);
    assert_eq!(get.header("allow"), "POST");
    // For a legacy client it is a server as any other.
    let answer = rig.session.call("m_echo", json!({})).await;
    assert_eq!(answer["result"]["content"][0]["text"], "ok", "{answer}");
}

async fn bodies_that_have_to_be_held_have_a_limit(front: Front) {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let gateway =
        Config::new().at(front).line("limits: { heldBody: 64KiB }").server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let late = |bytes: usize| {
        let filler = "x".repeat(bytes);
        format!(
            r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{{"arguments":{{"a":"{filler}"}},"name":"p_echo"}}}}"#
        )
    };
    assert_eq!(session.send(late(60_000)).await.message()["result"]["content"][0]["text"], "ok");
    for bytes in [300_000, 3_000_000] {
        let reply = session.send(late(bytes)).await;
        check("a long body", &reply, 413, -32000, &json!("c"));
        let text = reply.message()["error"]["message"].as_str().unwrap().to_owned();
        assert!(text.contains("heldBody"), "{text}");
        let chunks: Vec<_> = late(bytes).as_bytes().chunks(10_000).map(Bytes::copy_from_slice).collect();
        let reply = session.post().send_chunks(stream::iter(chunks)).await;
        check("a long body in chunks", &reply, 413, -32000, &json!("c"));
    }
    // For the broker the same limit holds.
    let filler = "x".repeat(100_000);
    let long = format!(r#"{{"jsonrpc":"2.0","id":"c","method":"completion/complete","params":{{"x":"{filler}"}}}}"#);
    check("a long list request", &session.send(long).await, 413, -32000, &json!("c"));
    // On the fast path a call that names its tool early has none.
    let early = format!(
        r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{{"name":"p_echo","arguments":{{"a":"{}"}}}}}}"#,
        "x".repeat(3_000_000)
    );
    let reply = session.send(early).await;
    if front.has_fast_path(Era::Legacy) {
        assert_eq!(reply.message()["result"]["content"][0]["text"], "ok");
    } else {
        check("a long call", &reply, 413, -32000, &json!("c"));
    }
}

async fn an_answer_is_one_however_its_events_end_and_repeat(front: Front) {
    let server = Fake::legacy()
        .tool("line", async |x| {
            let answer = x.response("{}");
            x.events().bytes(format!("data: {answer}\n"));
        })
        .tool("nothing", async |x| {
            let answer = x.response("{}");
            x.events().bytes(format!("event: message\ndata: {answer}"));
        })
        .tool("half", async |x| {
            x.events().bytes("event: message\ndata: {\"jsonrpc\":\"2.0\",\n");
        })
        .tool("twice", async |x| {
            let answer = x.response("{}");
            x.events().bytes(format!("event: message\ndata: {answer}\n\nevent: message\ndata: {answer}\n\n"));
        })
        .tool("deep", async |x| {
            let nested = format!("{}{}", "[".repeat(600), "]".repeat(600));
            let answer = x.response(&format!(r#"{{"structuredContent":{nested}}}"#));
            x.events().bytes(format!("event: message\ndata: {answer}\n\n"));
        })
        .start();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    for accept in ["application/json, text/event-stream", "text/event-stream", "application/json"] {
        let calls = [
            ("p_line", "result"),
            ("p_nothing", "result"),
            ("p_half", "error"),
            ("p_twice", "result"),
            ("p_deep", "error"),
        ];
        // The last is an event that is marked as none; where there are no events, it is the answer.
        let calls = if accept == "application/json" { &calls[..4] } else { &calls };
        for &(name, member) in calls {
            let reply = session.post().replace("accept", Some(accept)).send(call(name)).await;
            // As a client reads them that goes by the letter.
            let text = reply.text().replace('\r', "");
            let mut events: Vec<&str> = text.split("\n\n").collect();
            if reply.header("content-type") == "text/event-stream" {
                let unended = events.pop().unwrap_or_default();
                assert_eq!(unended.trim(), "", "{name} for {accept}: {text}");
            }
            events.retain(|event| !event.contains("event: void"));
            let data = events.iter().flat_map(|event| event.lines());
            let data = data.filter_map(|line| line.strip_prefix("data: ").or(line.starts_with('{').then_some(line)));
            let messages: Vec<Value> = data.map(|data| serde_json::from_str(data).expect(&text)).collect();
            assert_eq!(messages.len(), 1, "{name} for {accept}: {text}");
            assert!(messages[0].get(member).is_some() && messages[0]["id"] == "c", "{name} for {accept}: {text}");
        }
    }
}

async fn servers_that_fail(front: Front) {
    let server = Fake::legacy()
        .tool("echo", Exchange::ok)
        .tool("html", async |x| x.http(200, "text/html", "<html>secret</html>").await)
        .tool("html500", async |x| x.http(500, "text/html", "<html>secret</html>").await)
        .tool("empty500", async |x| x.http(500, "text/plain", "").await)
        .tool("empty", async |x| x.http(200, "application/json", "").await)
        .tool("json500", async |x| {
            let body =
                format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-9,"message":"the server's own"}}}}"#, x.id());
            x.http(500, "application/json", body).await;
        })
        .tool("nonsense", async |x| x.json("{]").await)
        .tool("another_id", async |x| x.json(r#"{"jsonrpc":"2.0","id":"other","result":{"secret":1}}"#).await)
        .tool("another_id_event", async |x| {
            x.events().message(r#"{"jsonrpc":"2.0","id":"other","result":{"secret":1}}"#);
        })
        .tool("no_event", async |x| drop(x.events()))
        .tool("unauthorized", async |x| x.http(401, "text/plain", "secret").await)
        .tool("cut_events", async |x| {
            let events = x.events();
            events.message(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#);
            events.bytes("event: message\ndata: {\"jsonrpc\":");
            events.cut();
        })
        .tool("cut_json", async |x| {
            let body = x.stream("application/json");
            body.bytes("{\"jsonrpc\":");
            body.cut();
        })
        .tool("batch", async |x| {
            let body = format!(r#" [{{"jsonrpc":"2.0","id":{},"result":{{"secret":1}}}}]"#, x.id());
            x.json(body).await;
        })
        .tool("marked", async |x| {
            let body = format!("\u{feff}{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"secret\":1}}}}", x.id());
            x.json(body).await;
        })
        .tool("forbidden", async |x| x.http(403, "application/json", r#"{"error":"secret"}"#).await)
        .tool("moved", async |x| x.http(307, "text/plain", "secret").await)
        .tool("hangs", async |x| drop(x))
        .tool("busy", async |x| x.too_many("7").await)
        .tool("compressed", async |x| x.ok_with(&[("content-encoding", "gzip")]).await)
        .start();
    let down = Fake::legacy().tool("echo", Exchange::ok).start();
    let gateway = Config::new()
        .at(front)
        .server_with("a", "p_", &server.url(), ", timeout: 3s")
        .server("down", "d_", &down.url())
        .start()
        .await;
    let session = Session::open(gateway.url()).await;
    for (name, says) in [
        ("html", "text/html"),
        ("html500", "500"),
        ("empty500", "500"),
        ("empty", "instead of JSON-RPC"),
        ("nonsense", "without answering"),
        ("another_id", "without answering"),
        ("unauthorized", "401"),
        ("forbidden", "HTTP 403"),
        ("batch", "is a batch"),
        ("marked", "byte order mark"),
        ("moved", "name the address that it leads to"),
        ("hangs", "in time"),
    ] {
        let name = format!("p_{name}");
        let reply = session.send(call(&name)).await;
        check(&name, &reply, 200, -32603, &json!("c"));
        assert_eq!(reply.header("content-type"), "application/json", "{name}");
        let says = if front.has_fast_path(Era::Legacy) { says } else { "Server a" };
        assert!(reply.text().contains(says) && !reply.text().contains("secret"), "{name}: {}", reply.text());
        assert_eq!(reply.header("www-authenticate"), "");
        let events = session.post().replace("accept", Some("text/event-stream")).send(call(&name)).await;
        check(&name, &events, 200, -32603, &json!("c"));
        assert_eq!(events.header("content-type"), "text/event-stream", "{name}");
    }
    let busy = session.send(call("p_busy")).await;
    check("busy", &busy, 200, -32603, &json!("c"));
    assert_eq!(busy.header("retry-after"), "7");
    let compressed = session.send(call("p_compressed")).await;
    check("compressed", &compressed, 200, -32603, &json!("c"));
    assert!(compressed.text().contains("compressed its answer"), "{}", compressed.text());
    for name in ["p_another_id_event", "p_no_event"] {
        let reply = session.send(call(name)).await;
        check(name, &reply, 200, -32603, &json!("c"));
        assert_eq!(reply.header("content-type"), "text/event-stream", "{name}");
    }
    let own = session.send(call("p_json500")).await;
    check("the server's own error", &own, 200, -9, &json!("c"));
    // A body that is cut off cannot be mended: the connection ends as suddenly, and never as if all were there.
    for name in ["p_cut_json", "p_cut_events"] {
        let opened = session.post().open(call(name)).await;
        if let Ok(whole) = opened.whole().await {
            check(name, &whole, 200, -32603, &json!("c"));
        }
    }
    assert_eq!(session.call("d_echo", json!({})).await["result"]["content"][0]["text"], "ok");
    down.stop();
    let reply = session.send(call("d_echo")).await;
    check("a server that is down", &reply, 200, -32603, &json!("c"));
    assert!(reply.text().contains("down"), "{}", reply.text());
    assert_eq!(session.call("p_echo", json!({})).await["result"]["content"][0]["text"], "ok");
    down.restart().await;
    mcp_gateway_tests::until_told("the server is back", async || {
        (session.call("d_echo", json!({})).await["result"]["content"][0]["text"] == "ok").then_some(())
    })
    .await;
}

async fn a_server_has_all_of_its_time(front: Front) {
    let slow = async |x: Exchange| {
        tokio::time::sleep(Duration::from_millis(700)).await;
        x.ok().await;
    };
    let server = Fake::legacy().tool("slow", slow).start();
    let gateway = Config::new().at(front).server_with("a", "p_", &server.url(), ", timeout: 1s").start().await;
    let session = Session::open(gateway.url()).await;
    // Whenever in a second they begin.
    for _ in 0..4 {
        assert_eq!(session.call("p_slow", json!({})).await["result"]["content"][0]["text"], "ok");
    }
}

async fn headers_of_the_gateways_own_do_not_steer(front: Front) {
    let (a, b) = (Fake::legacy().tool("who", Exchange::who).start(), Fake::legacy().tool("who", Exchange::who).start());
    let gateway = Config::new().at(front).server("a", "a_", &a.url()).server("b", "b_", &b.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let steering = [
        ("x-mcp-gateway-cluster", "mcp-broker"),
        ("X-MCP-Gateway-Cluster", "mcp-server-b"),
        ("x-mcp-gateway-key", "guess"),
        ("x-mcp-gateway-server", "b"),
        ("x-mcp-gateway-lost-session", "a session-1"),
        ("x-mcp-gateway-resolved", "1"),
        ("x-mcp-other", "1"),
        ("x-envoy-original-path", "/resolve"),
        ("x-envoy-upstream-rq-timeout-ms", "1"),
        ("x-envoy-retry-on", "5xx"),
        // Nobody compares those of legacy clients with the body.
        ("mcp-name", "b_who"),
        ("mcp-method", "prompts/get"),
        ("mcp-param-a", "b"),
    ];
    let dressed =
        |request: Request| steering.iter().fold(request, |request, (name, value)| request.header(name, value));
    session.call("a_who", json!({})).await;
    let reply = dressed(session.post()).send(call("a_who")).await;
    assert_eq!(reply.message()["result"]["content"][0]["text"], a.authority(), "{}", reply.text());
    let arrived = a.calls().pop().unwrap();
    for (name, _) in steering {
        assert_eq!(arrived.header(name), "", "{name}");
        assert_eq!(reply.header(name), "", "{name}");
    }
    let reply = dressed(session.post()).send(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).await;
    assert_eq!(reply.message()["result"]["tools"].as_array().map(Vec::len), Some(2), "{}", reply.text());
    for path in ["/", "/resolve", "/table", "/healthz", "/mcp/x"] {
        let reply = dressed(session.http.post(&gateway.at(path))).send(call("a_who")).await;
        assert!(matches!(reply.status, 404 | 405), "{path}: {} {}", reply.status, reply.text());
        assert_eq!(reply.message()["jsonrpc"], "2.0");
    }
    assert_eq!((a.calls().len(), b.calls().len()), (2, 0));
    // One session with the server: the client's word that it was lost counts for nothing.
    assert_eq!(a.sessions_of_clients(), 1);
}

async fn an_answer_goes_only_where_its_session_is(front: Front) {
    let (a, b) = (Fake::legacy().tool("who", Exchange::who).start(), Fake::legacy().tool("who", Exchange::who).start());
    let gateway = Config::new().at(front).server("a", "a_", &a.url()).server("b", "b_", &b.url()).start().await;
    let session = Session::open(gateway.url()).await;
    session.call("a_who", json!({})).await;
    for id in ["mcpgw:b:n1", "mcpgw:nobody:n1", "mcpgw:a:n1,2", "mcpgw:a", "1"] {
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": {"forged": true}});
        let reply = session.send(answer.to_string()).await;
        assert_eq!((reply.status, reply.body.len()), (202, 0), "{id}: {}", reply.text());
    }
    // The next answer arrives; those before it did not.
    let reply = session.send(r#"{"jsonrpc":"2.0","id":"mcpgw:a:n99","result":{}}"#).await;
    assert_eq!(reply.status, 202);
    a.answer("99").await;
    let forged = |server: &Fake| server.seen().iter().filter(|r| r.text().contains("forged")).count();
    assert_eq!(forged(&a), 0);
    // What names a server reaches it in the client's own session, if at all.
    for answer in b.seen().iter().filter(|r| r.text().contains("forged")) {
        assert_eq!(answer.id.as_deref(), Some("1"));
        assert!(answer.session().starts_with("session-"), "{answer:?}");
    }
    // A session is needed to answer at all.
    let reply = session.http.post(gateway.url()).send(r#"{"jsonrpc":"2.0","id":"mcpgw:a:n7","result":{}}"#).await;
    check("an answer without session", &reply, 400, -32000, &json!("mcpgw:a:n7"));
    let unknown = session.http.post(gateway.url()).header("mcp-session-id", "made-up");
    let reply = unknown.send(r#"{"jsonrpc":"2.0","id":"mcpgw:a:n7","result":{}}"#).await;
    check("an answer in no session", &reply, 404, -32001, &json!("mcpgw:a:n7"));
}

async fn initialize_that_is_wrong(front: Front) {
    let rig = rig(front).await;
    let http = Http::new();
    let post = || http.post(rig.gateway.url());
    let bad = r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{}}"#;
    refused("no version", post, bad, 200, -32602, json!("i")).await;
    for (asked, settled) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let reply = post().send(initialize(asked, &json!({}))).await;
        assert_eq!(reply.message()["result"]["protocolVersion"], settled);
    }
}
