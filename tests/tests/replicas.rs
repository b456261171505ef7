//! Two replicas of the gateway, between which a client's requests are spread.

use mcp_gateway_tests::client::{Http, Modern, Session, initialize};
use mcp_gateway_tests::fake::{Builder, Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::{Front, until, until_told};
use serde_json::{Value, json};

const SECRET: &str = "a secret of 32 bytes or more, for tests";
const QUESTION: &str = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"m","requestedSchema":{"type":"object","properties":{}}}}"#;
const ANSWER: &str = r#"{"action":"accept","content":{"n":1.0}}"#;

/// Two replicas that know of each other.
async fn replicas(server: &Fake) -> (Gateway, Gateway) {
    let config = config(server).env("MCP_GATEWAY_ADVERTISE", "127.0.0.1");
    tokio::join!(config.start(), config.start())
}

fn config(server: &Fake) -> Config {
    let config = Config::new().at(Front::Broker).env("MCP_GATEWAY_SESSION_KEY", SECRET);
    config.line("limits: { input: 60s }").server("a", "p_", &server.url())
}

/// Asks a broker what the filter asks it.
async fn told(gateway: &Gateway, path: &str, question: &Value) -> Value {
    let lines = gateway.process.log().lines();
    let internal = lines.iter().find_map(|line| line.strip_prefix("Broker, for the filter: "));
    let url = format!("http://{}{path}", internal.expect("the internal port"));
    Http::new().post(&url).header("x-mcp-gateway-key", "local-development").send(question.to_string()).await.message()
}

/// A legacy server with a tool that asks in its answer, and gives back what it was told.
fn asking() -> Builder {
    Fake::legacy().tool("echo", Exchange::ok).tool("ask", async |x| {
        let (server, id) = (x.server.clone(), x.id().to_owned());
        let events = x.events();
        events.message(QUESTION);
        let said = server.answer(r#""q""#).await.text().to_owned();
        events.message(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[],"said":{said}}}}}"#));
    })
}

fn answer(question: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{ANSWER}}}"#, question["id"])
}

#[tokio::test]
async fn a_session_is_the_same_in_both() {
    let server = asking().start();
    let (here, there) = replicas(&server).await;
    let session = Session::able(here.url()).await;
    let elsewhere = session.at(there.url());
    for session in [&session, &elsewhere, &session] {
        let answered = session.call("p_echo", json!({})).await;
        assert_eq!(answered["result"]["content"][0]["text"], "ok", "{answered}");
    }
    let mut listening = elsewhere.listen().await;
    let mut events = session.call_events("p_ask").await;
    let question = events.message().await;
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(elsewhere.send(answer(&question)).await.status, 202);
    let told = events.message().await;
    assert_eq!(told["result"]["said"]["result"]["content"]["n"], 1.0, "{told}");

    server.say_all(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#);
    assert_eq!(listening.method("notifications/message").await["params"]["data"], 1);
    assert_eq!(server.sessions_of_clients(), 1);
    assert_eq!(elsewhere.end().await, 200);
    assert_eq!(session.send(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await.status, 404);
}

#[tokio::test]
async fn what_a_modern_server_asks_is_answered_at_either() {
    let server = Fake::modern()
        .tool("ask", async |x| {
            let told = x.request.text().to_owned();
            let result = if told.contains("inputResponses") {
                r#"{"resultType":"complete","content":[]}"#.to_owned()
            } else {
                let params = r#"{"message":"m","requestedSchema":{"type":"object","properties":{}}}"#;
                format!(
                    r#"{{"resultType":"input_required","inputRequests":{{"k":{{"method":"elicitation/create","params":{params}}}}}}}"#
                )
            };
            x.result(result).await;
        })
        .start();
    let (here, there) = replicas(&server).await;
    let session = Session::able(here.url()).await;
    let mut events = session.call_events("p_ask").await;
    let question = events.message().await;
    assert_eq!(session.at(there.url()).send(answer(&question)).await.status, 202);
    let told = events.message().await;
    assert!(told["result"]["content"].is_array(), "{told}");
    assert!(server.calls()[1].text().contains(&format!(r#""inputResponses":{{"k":{ANSWER}}}"#)));
}

/// A modern client's call of the tool that asks.
fn call(more: &str) -> String {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}"#;
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{meta},"name":"p_ask"{more}}}}}"#)
}

/// Calls the tool here, and gives the retry with the answers.
async fn asked(gateway: &Gateway) -> String {
    let asked = Modern::new(gateway.url()).post("tools/call", "p_ask").send(call("")).await.message()["result"].clone();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    call(&format!(r#","inputResponses":{{"1":{ANSWER}}},"requestState":{}"#, asked["requestState"]))
}

#[tokio::test]
async fn a_retry_goes_on_at_either() {
    let server = asking().start();
    let (here, there) = replicas(&server).await;
    let retry = asked(&here).await;
    let done = Modern::new(there.url()).post("tools/call", "p_ask").send(retry).await.message();
    assert_eq!(done["result"]["said"]["result"]["content"]["n"], 1.0, "{done}");
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn what_a_replica_held_that_is_gone_begins_anew() {
    let server = asking().start();
    let (mut here, there) = replicas(&server).await;
    let session = Session::able(here.url()).await;
    session.call("p_echo", json!({})).await;
    let retry = asked(&here).await;
    tokio::task::spawn_blocking(move || here.process.stop()).await.expect("the replica ends");
    let answered = session.at(there.url()).call("p_echo", json!({})).await;
    assert_eq!(answered["result"]["content"][0]["text"], "ok", "{answered}");
    let refused = Modern::new(there.url()).post("tools/call", "p_ask").send(retry).await.message();
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert!(refused["error"]["message"].as_str().is_some_and(|why| why.contains("start again")), "{refused}");
}

#[tokio::test]
async fn replicas_that_cannot_reach_one_another_say_so() {
    let server = asking().start();
    let config = config(&server);
    let (here, there) = tokio::join!(config.start(), config.start());
    let refused = asked(&here).await;
    let refused = Modern::new(there.url()).post("tools/call", "p_ask").send(refused).await.message();
    assert!(refused["error"]["message"].as_str().is_some_and(|why| why.contains("start again")), "{refused}");
    // A session is honoured all the same, and has a session of its own with the server.
    let session = Session::able(here.url()).await;
    for url in [here.url(), there.url()] {
        let answered = session.at(url).call("p_echo", json!({})).await;
        assert_eq!(answered["result"]["content"][0]["text"], "ok", "{answered}");
    }
    assert_eq!(server.sessions_of_clients(), 2);
}

#[tokio::test]
async fn messages_of_the_oldest_transport_reach_their_stream() {
    let server = asking().start();
    let (here, there) = replicas(&server).await;
    let http = Http::new();
    let mut events = http.request("GET", &here.at("/sse")).open("").await.events();
    let endpoint = events.data().await.expect("the endpoint");
    for (gateway, message) in [
        (&there, initialize("2024-11-05", &json!({}))),
        (&here, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.to_owned()),
        (&there, r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#.to_owned()),
    ] {
        let reply = http.post(&gateway.at(&endpoint)).send(message).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        assert!(events.message().await["result"].is_object());
    }
}

#[tokio::test]
async fn the_filter_of_either_is_led_to_the_same_session() {
    let server = asking().start();
    let (here, there) = replicas(&server).await;
    let session = Session::able(here.url()).await;
    let question = json!({ "era": "legacy", "session": session.id, "target": { "server": "a" } });
    let mut destinations = Vec::new();
    for gateway in [&there, &here] {
        let answer = told(gateway, "/resolve", &question).await;
        assert!(answer["epoch"].is_u64(), "{answer}");
        assert!(
            answer["ttl"].as_u64().is_some_and(|ttl| ttl <= 30),
            "a replica may forget without saying so: {answer}"
        );
        destinations.push(answer["outcome"]["route"].clone());
    }
    assert!(destinations[0]["session"].is_string(), "{destinations:?}");
    assert_eq!(destinations[0], destinations[1]);
    assert_eq!(server.sessions_of_clients(), 1);
}

#[tokio::test]
async fn what_one_decided_holds_at_the_other_until_things_change() {
    let (server, other) = (asking().start(), asking().start());
    let (here, there) = replicas(&server).await;
    let report = json!({ "instance": "proxy" });
    let agreed = async |before: Option<u64>| {
        until_told("both replicas say the same", async || {
            let (one, two) = tokio::join!(told(&here, "/table", &report), told(&there, "/table", &report));
            let epoch = one["epoch"].as_u64().expect("an epoch");
            (two["epoch"] == epoch && before != Some(epoch)).then_some(epoch)
        })
        .await
    };
    let first = agreed(None).await;
    let question = json!({ "era": "modern", "target": { "server": "a" } });
    for gateway in [&here, &there] {
        assert_eq!(told(gateway, "/resolve", &question).await["epoch"], first);
    }
    let more = config(&server).server("b", "q_", &other.url());
    here.configure(&more);
    there.configure(&more);
    agreed(Some(first)).await;
}

#[tokio::test]
async fn a_replica_that_hangs_is_no_reason_to_do_a_thing_twice() {
    let server = asking().start();
    let (here, there) = replicas(&server).await;
    let session = Session::able(here.url()).await;
    let elsewhere = session.at(there.url());
    let frozen = here.freeze();
    let calling = tokio::spawn(async move { elsewhere.call("p_echo", json!({})).await });
    until_told("the other replica serves others", async || {
        let other = Session::open(there.url()).await;
        other.call("p_echo", json!({})).await["result"].is_object().then_some(())
    })
    .await;
    drop(frozen);
    let answered = calling.await.expect("an answer");
    assert_eq!(answered["result"]["content"][0]["text"], "ok", "{answered}");
    until("each call was made once", || (server.calls().len() == 2).then_some(())).await;
}
