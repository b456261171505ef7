//! What a server made itself goes back to it as it made it, wherever it stands in a client's message and however that comes in.

use bytes::Bytes;
use mcp_gateway_tests::client::{Modern, Session};
use mcp_gateway_tests::fake::{Exchange, Fake, Recorded};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::{Value, json};

at_every_front!(links_in_a_legacy_clients_sample, links_in_a_modern_clients_responses, a_related_task_at_the_end);

const ASK: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}"#;
const RELATED: &str = "io.modelcontextprotocol/related-task";

async fn over(front: Front, server: &Fake) -> Gateway {
    Config::new().at(front).server("one", "one_", &server.url()).server("two", "two_", &server.url()).start().await
}

/// A tool that asks for a sample.
fn server() -> Fake {
    let asks = async |x: Exchange| {
        let (server, id) = (x.server.clone(), x.id().to_owned());
        let events = x.events();
        events.message(ASK);
        server.answer("7").await;
        events.message(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#));
    };
    Fake::legacy().tool("ask", asks).start()
}

/// A result of a model that repeats what a tool gave; long enough to come in many pieces.
fn sample(link: &str) -> Value {
    let many: Vec<_> = (0..400)
        .map(|n| json!({"type": "resource_link", "uri": format!("{link}{n}/{}", "é/".repeat(n)), "name": "one+file:///"}))
        .collect();
    let result =
        json!({"type": "tool_result", "toolUseId": "u", "content": many, "structuredContent": {"uri": "one+x:"}});
    json!({"role": "assistant", "content": [{"type": "text", "text": "one+file:///"}, result], "model": "m"})
}

/// A message in pieces, of sizes that cut it anywhere.
fn pieces(message: String) -> impl futures::Stream<Item = Bytes> + Send + 'static {
    let mut rest = Bytes::from(message);
    let sizes = [1usize, 7, 4096, 63, 9001].into_iter().cycle();
    futures::stream::iter(sizes.map_while(move |size| {
        let piece = rest.split_to(size.min(rest.len()));
        (!piece.is_empty()).then_some(piece)
    }))
}

async fn links_in_a_legacy_clients_sample(front: Front) {
    let server = server();
    let gateway = over(front, &server).await;
    for chunked in [false, true] {
        let session = Session::able(gateway.url()).await;
        let mut events = session.call_events("one_ask").await;
        let id = events.method("sampling/createMessage").await["id"].clone();
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": sample("one+file:///")}).to_string();
        let reply = match chunked {
            true => session.post().send_chunks(pieces(answer)).await,
            false => session.send(answer).await,
        };
        assert_eq!(reply.status, 202, "{}", reply.text());
        let got = server.answer("7").await;
        assert_eq!(message_of(&got)["result"], sample("file:///"), "chunked: {chunked}");
        events.find(|message| message.get("result").is_some()).await;
    }
}

async fn links_in_a_modern_clients_responses(front: Front) {
    let server = Fake::modern().tool("take", async |x| x.result(r#"{"content":[]}"#).await).start();
    let gateway = over(front, &server).await;
    let modern = Modern::new(gateway.url());
    let responses = |link: &str| json!({"k": sample(link), "form": {"action": "accept", "content": {"uri": "one+x:"}}});
    let rest = Modern::message("tools/call", json!({"inputResponses": responses("ONE+file:///")}));
    // What stands before the name is edited with it, what stands behind it as it comes.
    let name = r#""name":"one_take""#;
    let first = rest.replacen(r#""params":{"#, &format!(r#""params":{{{name},"#), 1);
    let last = format!("{},{name}}}}}", rest.strip_suffix("}}").unwrap());
    for message in [first, last] {
        for chunked in [false, true] {
            let post = modern.post("tools/call", "one_take");
            let reply = match chunked {
                true => post.send_chunks(pieces(message.clone())).await,
                false => post.send(message.clone()).await,
            };
            assert_eq!(reply.status, 200, "{}", reply.text());
            let got = server.calls().pop().unwrap();
            assert_eq!(message_of(&got)["params"]["inputResponses"], responses("file:///"), "chunked: {chunked}");
            assert_eq!(message_of(&got)["params"]["name"], "take");
        }
    }
}

async fn a_related_task_at_the_end(front: Front) {
    let server = server();
    let gateway = over(front, &server).await;
    let session = Session::able(gateway.url()).await;
    let mut events = session.call_events("one_ask").await;
    let id = events.method("sampling/createMessage").await["id"].clone();
    let (text, meta) =
        ("x".repeat(100_000), r#""_meta":{"io.modelcontextprotocol/related-task":{"taskId":"mcpgw:one:s\u00e9"}}"#);
    let answer =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":{{"type":"text","text":"{text}"}},{meta}}}}}"#);
    assert_eq!(session.post().send_chunks(pieces(answer)).await.status, 202);
    let got = server.answer("7").await;
    assert_eq!(message_of(&got)["result"]["_meta"][RELATED]["taskId"], "é");
    assert_eq!(message_of(&got)["result"]["content"]["text"], text);
    events.find(|message| message.get("result").is_some()).await;
}

fn message_of(got: &Recorded) -> Value {
    serde_json::from_str(got.text()).unwrap()
}
