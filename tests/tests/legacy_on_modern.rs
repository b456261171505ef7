//! Legacy clients and a server that speaks only 2026-07-28.

use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::fake::{Builder, Exchange, Fake};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::{Value, json};

at_every_front!(
    a_call_is_made_with_the_bytes_that_the_client_sent,
    questions_are_asked_and_answered_byte_for_byte,
    only_questions_without_an_answer_are_withdrawn,
    only_cancelling_ends_what_the_server_does,
    what_is_no_answer_is_told_in_the_gateways_words,
    an_answer_that_is_nested_too_deep_is_refused_once,
);

const ASKED: &str = concat!(
    r#"{"resultType":"input_required","requestState":"s\u00e9","inputRequests":{"#,
    r#""k\u00e9y":{"method":"elicitation/create","params":{"message":"\u00e9","#,
    r#""requestedSchema":{"type":"object","properties":{"n":{"type":"number","default":1.0}}}}},"#,
    r#""llm":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":10}},"#,
    r#""roots":{"method":"roots/list"}}}"#
);

/// Asks first, and gives back what it was told.
fn asking() -> Builder {
    Fake::modern().tool("ask", async |x| {
        let told = x.request.text().to_owned();
        if told.contains("inputResponses") {
            let text = serde_json::to_string(&told).unwrap();
            x.result(format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":{text}}}]}}"#)).await;
        } else {
            x.result(ASKED).await;
        }
    })
}

async fn a_call_is_made_with_the_bytes_that_the_client_sent(front: Front) {
    let server = Fake::modern().tool("echo", Exchange::ok).start();
    let (prefixed, bare) = (server.url(), Fake::modern().tool("bare", Exchange::ok).start());
    let gateway = Config::new().at(front).server("m", "m_", &prefixed).server("b", "", &bare.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let arguments = r#"{"n":9007199254740993, "f":1.0,"e":1e400,"u":"\u00e9é","z":-0 ,"a":[ ]}"#;
    for (server, name, own) in [(&server, r"\u006d_echo", "echo"), (&bare, "bare", "bare")] {
        let call = format!(
            r#" {{"id":"\u00e9", "jsonrpc":"2.0","method":"tools/call","params":{{"arguments":{arguments},"_meta":{{"traceparent":"t"}},"name":"{name}"}}}}"#
        );
        let reply = session.send(call).await;
        assert_eq!(reply.status, 200);
        let message = reply.message();
        assert_eq!(
            (&message["id"], &message["result"]["content"][0]["text"]),
            (&json!("é"), &json!("ok")),
            "{message}"
        );
        let arrived = &server.calls()[0];
        assert!(
            arrived.text().contains(&format!(r#""params":{{"arguments":{arguments},"_meta":{{"traceparent":"t","#))
        );
        assert!(arrived.text().ends_with(&format!(r#""name":"{own}"}}}}"#)), "{}", arrived.text());
        assert_eq!((arrived.header("mcp-name"), arrived.header("mcp-method")), (own, "tools/call"));
        assert_eq!((arrived.header("mcp-protocol-version"), arrived.session()), ("2026-07-28", ""));
    }
}

async fn questions_are_asked_and_answered_byte_for_byte(front: Front) {
    let server = asking().start();
    let gateway = Config::new().at(front).server("m", "m_", &server.url()).start().await;
    let session = Session::able(gateway.url()).await;
    let mut events = session.call_events("m_ask").await;
    let answers = [
        ("elicitation/create", r#"{"action":"accept","content":{"n":1.0,"big":9007199254740993,"u":"\u00e9"}}"#),
        (
            "sampling/createMessage",
            r#"{"role":"assistant","content":{"type":"text","text":"!"},"model":"m","x":1e400}"#,
        ),
        ("roots/list", r#"{"roots":[ ]}"#),
    ];
    for (method, answer) in answers {
        let asked = events.data().await.unwrap();
        let question: Value = serde_json::from_str(&asked).unwrap();
        assert_eq!(question["method"], method);
        let id = &question["id"];
        let reply = session.send(format!(r#"{{"result":{answer},"id":{id},"jsonrpc":"2.0"}}"#)).await;
        assert_eq!((reply.status, reply.body.len()), (202, 0), "{}", reply.text());
    }
    let last = events.find(|message| message.get("result").is_some()).await;
    let told = last["result"]["content"][0]["text"].as_str().unwrap();
    let [elicited, sampled, roots] = answers.map(|(_, answer)| answer);
    let expected = format!(
        r#","inputResponses":{{"kéy":{elicited},"llm":{sampled},"roots":{roots}}},"requestState":"s\u00e9"}}}}"#
    );
    assert!(told.ends_with(&expected), "{told}");
    assert_eq!(server.calls().len(), 2);
}

async fn only_questions_without_an_answer_are_withdrawn(front: Front) {
    let server = asking().start();
    let config = Config::new().at(front).line("limits: { input: 4s }");
    let gateway = config.server("m", "m_", &server.url()).start().await;
    let session = Session::able(gateway.url()).await;
    let mut events = session.call_events("m_ask").await;
    let mut unanswered = json!(null);
    for answer in [r#"{"action":"decline"}"#, r#"{"role":"assistant","content":[],"model":"m"}"#, ""] {
        unanswered = events.message().await["id"].clone();
        if !answer.is_empty() {
            session.send(format!(r#"{{"jsonrpc":"2.0","id":{unanswered},"result":{answer}}}"#)).await;
        }
    }
    let withdrawn = events.message().await;
    assert_eq!(withdrawn["method"], "notifications/cancelled", "{withdrawn}");
    assert_eq!(withdrawn["params"]["requestId"], unanswered);
    let refused = events.message().await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("did not answer within 4 s"), "{refused}");
    assert_eq!(server.calls().len(), 1);
}

async fn only_cancelling_ends_what_the_server_does(front: Front) {
    let server = Fake::modern()
        .tool("waits", async |x| {
            let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"d"}}"#;
            let (server, events) = (x.server.clone(), x.events());
            events.message(log);
            events.closed().await;
            server.set_tools(&["closed"]);
        })
        .start();
    let gateway = Config::new().at(front).server("m", "m_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let call =
        |id: &str| format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"name":"m_waits"}}}}"#);
    let mut left = session.post().open(call("left")).await.events();
    left.message().await;
    drop(left);
    let mut events = session.post().open(call("stays")).await.events();
    events.message().await;
    assert_eq!(server.calls().len(), 2);
    assert!(!session.tools().await.contains(&"m_closed".to_owned()), "leaving cancels nothing");
    let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"stays"}}"#;
    assert_eq!(session.send(cancelled).await.status, 202);
    mcp_gateway_tests::until_told("the server's stream is closed", async || {
        session.tools().await.contains(&"m_closed".to_owned()).then_some(())
    })
    .await;
}

async fn what_is_no_answer_is_told_in_the_gateways_words(front: Front) {
    let server = Fake::modern()
        .tool("oauth", async |x| x.http(401, "application/json", r#"{"error":"secret"}"#).await)
        .tool("rest", async |x| {
            x.http(403, "application/json", r#"{"error":{"code":403,"message":"secret"}}"#).await;
        })
        .tool("rpc", async |x| {
            let refusal = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-9,"message":"its own"}}"#;
            x.http(400, "application/json", refusal).await;
        })
        .start();
    let gateway = Config::new().at(front).server("m", "m_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    for (tool, code, says) in [("oauth", -32603, "401"), ("rest", -32603, "403"), ("rpc", -9, "its own")] {
        let answer = session.call(&format!("m_{tool}"), json!({})).await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says) && !message.contains("secret"), "{answer}");
        assert_eq!(answer["jsonrpc"], "2.0");
    }
}

async fn an_answer_that_is_nested_too_deep_is_refused_once(front: Front) {
    fn nested() -> String {
        let (open, close) = ("[".repeat(600), "]".repeat(600));
        format!(r#"{{"resultType":"complete","content":[],"structuredContent":{{"a":{open}{close}}}}}"#)
    }
    let server = Fake::modern()
        .tool("deep", async |x| x.result(nested()).await)
        .tool("deep_event", async |x| {
            let answer = x.response(&nested());
            x.events().message(answer);
        })
        .start();
    let gateway = Config::new().at(front).server("m", "m_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    for tool in ["m_deep", "m_deep_event"] {
        let mut events = session.call_events(tool).await;
        let mut answers = Vec::new();
        while let Some(answer) = events.data().await {
            answers.push(answer);
        }
        let [answer] = &answers[..] else { panic!("{tool}: {answers:?}") };
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert!(answer["error"]["message"].as_str().unwrap().contains("nested more than 512 deep"), "{answer}");
    }
}
