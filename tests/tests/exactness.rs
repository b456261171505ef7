//! What arrives is what was sent, byte for byte: only a name loses its prefix on the way up, and URIs and ids gain what leads
//! back on the way down.

use bytes::Bytes;
use futures::stream;
use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::json;

at_every_front!(
    a_call_arrives_byte_for_byte_without_the_prefix,
    an_escaped_prefix_is_cut_out_too,
    an_answer_comes_back_byte_for_byte,
    a_large_answer_comes_back_byte_for_byte,
    a_name_behind_huge_arguments_is_found,
    a_body_may_come_in_any_pieces,
    the_longest_prefix_wins_and_names_without_one_find_their_server,
    prompts_and_resources_take_the_same_way,
    events_come_one_by_one_as_they_are_sent,
    the_server_sees_its_own_address_and_nothing_of_the_clients_credentials,
    of_the_servers_headers_the_client_sees_what_is_for_it,
);

const ODD: &str =
    r#"{"n":9007199254740993,"f":1.0,"e":1e400,"u":"\u00e9é","z":-0,"nested":{"b":1,"a":[ ]},"dup":{"x":1,"x":2}}"#;

async fn rig(front: Front, server: &Fake) -> (Gateway, Session) {
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    (gateway, session)
}

fn echo() -> Fake {
    Fake::legacy().tool("echo", Exchange::ok).tool("é", Exchange::ok).start()
}

async fn a_call_arrives_byte_for_byte_without_the_prefix(front: Front) {
    let server = echo();
    let (_gateway, session) = rig(front, &server).await;
    // Each with the bytes that are to arrive; `p_` goes, nothing else changes.
    let cases = [
        (
            format!(
                r#"{{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{{"name":"p_echo","arguments":{ODD}}}}}"#
            ),
            format!(
                r#"{{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{{"name":"echo","arguments":{ODD}}}}}"#
            ),
        ),
        (
            format!(
                " {{\r\n\t\"id\" : \"\\u00e9\" ,\"unknown\":[1e400],\n\"params\":{{\"_meta\":{{\"vendor/x\":1.0}},\"arguments\" :{ODD},\"name\"\t: \"p_echo\",\"more\":null}},\"method\":\"tools/call\",\"jsonrpc\":\"2.0\"}}\n "
            ),
            format!(
                " {{\r\n\t\"id\" : \"\\u00e9\" ,\"unknown\":[1e400],\n\"params\":{{\"_meta\":{{\"vendor/x\":1.0}},\"arguments\" :{ODD},\"name\"\t: \"echo\",\"more\":null}},\"method\":\"tools/call\",\"jsonrpc\":\"2.0\"}}\n "
            ),
        ),
        // Only the prefix is cut out; what is escaped behind it stays escaped.
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"p_\u0065cho"}}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\u0065cho"}}"#.to_owned(),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"p_é"}}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"é"}}"#.to_owned(),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"p_echo"}}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"echo"}}"#.to_owned(),
        ),
    ];
    for (sent, expected) in cases {
        let reply = session.send(sent.clone()).await;
        assert!(reply.text().contains(r#""text":"ok""#), "{sent}: {}", reply.text());
        let arrived = server.calls().pop().unwrap();
        assert_eq!(arrived.text(), expected);
        assert_eq!(arrived.header("content-length"), expected.len().to_string());
    }
}

async fn an_escaped_prefix_is_cut_out_too(front: Front) {
    let server = echo();
    let (_gateway, session) = rig(front, &server).await;
    let sent = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\u0070\u005fecho","arguments":{}}}"#;
    assert!(session.send(sent).await.text().contains(r#""text":"ok""#));
    // The length was announced before the escapes were seen: spaces behind the name make up for them.
    let arrived = server.calls().pop().unwrap();
    let trimmed: String = arrived.text().split("\"echo\"").map(str::trim).collect::<Vec<_>>().join("\"echo\"");
    assert_eq!(trimmed, sent.replace(r"\u0070\u005f", ""));
    assert_eq!(arrived.header("content-length"), arrived.body.len().to_string());
}

async fn an_answer_comes_back_byte_for_byte(front: Front) {
    let whole = format!(
        " {{\"result\" : {{\"content\":[],\"structuredContent\":{ODD},\"x\":1.0}},\n \"id\":7 ,\"jsonrpc\":\"2.0\", \"extra\":1e400}} "
    );
    let odd = whole.clone();
    let server = Fake::legacy()
        .tool("json", move |x| {
            let odd = odd.clone();
            async move { x.json(odd).await }
        })
        .tool("fails", async |x| {
            let body =
                format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-5,"message":"own","data":{ODD}}}}}"#, x.id());
            x.json(body).await;
        })
        .start();
    let (_gateway, session) = rig(front, &server).await;
    let call =
        |name: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"p_{name}"}}}}"#);
    let reply = session.send(call("json")).await;
    assert_eq!((reply.status, reply.header("content-type"), reply.text()), (200, "application/json", whole.as_str()));
    let reply = session.send(call("fails")).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains(ODD), "{}", reply.text());
}

async fn a_large_answer_comes_back_byte_for_byte(front: Front) {
    let server = Fake::legacy()
        .tool("large", async |x| {
            let text = "x\\u00e9".repeat(1_000_000);
            let body = x.response(&format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#));
            x.json(body).await;
        })
        .start();
    let (_gateway, session) = rig(front, &server).await;
    let reply = session.send(r#"{"jsonrpc":"2.0","id":"l","method":"tools/call","params":{"name":"p_large"}}"#).await;
    let text = "x\\u00e9".repeat(1_000_000);
    let expected =
        format!(r#"{{"jsonrpc":"2.0","id":"l","result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#);
    assert!(reply.text() == expected, "{} bytes of {}", reply.body.len(), expected.len());
}

async fn a_name_behind_huge_arguments_is_found(front: Front) {
    let server = echo();
    let (_gateway, session) = rig(front, &server).await;
    let message = |name: &str| {
        let huge = "y\\n".repeat(170_000);
        format!(
            r#"{{"params":{{"arguments":{{"a":"{huge}"}},"name":"{name}"}},"id":1,"jsonrpc":"2.0","method":"tools/call"}}"#
        )
    };
    let sent = message("p_echo");
    assert!(sent.len() > 500_000);
    let reply = session.send(sent).await;
    assert!(reply.text().contains(r#""text":"ok""#), "{}", reply.text());
    assert!(server.calls().pop().unwrap().text() == message("echo"));
}

async fn a_body_may_come_in_any_pieces(front: Front) {
    let server = echo();
    let (_gateway, session) = rig(front, &server).await;
    let message = |name: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{ODD}}}}}"#)
    };
    let sent = message("p_echo");
    for size in [1, 2, 7, 64] {
        let chunks: Vec<_> = sent.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        // Each is sent on its own.
        let chunks = stream::unfold(chunks.into_iter(), async |mut chunks| {
            tokio::task::yield_now().await;
            Some((chunks.next()?, chunks))
        });
        let reply = session.post().send_chunks(chunks).await;
        assert!(reply.text().contains(r#""text":"ok""#), "pieces of {size}: {}", reply.text());
        assert_eq!(server.calls().pop().unwrap().text(), message("echo"), "pieces of {size}");
    }
}

async fn the_longest_prefix_wins_and_names_without_one_find_their_server(front: Front) {
    let servers: Vec<_> = (0..4)
        .map(|_| Fake::legacy().tool("t", Exchange::who).tool("b_t", Exchange::who))
        .map(mcp_gateway_tests::fake::Builder::start)
        .collect();
    let plain = Fake::legacy().tool("plain", Exchange::who).tool("a", Exchange::who).start();
    let other = Fake::legacy().tool("other", Exchange::who).start();
    let gateway = Config::new()
        .at(front)
        .server("one", "a-", &servers[0].url())
        .server("two", "a-b-", &servers[1].url())
        .server("three", "ab", &servers[2].url())
        .server("plain", "", &plain.url())
        .server("other", "", &other.url())
        .start()
        .await;
    let session = Session::open(gateway.url()).await;
    for (name, server, own) in [
        ("a-t", &servers[0], "t"),
        ("a-b-t", &servers[1], "t"),
        ("a-b-b_t", &servers[1], "b_t"),
        ("abt", &servers[2], "t"),
        ("plain", &plain, "plain"),
        ("a", &plain, "a"),
        ("other", &other, "other"),
    ] {
        let answer = session.call(name, json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], server.authority(), "{name}: {answer}");
        assert_eq!(server.calls().pop().unwrap().target.as_deref(), Some(own), "{name}");
    }
}

async fn prompts_and_resources_take_the_same_way(front: Front) {
    let server = Fake::legacy()
        .prompt("greet", async |x| {
            let link = r#"{"type":"resource","resource":{"uri":"file:///b","text":"t"}}"#;
            x.result(format!(r#"{{"messages":[{{"role":"user","content":{link}}}]}}"#)).await;
        })
        .resource("file:///a?x=1", async |x| {
            x.result(r#"{"contents":[{"uri":"file:///a?x=1","text":"file:///a"}]}"#).await;
        })
        .start();
    let (_gateway, session) = rig(front, &server).await;
    let answer = session.ask("prompts/get", json!({"name": "p_greet"})).await;
    assert_eq!(answer["result"]["messages"][0]["content"]["resource"]["uri"], "p+file:///b", "{answer}");
    let listed = session.ask("resources/list", json!({})).await;
    assert_eq!(listed["result"]["resources"][0]["uri"], "p+file:///a?x=1");
    let answer = session.ask("resources/read", json!({"uri": "p+file:///a?x=1"})).await;
    let contents = &answer["result"]["contents"][0];
    assert_eq!((&contents["uri"], &contents["text"]), (&json!("p+file:///a?x=1"), &json!("file:///a")), "{answer}");
    let read = server.all("resources/read").pop().unwrap();
    assert!(read.text().contains(r#""uri":"file:///a?x=1""#), "{}", read.text());
    let answer = session.ask("resources/read", json!({"uri": "p+file:///missing"})).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

async fn events_come_one_by_one_as_they_are_sent(front: Front) {
    let (go, gone) = tokio::sync::mpsc::unbounded_channel::<()>();
    let gone = std::sync::Arc::new(tokio::sync::Mutex::new(gone));
    let server = Fake::legacy()
        .tool("events", move |x| {
            let gone = gone.clone();
            async move {
                let result = r#"{"content":[{"type":"resource_link","uri":"file:///r","name":"r"}],"n":9007199254740993}"#;
                let last = x.response(result);
                let events = x.events();
                events.bytes(": priming\nid: 1\ndata:\n\n");
                for n in 0..5 {
                    gone.lock().await.recv().await;
                    events.message(format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","data":{n}.0}}}}"#));
                }
                gone.lock().await.recv().await;
                events.message(r#"{"jsonrpc":"2.0","id":41,"method":"roots/list"}"#);
                gone.lock().await.recv().await;
                events.message(last);
            }
        })
        .start();
    let (_gateway, session) = rig(front, &server).await;
    let mut events = session.call_events("p_events").await;
    for n in 0..5 {
        go.send(()).unwrap();
        let data = events.data().await.unwrap();
        assert_eq!(
            data,
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","data":{n}.0}}}}"#)
        );
    }
    go.send(()).unwrap();
    assert_eq!(events.data().await.unwrap(), r#"{"jsonrpc":"2.0","id":"mcpgw:a:n41","method":"roots/list"}"#);
    go.send(()).unwrap();
    let last = events.data().await.unwrap();
    assert!(last.contains(r#""uri":"p+file:///r""#) && last.contains("9007199254740993"), "{last}");
    assert_eq!(events.data().await, None);
}

async fn the_server_sees_its_own_address_and_nothing_of_the_clients_credentials(front: Front) {
    let server = Fake::legacy().tool("echo", Exchange::ok).settles("2025-03-26").start();
    let url = format!("{}?tenant=x&y=%20", server.url());
    let gateway = Config::new()
        .at(front)
        .server_with("a", "p_", &url, ", headers: { Authorization: Bearer own, X-Own: 'yes' }")
        .start()
        .await;
    let session = Session::open(gateway.url()).await;
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"p_echo"}}"#;
    let reply = session
        .post()
        .replace("accept", Some("*/*"))
        .header("authorization", "Bearer client")
        .header("cookie", "a=b")
        .header("origin", "http://localhost:1234")
        .header("accept-encoding", "gzip")
        .header("traceparent", "00-11111111111111111111111111111111-2222222222222222-01")
        .send(message)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let arrived = server.calls().pop().unwrap();
    assert_eq!(arrived.path, "/mcp?tenant=x&y=%20");
    for (name, value) in [
        ("host", server.authority().as_str()),
        ("authorization", "Bearer own"),
        ("x-own", "yes"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2025-03-26"),
        ("traceparent", "00-11111111111111111111111111111111-2222222222222222-01"),
        ("cookie", ""),
        ("origin", ""),
        ("accept-encoding", ""),
    ] {
        assert_eq!(arrived.header(name), value, "{name}");
    }
    assert!(arrived.session().starts_with("session-"), "{:?}", arrived.headers);
    let foreign =
        |name: &&http::HeaderName| name.as_str().starts_with("x-mcp-") || name.as_str().starts_with("x-envoy-");
    assert_eq!(arrived.headers.keys().find(foreign), None);
}

async fn of_the_servers_headers_the_client_sees_what_is_for_it(front: Front) {
    const HEADERS: [(&str, &str); 7] = [
        ("mcp-session-id", "the-servers-own"),
        ("set-cookie", "a=b"),
        ("www-authenticate", "Bearer"),
        ("server", "secret/1.0"),
        ("x-mcp-gateway-resolved", "1"),
        ("x-own", "kept"),
        ("cache-control", "no-store"),
    ];
    let server = Fake::legacy()
        .tool("dressed", async |x| x.ok_with(&HEADERS).await)
        .tool("packed", async |x| x.ok_with(&[("content-encoding", "gzip")]).await)
        .start();
    let (_gateway, session) = rig(front, &server).await;
    let call = |name| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"p_{name}"}}}}"#);
    let reply = session.send(call("dressed")).await;
    for (name, value) in HEADERS {
        let passes = ["x-own", "cache-control"].contains(&name) && front.has_fast_path(Era::Legacy);
        let expected = if passes { value } else { "" };
        assert_eq!(reply.header(name), expected, "{name}");
    }
    let reply = session.send(call("packed")).await;
    if front.has_fast_path(Era::Legacy) {
        assert_eq!(reply.message()["error"]["code"], -32603, "{}", reply.text());
    }
    assert_eq!(reply.header("content-encoding"), "");
}
