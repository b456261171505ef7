//! Clients of HTTP+SSE (2024-11-05), at `/sse`.

use mcp_gateway_tests::client::{Events, Http, initialize};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::{self, Client, Era, Plan};
use mcp_gateway_tests::process::Server;
use mcp_gateway_tests::{Front, at_every_front, until};
use serde_json::{Value, json};

at_every_front!(
    official_clients_see_what_they_see_over_streamable_http,
    the_oldest_transport_carries_all_of_a_session,
    what_is_no_session_is_refused,
);

async fn official_clients_see_what_they_see_over_streamable_http(front: Front) {
    let (features, everything) =
        tokio::join!(Server::sample("sample-features", &["--era", "legacy"]), peers::everything());
    let config = Config::new().at(front).server("rs", "rs_", &features.url).server("ev", "ev_", &everything.url);
    let gateway = config.start().await;
    // Without progress: of what comes in one piece with the answer, the TypeScript SDK's client loses some over this transport.
    let plan = Plan::new()
        .call("rs_write_log", json!({ "level": "debug", "message": "hé" }))
        .call("rs_share_note", json!({ "name": "welcome" }))
        .call("rs_ask_user", json!({ "question": "Which colour?" }))
        .get("rs_summarize", json!({ "note": "welcome" }))
        .read("rs+note://unicode")
        .call("ev_echo", json!({ "message": "hé" }))
        .call("ev_get-structured-content", json!({ "location": "Chicago" }))
        .call("ev_get-resource-links", json!({ "count": 3 }))
        .call("ev_trigger-elicitation-request", json!({}))
        .get("ev_args-prompt", json!({ "city": "Ulm" }))
        .read("ev+demo://resource/static/document/startup.md")
        .wait("message", 1);
    for client in [Client::TypeScript, Client::Python] {
        let expected = client.run(gateway.url(), Era::Legacy, &plan).await;
        let seen = client.run(&gateway.at("/sse"), Era::Legacy, &plan).await;
        seen.assert_is(&expected, &format!("{client:?}"));
    }
}

/// Opens a stream: it, and the URL for messages.
async fn open(gateway: &Gateway, http: &Http) -> (Events, String) {
    let mut events = http.request("GET", &gateway.at("/sse")).open("").await.events();
    let endpoint = events.data().await.unwrap();
    assert!(endpoint.starts_with("/sse/message?sessionId="), "{endpoint}");
    (events, gateway.at(&endpoint))
}

async fn the_oldest_transport_carries_all_of_a_session(front: Front) {
    let server = Fake::legacy()
        .tool("echo", Exchange::ok)
        .tool("asks", async |x| {
            let (server, id) = (x.server.clone(), x.id().to_owned());
            let events = x.events();
            events.message(r#"{"jsonrpc":"2.0","id":5,"method":"elicitation/create","params":{"message":"m"}}"#);
            let said = server.answer("5").await.text().to_owned();
            events.message(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[],"said":{said}}}}}"#));
        })
        .start();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let http = Http::new();
    let (mut events, url) = open(&gateway, &http).await;
    // Headers that mean something inside mean nothing here.
    let post = || http.post(&url).header("x-mcp-gateway-server", "nobody").header("x-mcp-gateway-key", "guess");
    let tell = async |message: String| {
        let reply = post().send(message).await;
        assert_eq!((reply.status, reply.body.len()), (202, 0), "{}", reply.text());
    };
    tell(initialize("2024-11-05", &json!({"elicitation": {}}))).await;
    assert_eq!(events.message().await["result"]["protocolVersion"], "2024-11-05");
    tell(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned()).await;
    let call = |id: &str, tool: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n":9007199254740993,"f":1.0}}}}}}"#
        )
    };
    tell(call(r#""\u00e9""#, "p_echo")).await;
    assert!(events.data().await.unwrap().contains(r#""id":"\u00e9""#));
    assert_eq!(server.calls().pop().unwrap().text(), call(r#""\u00e9""#, "echo"));
    tell(call("2", "p_asks")).await;
    let asked = events.message().await;
    tell(json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept"}}).to_string()).await;
    let answer = events.message().await;
    assert_eq!((&answer["id"], &answer["result"]["said"]["result"]["action"]), (&json!(2), &json!("accept")));
    assert_eq!(server.sessions_of_clients(), 1);
    server.say_all(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#);
    assert_eq!(events.method("notifications/message").await["params"]["data"], 1);
    let session = server.calls()[0].session().to_owned();
    drop(events);
    until("the server's session ends", || server.ended().contains(&session).then_some(())).await;
    assert_eq!(post().send(call("3", "p_echo")).await.status, 404);
}

async fn what_is_no_session_is_refused(front: Front) {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let gateway = Config::new().at(front).server("a", "p_", &server.url()).start().await;
    let http = Http::new();
    let (_events, url) = open(&gateway, &http).await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let hello = initialize("2025-11-25", &json!({}));
    let stream = gateway.at("/sse");
    let foreign = |request: &str, url: &str| http.request(request, url).header("origin", "https://evil.example");
    for (what, reply, status) in [
        ("a newer client's first try", http.post(&stream).send(hello.clone()).await, 405),
        ("a foreign page", foreign("GET", &stream).send("").await, 403),
        ("a foreign page's message", foreign("POST", &url).send(ping).await, 403),
        ("another host", http.request("GET", &stream).replace("host", Some("evil.example")).send("").await, 403),
        ("a guess", http.post(&gateway.at("/sse/message?sessionId=1")).send(ping).await, 404),
        ("no session", http.post(&gateway.at("/sse/message")).send(ping).await, 404),
        ("before initialize", http.post(&url).send(ping).await, 400),
        ("no JSON", http.post(&url).send("{").await, 400),
        ("no JSON type", http.request("POST", &url).header("content-type", "text/plain").send(ping).await, 415),
        ("another path", http.post(&gateway.at("/sse/other")).send(ping).await, 404),
    ] {
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        let message: Value = reply.message();
        assert!(message["error"]["message"].is_string() && message["jsonrpc"] == "2.0", "{what}: {message}");
    }
    // Nor is it one at the other endpoint.
    let id = url.split('=').next_back().unwrap();
    let other = http.post(gateway.url()).header("mcp-session-id", id).send(ping).await;
    assert_eq!(other.status, 404, "{}", other.text());
}
