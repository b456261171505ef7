//! What servers ask and tell clients, in the answer to a call and on the GET stream, and what clients say to it.

use mcp_gateway_tests::client::{Events, Session};
use mcp_gateway_tests::fake::{Builder, Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::{Value, json};

at_every_front!(
    questions_in_the_answer_to_a_call,
    questions_on_the_get_stream,
    servers_that_ask_with_the_same_id_each_get_their_answer,
    progress_and_log_messages_come_as_they_are_sent,
    notifications_of_the_client_reach_the_server_that_runs_the_call,
    a_client_that_reads_only_json_is_not_asked,
    servers_know_what_their_client_can_do,
);

const FORM: &str = r#"{"message":"Which colour?","requestedSchema":{"type":"object","properties":{"n":{"type":"number","default":1.0}}}}"#;
const SAMPLE: &str =
    r#"{"messages":[{"role":"user","content":{"type":"text","text":"9007199254740993"}}],"maxTokens":10}"#;

/// What a server asks: tool, raw id, method, params.
const QUESTIONS: [(&str, &str, &str, &str); 5] = [
    ("elicit", "5", "elicitation/create", FORM),
    ("sample", r#""s\u00e9-1""#, "sampling/createMessage", SAMPLE),
    ("roots", "-1", "roots/list", "{}"),
    ("big", "9007199254740993", "elicitation/create", FORM),
    ("ping", r#""""#, "ping", "{}"),
];

fn question(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

/// Answers a call with what the client said to the question, byte for byte.
fn repeat(x: &Exchange, answer: &str) -> String {
    let text = serde_json::to_string(answer).unwrap();
    x.response(&format!(r#"{{"content":[{{"type":"text","text":{text}}}]}}"#))
}

/// With a tool for each question, that asks in its own answer, and one that asks on the GET stream.
fn asking() -> Builder {
    QUESTIONS.into_iter().fold(Fake::legacy(), |server, (tool, id, method, params)| {
        let asks = move |x: Exchange| async move {
            let (server, x_id) = (x.server.clone(), x.id().to_owned());
            let events = x.events();
            events.message(question(id, method, params));
            let answer = server.answer(id).await.text().to_owned();
            let text = serde_json::to_string(&answer).unwrap();
            let result = format!(r#"{{"content":[{{"type":"text","text":{text}}}]}}"#);
            events.message(format!(r#"{{"jsonrpc":"2.0","id":{x_id},"result":{result}}}"#));
        };
        let asks_on_get = move |x: Exchange| async move {
            assert!(x.server.say(x.request.session(), &question(id, method, params)), "the GET stream is open");
            let answer = x.server.answer(id).await.text().to_owned();
            let message = repeat(&x, &answer);
            x.json(message).await;
        };
        server.tool(tool, asks).tool(&format!("get_{tool}"), asks_on_get)
    })
}

async fn rig(front: Front, server: &Fake) -> (Gateway, Session) {
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let session = Session::able(gateway.url()).await;
    (gateway, session)
}

/// What a client says: a result, or an error.
fn outcomes() -> [&'static str; 2] {
    [
        r#""result": {"action":"accept","content":{"n":1.0,"big":9007199254740993,"u":"\u00e9"}}"#,
        r#""error":{"code":-1,"message":"User rejected","data":1e400}"#,
    ]
}

async fn said(events: &mut Events) -> String {
    let last = events.find(|message| message.get("result").is_some()).await;
    last["result"]["content"][0]["text"].as_str().unwrap().to_owned()
}

async fn questions_in_the_answer_to_a_call(front: Front) {
    for outcome in outcomes() {
        let server = asking().start();
        let (_gateway, session) = rig(front, &server).await;
        for (tool, id, method, params) in QUESTIONS {
            let mut events = session.call_events(&format!("p_{tool}")).await;
            let asked = events.data().await.unwrap();
            let tagged: Value = serde_json::from_str::<Value>(&asked).unwrap()["id"].clone();
            // Only the id is another one.
            assert_eq!(asked, question(&tagged.to_string(), method, params).replace(&tagged.to_string(), tag(&asked)));
            let answer = |id: &str| format!(" {{\"id\":{id},\t{outcome} , \"jsonrpc\":\"2.0\"}}");
            let reply = session.send(answer(tag(&asked))).await;
            assert_eq!((reply.status, reply.body.len()), (202, 0), "{tool}: {}", reply.text());
            assert_eq!(said(&mut events).await, answer(id), "{tool}");
        }
        // All in the one session that the client has with the server.
        assert_eq!(server.sessions_of_clients(), 1);
    }
}

/// The raw id in a question.
fn tag(asked: &str) -> &str {
    let start = asked.find(r#""id":"#).unwrap() + 5;
    let end = asked[start..].find(r#","method""#).unwrap();
    &asked[start..start + end]
}

async fn questions_on_the_get_stream(front: Front) {
    for outcome in outcomes() {
        let server = asking().start();
        let (_gateway, session) = rig(front, &server).await;
        let mut stream = session.listen().await;
        for (tool, id, method, params) in QUESTIONS {
            let name = format!("p_get_{tool}");
            let calling = session.call(&name, json!({}));
            let answering = async {
                let asked = loop {
                    let data = stream.data().await.unwrap();
                    if data.contains(r#""id""#) {
                        break data;
                    }
                };
                assert_eq!(asked, question(tag(&asked), method, params));
                let reply = session.send(format!(r#"{{"jsonrpc":"2.0","id":{},{outcome}}}"#, tag(&asked))).await;
                assert_eq!(reply.status, 202, "{tool}: {}", reply.text());
            };
            let (answer, ()) = tokio::join!(calling, answering);
            let expected = format!(r#"{{"jsonrpc":"2.0","id":{id},{outcome}}}"#);
            assert_eq!(answer["result"]["content"][0]["text"], expected, "{tool}: {answer}");
        }
    }
}

async fn servers_that_ask_with_the_same_id_each_get_their_answer(front: Front) {
    let (a, b) = (asking().start(), asking().start());
    let gateway = Config::new().at(front).server("a", "a_", &a.url()).server("b", "b_", &b.url()).start().await;
    let session = Session::able(gateway.url()).await;
    let (mut of_a, mut of_b) = (session.call_events("a_elicit").await, session.call_events("b_elicit").await);
    let (asked_a, asked_b) = (of_a.data().await.unwrap(), of_b.data().await.unwrap());
    assert_ne!(tag(&asked_a), tag(&asked_b));
    for (asked, who) in [(&asked_b, "b"), (&asked_a, "a")] {
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"who":"{who}"}}}}"#, tag(asked));
        assert_eq!(session.send(answer).await.status, 202);
    }
    assert!(said(&mut of_a).await.contains(r#""who":"a""#));
    assert!(said(&mut of_b).await.contains(r#""who":"b""#));
}

async fn progress_and_log_messages_come_as_they_are_sent(front: Front) {
    const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1.0,"total":3}}"#;
    const LOG: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"l","data":{"n":1e400}}}"#;
    const UPDATED: &str =
        r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///r"}}"#;
    let server = Fake::legacy()
        .tool("tells", async |x| {
            let last = x.response(r#"{"content":[]}"#);
            let (server, session) = (x.server.clone(), x.request.session().to_owned());
            let events = x.events();
            events.message(PROGRESS);
            events.message(LOG);
            for message in [LOG, UPDATED, PROGRESS] {
                assert!(server.say(&session, message), "the GET stream is open");
            }
            events.message(last);
        })
        .start();
    let (_gateway, session) = rig(front, &server).await;
    let mut stream = session.listen().await;
    let mut events = session.call_events("p_tells").await;
    assert_eq!(events.data().await.as_deref(), Some(PROGRESS));
    assert_eq!(events.data().await.as_deref(), Some(LOG));
    assert!(events.message().await.get("result").is_some());
    let mut told = Vec::new();
    while told.len() < 3 {
        let data = stream.data().await.unwrap();
        if !data.contains("list_changed") {
            told.push(data);
        }
    }
    assert_eq!(told, [LOG, &UPDATED.replace("file:///r", "p+file:///r"), PROGRESS]);
}

async fn notifications_of_the_client_reach_the_server_that_runs_the_call(front: Front) {
    let server = Fake::legacy()
        .tool("waits", async |x| {
            let asked = r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1,"_meta":{"progressToken":7}}}"#;
            let (server, last) = (x.server.clone(), x.response(r#"{"content":[],"cancelled":true}"#));
            let events = x.events();
            events.message(asked);
            server.notified("notifications/cancelled").await;
            events.message(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
            events.message(last);
        })
        .start();
    let (_gateway, session) = rig(front, &server).await;
    let call = r#"{"jsonrpc":"2.0","id":"the-call","method":"tools/call","params":{"name":"p_waits"}}"#;
    let mut events = session.post().open(call).await.events();
    let asked = events.message().await;
    let token = asked["params"]["_meta"]["progressToken"].clone();
    assert_ne!(token, json!(7), "{asked}");
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}});
    assert_eq!(session.send(progress.to_string()).await.status, 202);
    let arrived = server.notified("notifications/progress").await;
    assert!(arrived.text().contains(r#""progressToken":7"#), "{}", arrived.text());
    let cancelled =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"the-call","reason":"r"}}"#;
    assert_eq!(session.send(cancelled).await.status, 202);
    let arrived = server.notified("notifications/cancelled").await;
    assert_eq!(arrived.text(), cancelled);
    assert_eq!(arrived.session(), server.calls()[0].session());
    // The server takes its own question back: by the id that the client knows.
    let withdrawn = events.method("notifications/cancelled").await;
    assert_eq!(withdrawn["params"]["requestId"], asked["id"], "{withdrawn}");
    assert_eq!(events.message().await["result"]["cancelled"], true);
    let roots = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
    assert_eq!(session.send(roots).await.status, 202);
    assert_eq!(server.notified("notifications/roots/list_changed").await.text(), roots);
}

async fn a_client_that_reads_only_json_is_not_asked(front: Front) {
    let server = asking().start();
    let (_gateway, session) = rig(front, &server).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"p_elicit"}}"#;
    let reply = session.post().replace("accept", Some("application/json")).send(call).await;
    assert_eq!(reply.header("content-type"), "application/json");
    let text = reply.message()["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains(r#""error""#) && text.contains("JSON"), "{text}");
}

async fn servers_know_what_their_client_can_do(front: Front) {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let (_gateway, session) = rig(front, &server).await;
    session.call("p_echo", json!({})).await;
    let initialize = server.all("initialize").into_iter().find(|r| r.text().contains(r#""name":"test""#)).unwrap();
    let message: Value = serde_json::from_slice(&initialize.body).unwrap();
    let capabilities = &message["params"]["capabilities"];
    assert!(capabilities["elicitation"].is_object() && capabilities["sampling"].is_object(), "{message}");
    assert_eq!(message["params"]["protocolVersion"], "2025-11-25");
    session.ask("logging/setLevel", json!({"level": "warning"})).await;
    assert!(server.notified("logging/setLevel").await.text().contains("warning"));
}
