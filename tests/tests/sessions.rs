//! A legacy client's session, and those that the gateway has with servers on its behalf.

use futures::future::join_all;
use mcp_gateway_tests::client::{Http, Session};
use mcp_gateway_tests::fake::{Builder, Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;
use mcp_gateway_tests::{Front, at_every_front};
use mcp_gateway_tests::{until, until_told};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Instant;

at_every_front!(
    concurrent_first_calls_share_one_session,
    a_forgotten_session_is_opened_anew_unnoticed,
    a_status_that_means_something_else_costs_no_session,
    a_server_that_was_restarted_is_used_again,
    where_state_matters_the_clients_session_ends_too,
    the_end_of_a_session_is_the_end_of_all_of_it,
    clients_are_apart,
    servers_without_sessions_are_normal,
    lists_follow_the_servers,
    a_server_that_tells_of_changes_all_the_time_is_not_asked_all_the_time,
    the_oldest_client_that_says_the_least_is_served,
);

fn plain() -> Builder {
    Fake::legacy().tool("echo", Exchange::ok)
}

async fn over(front: Front, server: &Fake) -> Gateway {
    Config::new().at(front).server("a", "p_", &server.url()).start().await
}

fn is_ok(answer: &Value) -> bool {
    answer["result"]["content"][0]["text"] == "ok"
}

/// Calls at once, on connections of their own.
async fn storm(session: &Session, calls: usize) {
    let answers = join_all((0..calls).map(|_| session.call("p_echo", json!({})))).await;
    let failed: Vec<_> = answers.iter().filter(|answer| !is_ok(answer)).collect();
    assert!(failed.is_empty(), "{} of {calls} failed: {}", failed.len(), failed[0]);
}

fn sessions_called(server: &Fake) -> BTreeSet<String> {
    server.calls().iter().map(|call| call.session().to_owned()).collect()
}

async fn concurrent_first_calls_share_one_session(front: Front) {
    let (a, b) = (plain().start(), plain().start());
    let gateway = Config::new().at(front).server("a", "p_", &a.url()).server("b", "b_", &b.url()).start().await;
    let session = Session::open(gateway.url()).await;
    // Opened lazily: not by `initialize`, nor by lists.
    assert_eq!(session.tools().await, ["p_echo", "b_echo"]);
    assert_eq!((a.sessions_of_clients(), b.sessions_of_clients()), (0, 0));
    storm(&session, 50).await;
    assert_eq!((a.sessions_of_clients(), b.sessions_of_clients()), (1, 0));
    assert_eq!((a.calls().len(), sessions_called(&a).len()), (50, 1));
    assert_eq!(a.all("notifications/initialized").len(), 2);
}

#[tokio::test]
async fn after_the_first_call_the_broker_is_not_asked() {
    let server = plain().tool("other", Exchange::ok).start();
    let bare = Fake::legacy().tool("bare", Exchange::ok).start();
    let gateway = Config::new().server("a", "p_", &server.url()).server("b", "", &bare.url()).start().await;
    let session = Session::open(gateway.url()).await;
    assert!(is_ok(&session.call("p_echo", json!({})).await));
    assert!(is_ok(&session.call("bare", json!({})).await));
    {
        let _frozen = gateway.freeze();
        // On many connections, so on both workers; by any tool of the server.
        storm(&session, 40).await;
        assert!(is_ok(&session.call("p_other", json!({})).await));
        let calls = (0..10).map(|_| session.call("bare", json!({})));
        assert!(join_all(calls).await.iter().all(is_ok));
    }
    assert_eq!(server.sessions_of_clients(), 1);
}

async fn a_forgotten_session_is_opened_anew_unnoticed(front: Front) {
    for server in [plain(), plain().lost_is(400)] {
        let server = server.start();
        let gateway = over(front, &server).await;
        let session = Session::open(gateway.url()).await;
        storm(&session, 4).await;
        server.forget();
        // One after the other first, then many at once.
        assert!(is_ok(&session.call("p_echo", json!({})).await));
        assert_eq!(server.sessions_of_clients(), 2);
        storm(&session, 10).await;
        server.forget();
        storm(&session, 20).await;
        assert_eq!(server.sessions_of_clients(), 3);
        // Beyond what is kept to be repeated, the client is told to do so itself.
        server.forget();
        let large = json!({ "a": "x".repeat(200_000) });
        if front.has_fast_path(Era::Legacy) {
            let answer = session.call("p_echo", large.clone()).await;
            assert!(answer["error"]["message"].as_str().unwrap().contains("repeat"), "{answer}");
        }
        assert!(is_ok(&session.call("p_echo", large).await));
        assert_eq!(server.sessions_of_clients(), 4);
    }
}

async fn a_status_that_means_something_else_costs_no_session(front: Front) {
    let server = plain()
        .tool("refuses", async |x| {
            let error = r#"{"code":-32602,"message":"the server's own"}"#;
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, x.id());
            let status = if x.request.text().contains("404") { 404 } else { 400 };
            x.http(status, "application/json", body).await;
        })
        .start();
    let gateway = over(front, &server).await;
    let session = Session::open(gateway.url()).await;
    for status in ["400", "404"] {
        let answer = session.call("p_refuses", json!({ "status": status })).await;
        assert_eq!(answer["error"]["message"], "the server's own", "{answer}");
    }
    storm(&session, 5).await;
    assert_eq!(server.sessions_of_clients(), 1);
}

async fn a_server_that_was_restarted_is_used_again(front: Front) {
    let server = plain().start();
    let gateway = over(front, &server).await;
    let session = Session::open(gateway.url()).await;
    assert!(is_ok(&session.call("p_echo", json!({})).await));
    server.stop();
    let answer = session.call("p_echo", json!({})).await;
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    server.restart().await;
    until_told("the server is used again", async || is_ok(&session.call("p_echo", json!({})).await).then_some(()))
        .await;
    assert_eq!(server.sessions_of_clients(), 2);
}

async fn where_state_matters_the_clients_session_ends_too(front: Front) {
    let server = plain().start();
    let gateway = Config::new().at(front).server_with("a", "p_", &server.url(), ", onSessionLoss: end").start().await;
    let session = Session::open(gateway.url()).await;
    assert!(is_ok(&session.call("p_echo", json!({})).await));
    server.forget();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"p_echo"}}"#;
    let reply = session.send(call).await;
    assert_eq!((reply.status, &reply.message()["error"]["code"]), (404, &json!(-32001)), "{}", reply.text());
    assert_eq!(session.send(call).await.status, 404);
    let again = Session::open(gateway.url()).await;
    assert!(is_ok(&again.call("p_echo", json!({})).await));
    server.forget();
    let large = call.replace(r#""p_echo""#, &format!(r#""p_echo","arguments":{{"a":"{}"}}"#, "x".repeat(200_000)));
    assert_eq!(again.send(large).await.status, 404);
}

async fn the_end_of_a_session_is_the_end_of_all_of_it(front: Front) {
    let (a, b) = (plain().start(), plain().start());
    let gateway = Config::new().at(front).server("a", "p_", &a.url()).server("b", "b_", &b.url()).start().await;
    let (session, other) = (Session::open(gateway.url()).await, Session::open(gateway.url()).await);
    storm(&session, 20).await;
    storm(&other, 20).await;
    assert!(is_ok(&session.call("b_echo", json!({})).await));
    let own = a.calls()[0].session().to_owned();
    let mut stream = session.listen().await;
    assert_eq!(session.end().await, 200);
    assert_eq!(session.end().await, 404);
    assert_eq!(stream.data().await, None);
    // On every worker, cached or not; those that did not hear it themselves know a moment later.
    let call = async |id| {
        let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"p_echo"}}}}"#);
        Http::new().post(gateway.url()).header("mcp-session-id", &session.id).send(call).await.status
    };
    until_told("every worker knows", async || (join_all((0..20).map(call)).await == [404; 20]).then_some(())).await;
    until("both servers are told", || (a.ended() == [own.clone()] && b.ended().len() == 1).then_some(())).await;
    storm(&other, 20).await;
    assert_eq!(sessions_called(&a).len(), 2);
}

async fn clients_are_apart(front: Front) {
    let server = plain()
        .tool("whoami", async |x| {
            let text = x.request.session().to_owned();
            x.result(format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#)).await;
        })
        .tool("tell", async |x| {
            let said = x.server.say(
                x.request.session(),
                r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"own"}}"#,
            );
            x.result(format!(r#"{{"content":[],"said":{said}}}"#)).await;
        })
        .start();
    let gateway = over(front, &server).await;
    let (one, two) = (Session::open(gateway.url()).await, Session::open(gateway.url()).await);
    let (mut ones, mut twos) = (one.listen().await, two.listen().await);
    let whoami =
        async |session: &Session| session.call("p_whoami", json!({})).await["result"]["content"][0]["text"].clone();
    let (first, second) = (whoami(&one).await, whoami(&two).await);
    assert_ne!(first, second);
    assert_eq!(whoami(&one).await, first);
    // What the server says in one session is heard by one client: the other hears its own message first.
    assert_eq!(one.call("p_tell", json!({})).await["result"]["said"], true);
    assert_eq!(ones.method("notifications/message").await["params"]["data"], "own");
    server.say(
        second.as_str().unwrap(),
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"two"}}"#,
    );
    assert_eq!(twos.method("notifications/message").await["params"]["data"], "two");
}

async fn servers_without_sessions_are_normal(front: Front) {
    for server in [plain().stateless(), plain().stateless().settles("2024-11-05")] {
        let server = server.start();
        let gateway = over(front, &server).await;
        let session = Session::open(gateway.url()).await;
        let _stream = session.listen().await;
        storm(&session, 10).await;
        assert_eq!(server.sessions_of_clients(), 1);
        assert_eq!(sessions_called(&server).into_iter().collect::<Vec<_>>(), [""]);
        assert_eq!(session.end().await, 200);
    }
}

async fn lists_follow_the_servers(front: Front) {
    let (a, b) = (plain().prompt("p", Exchange::ok).start(), plain().resource("file:///r", Exchange::ok).start());
    let gateway = Config::new().at(front).server("a", "a_", &a.url()).server("b", "b_", &b.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let mut stream = session.listen().await;
    assert_eq!(session.tools().await, ["a_echo", "b_echo"]);
    let prompts = session.ask("prompts/list", json!({})).await;
    assert_eq!(prompts["result"]["prompts"], json!([{ "name": "a_p" }]));
    let resources = session.ask("resources/list", json!({})).await;
    assert_eq!(resources["result"]["resources"][0]["uri"], "b+file:///r");
    assert_eq!(session.ask("resources/templates/list", json!({})).await["result"]["resourceTemplates"], json!([]));
    assert_eq!(session.ask("ping", json!({})).await["result"], json!({}));
    a.set_tools(&["echo", "new"]);
    a.say_all(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
    stream.method("notifications/tools/list_changed").await;
    until_told("the new tool is listed", async || {
        (session.tools().await == ["a_echo", "a_new", "b_echo"]).then_some(())
    })
    .await;
}

async fn a_server_that_tells_of_changes_all_the_time_is_not_asked_all_the_time(front: Front) {
    let server = plain().start();
    let gateway = over(front, &server).await;
    let session = Session::open(gateway.url()).await;
    let mut stream = session.listen().await;
    let tell = || server.say_all(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
    server.set_tools(&["echo", "first"]);
    until_told("the server's stream is open", async || {
        tell();
        (session.tools().await == ["p_echo", "p_first"]).then_some(())
    })
    .await;
    let (since, before) = (Instant::now(), server.all("tools/list").len());
    for n in 0..1000 {
        server.set_tools(&["echo", &format!("tool{n}")]);
        tell();
    }
    stream.method("notifications/tools/list_changed").await;
    until_told("the last list is there", async || (session.tools().await == ["p_echo", "p_tool999"]).then_some(()))
        .await;
    let asked = server.all("tools/list").len() - before;
    let most = since.elapsed().as_millis() / 100 + 2;
    assert!(asked as u128 <= most, "asked {asked} times instead of {most} at most");
}

async fn the_oldest_client_that_says_the_least_is_served(front: Front) {
    let server = plain().start();
    let gateway = over(front, &server).await;
    let http = Http::new();
    // As curl would: no Accept, no `initialized`, no protocol version.
    let post = || http.request("POST", gateway.url()).header("content-type", "application/json");
    let params = r#"{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"test","version":"0"}}"#;
    let reply = post().send(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}"#)).await;
    let id = reply.header("mcp-session-id").to_owned();
    let list = post().header("mcp-session-id", &id).send(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#).await;
    assert_eq!(list.message()["result"]["tools"][0]["name"], "p_echo");
    let call = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"p_echo","arguments":{}}}"#;
    let reply = post().header("mcp-session-id", &id).send(call).await;
    assert!(is_ok(&reply.message()), "{}", reply.text());
    assert_eq!(server.calls().pop().unwrap().header("mcp-protocol-version"), "2024-11-05");
}
