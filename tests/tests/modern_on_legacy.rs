//! Modern clients and servers that speak only revisions with sessions.

use mcp_gateway_tests::client::{ENVELOPE, Modern};
use mcp_gateway_tests::fake::{Builder, Exchange, Fake};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{Front, at_every_front, until_told};
use serde_json::{Value, json};

at_every_front!(
    a_call_is_made_with_the_bytes_that_the_client_sent,
    questions_and_answers_pass_byte_for_byte,
    a_client_that_leaves_cancels,
);

const FORM: &str =
    r#"{"message":"\u00e9","requestedSchema":{"type":"object","properties":{"n":{"type":"number","default":1.0}}}}"#;
/// Of the questions, raw.
const IDS: [&str; 2] = [r#""q\u00e9""#, "9007199254740993"];
const GIVEN: &str = r#"{"action":"accept","content":{"n":9007199254740993,"f":1.0,"e":1e400,"u":"\u00e9"}}"#;

fn call(id: u8, name: &str, capabilities: &str, more: &str) -> String {
    let envelope = ENVELOPE.replace(r#"clientCapabilities":{}"#, &format!(r#"clientCapabilities":{capabilities}"#));
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{{envelope},"name":"{name}"{more}}}}}"#)
}

fn question(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"elicitation/create","params":{FORM}}}"#)
}

/// What the server was told, as the result of a call.
async fn told(server: &Fake, id: &str) -> String {
    let answer = server.answer(id).await.text().to_owned();
    format!(r#"{{"content":[{{"type":"text","text":{}}}]}}"#, serde_json::to_string(&answer).unwrap())
}

/// Asks on the stream of the call or on that of the session, and gives back what it was told.
fn asking() -> Builder {
    Fake::legacy()
        .tool("ask", async |x| {
            let (server, id) = (x.server.clone(), x.id().to_owned());
            let events = x.events();
            events.message(question(IDS[0]));
            let result = told(&server, IDS[0]).await;
            events.message(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#));
        })
        .tool("get_ask", async |x| {
            assert!(x.server.say(x.request.session(), &question(IDS[1])), "the GET stream is open before the call");
            let result = told(&x.server, IDS[1]).await;
            x.result(result).await;
        })
}

async fn a_call_is_made_with_the_bytes_that_the_client_sent(front: Front) {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let bare = Fake::legacy().tool("bare", Exchange::ok).start();
    let gateway = Config::new().at(front).server("l", "l_", &server.url()).server("b", "", &bare.url()).start().await;
    let client = Modern::new(gateway.url());
    let arguments = r#"{"n":9007199254740993, "f":1.0,"e":1e400,"u":"\u00e9é","z":-0 ,"a":[ ]}"#;
    for (server, name, own) in [(&server, "l_echo", "echo"), (&bare, "bare", "bare")] {
        let reply =
            client.post("tools/call", name).send(call(7, name, "{}", &format!(r#","arguments":{arguments}"#))).await;
        let message = reply.message();
        assert_eq!((reply.status, &message["id"]), (200, &json!(7)), "{message}");
        assert_eq!(message["result"]["resultType"], "complete");
        let arrived = &server.calls()[0];
        assert!(
            arrived.text().ends_with(&format!(r#""params":{{"name":"{own}","arguments":{arguments}}}}}"#)),
            "{}",
            arrived.text()
        );
        assert!(!arrived.session().is_empty());
        assert_eq!((arrived.header("mcp-name"), arrived.header("mcp-method")), ("", ""));
        assert_eq!(arrived.header("mcp-protocol-version"), "2025-11-25");
    }
}

async fn questions_and_answers_pass_byte_for_byte(front: Front) {
    let server = asking().start();
    let config = Config::new().at(front).line("labelElicitations: false");
    let gateway = config.server("l", "l_", &server.url()).start().await;
    let client = Modern::new(gateway.url());
    for (name, question) in ["l_ask", "l_get_ask"].into_iter().zip(IDS) {
        let first = client.post("tools/call", name).send(call(1, name, r#"{"elicitation":{}}"#, "")).await;
        assert!(
            first.text().contains(&format!(r#"{{"method":"elicitation/create","params":{FORM}}}"#)),
            "{}",
            first.text()
        );
        let asked = first.message()["result"].clone();
        assert_eq!(asked["resultType"], "input_required");
        let (key, _) = asked["inputRequests"].as_object().unwrap().iter().next().unwrap();
        let more = format!(r#","inputResponses":{{"{key}":{GIVEN}}},"requestState":{}"#, asked["requestState"]);
        let done = client.post("tools/call", name).send(call(2, name, r#"{"elicitation":{}}"#, &more)).await.message();
        assert_eq!((&done["id"], &done["result"]["resultType"]), (&json!(2), &json!("complete")), "{done}");
        let told: &Value = &done["result"]["content"][0]["text"];
        assert_eq!(told, &json!(format!(r#"{{"jsonrpc":"2.0","id":{question},"result":{GIVEN}}}"#)));
        let again = client.post("tools/call", name).send(call(3, name, r#"{"elicitation":{}}"#, &more)).await.message();
        assert_eq!(again["error"]["code"], -32602, "{again}");
    }
    assert_eq!(server.calls().len(), 2);
}

async fn a_client_that_leaves_cancels(front: Front) {
    let server = Fake::legacy()
        .tool("wait", async |x| {
            let events = x.events();
            events.message(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#);
            events.closed().await;
        })
        .start();
    let gateway = Config::new().at(front).server("l", "l_", &server.url()).start().await;
    let level = r#""io.modelcontextprotocol/logLevel":"info","io.modelcontextprotocol/clientCapabilities":{}"#;
    let body = call(1, "l_wait", "{}", "").replace(r#""io.modelcontextprotocol/clientCapabilities":{}"#, level);
    let mut events = Modern::new(gateway.url()).post("tools/call", "l_wait").open(body).await.events();
    assert_eq!(events.message().await["params"]["data"], 1);
    drop(events);
    server.notified("notifications/cancelled").await;
    until_told("the session has ended", async || (!server.ended().is_empty()).then_some(())).await;
}
