//! Modern clients of servers that speak only the legacy era.

use crate::client::{Events, json, last, names};
use crate::legacy_only::LegacyOnly;
use crate::rig::{Rig, rig, rig_with};
use protocol::config::Limits;
use reqwest::Response;
use serde_json::{Value, json};
use std::time::Duration;

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Everything that a client can be asked.
fn all() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}})
}

async fn send(rig: &Rig, id: i64, tool: &str, more: Value, capabilities: &Value, meta: Value) -> Response {
    let mut params = json!({"name": format!("a_{tool}"), "arguments": {}});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rig.modern().capable(&json!(id), "tools/call", params, capabilities, meta).send().await.unwrap()
}

async fn call(rig: &Rig, id: i64, tool: &str, more: Value) -> Value {
    last(send(rig, id, tool, more, &all(), json!({})).await).await
}

/// Checks that the client is asked these methods, in any order, and gives the keys with them, and the state.
fn asked(answer: &Value, methods: &[&str]) -> (Vec<(String, String)>, Value) {
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
    let requests = answer["result"]["inputRequests"].as_object().unwrap();
    let keys: Vec<_> =
        requests.iter().map(|(key, r)| (key.clone(), r["method"].as_str().unwrap().to_owned())).collect();
    assert_eq!(keys.iter().map(|(_, method)| method.as_str()).collect::<Vec<_>>(), methods);
    (keys, answer["result"]["requestState"].clone())
}

fn response(method: &str) -> Value {
    match method {
        "elicitation/create" => json!({"action": "accept", "content": {"n": 1}}),
        "sampling/createMessage" => {
            json!({"role": "assistant", "content": {"type": "text", "text": "s"}, "model": "m"})
        }
        _ => json!({"roots": [{"uri": "file:///r"}]}),
    }
}

fn responses(keys: &[(String, String)]) -> Value {
    keys.iter().map(|(key, method)| (key.clone(), response(method))).collect::<serde_json::Map<_, _>>().into()
}

fn retry(keys: &[(String, String)], state: &Value) -> Value {
    json!({"inputResponses": responses(keys), "requestState": state})
}

#[tokio::test]
async fn what_needs_no_session_works_without_one() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let modern = rig.modern();
    let list = modern.ask("tools/list", json!({})).await;
    assert_eq!(names(&list, "tools"), ["a_echo"], "a tool that needs tasks is hidden");
    assert_eq!((&list["result"]["ttlMs"], &list["result"]["cacheScope"]), (&json!(0), &json!("private")));
    let call =
        modern.request(&json!("é"), "tools/call", json!({"name": "a_echo", "arguments": {}})).send().await.unwrap();
    let call = json(call).await;
    assert_eq!((&call["id"], &call["result"]["resultType"]), (&json!("é"), &json!("complete")));
    assert_eq!(call["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "legacy-only");
    assert_eq!(call["result"]["told"]["params"], json!({"name": "echo", "arguments": {}}));
    let seen = &server.seen("tools/call")[0];
    assert!(!seen.headers.contains_key("mcp-method") && !seen.headers.contains_key("mcp-name"));
    assert_eq!(seen.headers["mcp-protocol-version"], "2025-11-25");
    let read = modern.ask("resources/read", json!({"uri": "a+file:///a"})).await;
    assert_eq!(read["result"]["contents"][0]["uri"], "a+file:///a");
    assert_eq!((&read["result"]["ttlMs"], &read["result"]["cacheScope"]), (&json!(0), &json!("private")));
    let missing = modern.ask("resources/read", json!({"uri": "a+file:///gone"})).await;
    assert_eq!(
        (&missing["error"]["code"], &missing["error"]["data"]["uri"]),
        (&json!(-32602), &json!("a+file:///gone"))
    );
    assert_eq!(modern.ask("prompts/get", json!({"name": "a_x"})).await["result"]["resultType"], "complete");
    let params = json!({"ref": {"type": "ref/prompt", "name": "a_ask"}, "argument": {"name": "x", "value": ""}});
    let completed = modern.ask("completion/complete", params).await;
    assert_eq!(completed["result"]["completion"]["values"], json!(["ask"]));
    for (tool, expected) in [("fail", (200, -32050)), ("no_method", (404, -32601))] {
        assert_eq!(modern.status("tools/call", json!({"name": format!("a_{tool}")})).await, expected);
    }
    assert_eq!(server.seen("initialize").len(), 2, "the gateway's own session, and one that the calls share");
}

#[tokio::test]
async fn a_list_is_that_of_the_clients_capabilities() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let list = rig
        .modern()
        .capable(&json!(1), "tools/list", json!({}), &json!({"sampling": {}}), json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(names(&json(list).await, "tools"), ["a_echo", "a_for_samplers"]);
}

#[tokio::test]
async fn what_the_server_asks_becomes_input_and_the_answer_goes_on() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    for arguments in [json!({}), json!({"get": true})] {
        let first = call(&rig, 1, "ask", json!({"arguments": arguments})).await;
        let (keys, state) = asked(&first, &["elicitation/create"]);
        let request = &first["result"]["inputRequests"][&keys[0].0]["params"];
        assert_eq!(request["message"], "Name?");
        let mut again = retry(&keys, &state);
        again["arguments"] = arguments;
        let done = call(&rig, 2, "ask", again).await;
        assert_eq!((&done["id"], &done["result"]["resultType"]), (&json!(2), &json!("complete")), "{done}");
        assert_eq!(done["result"]["told"]["result"], response("elicitation/create"));
    }
    assert_eq!(server.seen("tools/call").len(), 2, "no call was made again");
    let prompt = |id, more: Value| {
        let mut params = json!({"name": "a_ask"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rig.modern().capable(&json!(id), "prompts/get", params, &all(), json!({})).send()
    };
    let (keys, state) = asked(&last(prompt(3, json!({})).await.unwrap()).await, &["elicitation/create"]);
    let done = last(prompt(4, retry(&keys, &state)).await.unwrap()).await;
    assert_eq!(done["result"]["told"]["result"], response("elicitation/create"));
}

#[tokio::test]
async fn several_questions_come_together_and_several_rounds_one_by_one() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let (keys, state) = asked(
        &call(&rig, 1, "ask_all", json!({})).await,
        &["elicitation/create", "sampling/createMessage", "roots/list"],
    );
    // What is missing is asked for again, with a state of its own; keys that nobody asked for do not matter.
    let mut some = retry(&keys[..1], &state);
    some["inputResponses"]["made up"] = json!({});
    let (rest, state) = asked(&call(&rig, 2, "ask_all", some).await, &["sampling/createMessage", "roots/list"]);
    assert_eq!(rest, keys[1..]);
    let done = call(&rig, 3, "ask_all", retry(&rest, &state)).await;
    let told: Vec<_> = done["result"]["told"].as_array().unwrap().iter().map(|told| told["result"].clone()).collect();
    assert_eq!(told, ["elicitation/create", "sampling/createMessage", "roots/list"].map(response));
    let (keys, state) = asked(&call(&rig, 4, "ask_twice", json!({})).await, &["elicitation/create"]);
    let (second, next) = asked(&call(&rig, 5, "ask_twice", retry(&keys, &state)).await, &["sampling/createMessage"]);
    assert_ne!(state, next);
    let done = call(&rig, 6, "ask_twice", retry(&second, &next)).await;
    assert_eq!(done["result"]["told"][1]["result"], response("sampling/createMessage"));
}

#[tokio::test]
async fn a_state_holds_for_one_retry_of_its_own_request() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_"), server.config("b", "b_")]).await;
    let (keys, state) = asked(&call(&rig, 1, "ask", json!({})).await, &["elicitation/create"]);
    let text = state.as_str().unwrap();
    let refused = async |tool: &str, more: Value| {
        let answer = call(&rig, 2, tool, more).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        answer["error"]["message"].as_str().unwrap().to_owned()
    };
    assert!(refused("ask", retry(&keys, &json!(format!("{text}-TAMPERED")))).await.contains("was changed"));
    assert!(refused("ask_twice", retry(&keys, &state)).await.contains("another request"));
    let mut other = retry(&keys, &state);
    other["arguments"] = json!({"x": 1});
    assert!(refused("ask", other).await.contains("another request"));
    let mut malformed = retry(&keys, &state);
    malformed["inputResponses"][&keys[0].0] = json!({"action": "maybe"});
    assert!(refused("ask", malformed).await.contains("inputResponses"));
    // None of that did the waiting call any harm; and of two retries the first wins.
    let done = call(&rig, 3, "ask", retry(&keys, &state)).await;
    assert_eq!(done["result"]["resultType"], "complete");
    assert!(refused("ask", retry(&keys, &state)).await.contains("start again"));
    assert_eq!(server.seen("tools/call").len(), 1);
    // Answers to nothing are a first call if they can be read.
    assert!(refused("ask", json!({"inputResponses": {"x": 5}})).await.contains("inputResponses"));
    asked(&call(&rig, 4, "ask", json!({"inputResponses": {"x": {}}})).await, &["elicitation/create"]);
}

#[tokio::test]
async fn who_never_comes_back_is_not_waited_for_for_ever() {
    let server = LegacyOnly::start().await;
    let limits = Limits { input_seconds: 1, ..Limits::default() };
    let rig = rig_with(vec![server.config("a", "a_")], limits).await;
    let (keys, state) = asked(&call(&rig, 1, "ask", json!({})).await, &["elicitation/create"]);
    server.wait_until("the call is cancelled", |s| !s.seen("notifications/cancelled").is_empty()).await;
    let called = &server.seen("tools/call")[0];
    assert_eq!(server.seen("notifications/cancelled")[0].json["params"]["requestId"], called.json["id"]);
    assert!(server.responses()[0]["error"].is_object());
    server.wait_until("its session has ended", |s| s.open() == 1).await;
    let late = call(&rig, 2, "ask", retry(&keys, &state)).await;
    assert_eq!(late["error"]["code"], -32602, "{late}");
    assert_eq!(server.seen("tools/call").len(), 1, "the tool was not run again");
}

#[tokio::test]
async fn a_server_that_waits_for_the_client_is_not_late() {
    let server = LegacyOnly::start().await;
    let mut config = server.config("a", "a_");
    config.timeout_ms = 300;
    let rig = rig(vec![config]).await;
    let get = json!({"arguments": {"get": true}});
    let (keys, state) = asked(&call(&rig, 1, "ask", get.clone()).await, &["elicitation/create"]);
    // A server that only takes its time is late meanwhile.
    let late = call(&rig, 2, "wait", get.clone()).await;
    assert!(late["error"]["message"].as_str().unwrap().contains("300 ms"), "{late}");
    let mut again = retry(&keys, &state);
    again["arguments"] = get["arguments"].clone();
    assert_eq!(call(&rig, 3, "ask", again).await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn what_is_not_answered_is_asked_again() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let (_, state) = asked(&call(&rig, 1, "ask", json!({})).await, &["elicitation/create"]);
    let (keys, state) = asked(&call(&rig, 2, "ask", json!({"requestState": state})).await, &["elicitation/create"]);
    let done = call(&rig, 3, "ask", retry(&keys, &state)).await;
    assert_eq!(done["result"]["resultType"], "complete");
    // A question that the server takes back is not asked.
    assert_eq!(call(&rig, 4, "give_up", json!({})).await["result"]["told"], "gave up");
}

#[tokio::test]
async fn a_result_waits_for_the_client() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let (keys, state) = asked(&call(&rig, 1, "ask_until_allowed", json!({})).await, &["elicitation/create"]);
    server.allow(false);
    // What the server asked is over when its answer is there.
    server.wait_until("its question is refused", |s| !s.responses().is_empty()).await;
    let done = call(&rig, 2, "ask_until_allowed", retry(&keys, &state)).await;
    assert_eq!(done["result"]["told"], "nobody answered", "{done}");
}

#[tokio::test]
async fn what_was_not_declared_is_refused_and_said() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    for capabilities in [json!({}), json!({"elicitation": {}})] {
        let answer = send(&rig, 1, "ask_in_vain", json!({}), &capabilities, json!({})).await;
        assert_eq!(answer.status(), 400);
        let error = json(answer).await["error"].clone();
        assert_eq!(
            (&error["code"], &error["data"]["requiredCapabilities"]),
            (&json!(-32021), &json!({"sampling": {}}))
        );
        // A call that can do without goes on.
        let answer = last(send(&rig, 2, "ask_and_go_on", json!({}), &capabilities, json!({})).await).await;
        assert_eq!(answer["result"]["told"]["error"]["code"], -32601);
    }
}

#[tokio::test]
async fn progress_and_logs_are_those_that_each_request_asked_for() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let level = "io.modelcontextprotocol/logLevel";
    for arguments in [json!({}), json!({"get": true})] {
        let answer = send(&rig, 1, "log", json!({"arguments": arguments}), &json!({}), json!({level: "info"})).await;
        let mut events = Events::of(answer);
        for expected in ["info", "error"] {
            assert_eq!(events.next().await.unwrap()["params"]["level"], expected);
        }
        assert_eq!(events.next().await.unwrap()["id"], 1);
    }
    assert_eq!(server.seen("logging/setLevel")[0].json["params"]["level"], "info");
    let silent = send(&rig, 2, "log", json!({}), &all(), json!({})).await;
    assert_eq!(silent.headers()["content-type"], "application/json");
    let wrong = send(&rig, 3, "log", json!({}), &json!({}), json!({level: "loud"})).await;
    assert_eq!(json(wrong).await["error"]["code"], -32602);
    // The token is the round's own, byte for byte.
    let mut first = Events::of(send(&rig, 4, "ask", json!({}), &all(), json!({"progressToken": 7.0})).await);
    assert_eq!(first.next().await.unwrap()["params"]["progressToken"].to_string(), "7.0");
    let (keys, state) = asked(&first.next().await.unwrap(), &["elicitation/create"]);
    let mut second =
        Events::of(send(&rig, 5, "ask", retry(&keys, &state), &all(), json!({"progressToken": "t"})).await);
    let progress = second.next().await.unwrap();
    assert_eq!(progress["params"], json!({"progressToken": "t", "progress": 2}));
    assert_eq!(second.next().await.unwrap()["id"], 5);
}

#[tokio::test]
async fn leaving_cancels_and_the_session_is_not_used_again() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let mut events = Events::of(send(&rig, 1, "wait", json!({}), &all(), json!({"progressToken": 1})).await);
    events.next_of("notifications/progress").await;
    drop(events);
    server.wait_until("it is cancelled", |s| !s.seen("notifications/cancelled").is_empty()).await;
    server.wait_until("the session has ended", |s| s.open() == 1).await;
    let cancelled = &server.seen("notifications/cancelled")[0];
    assert_eq!(cancelled.json["params"]["requestId"], server.seen("tools/call")[0].json["id"]);
}

#[tokio::test]
async fn calls_that_can_be_asked_have_a_session_to_themselves_and_leave_it_to_the_next() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let (one, two) =
        tokio::join!(call(&rig, 1, "ask", json!({})), call(&rig, 1, "ask", json!({"arguments": {"get": 1}})));
    let (keys, state) = asked(&one, &["elicitation/create"]);
    asked(&two, &["elicitation/create"]);
    assert_eq!(server.open(), 3);
    call(&rig, 2, "ask", retry(&keys, &state)).await;
    call(&rig, 3, "echo", json!({})).await;
    assert_eq!(server.open(), 3, "the first call's session serves the third");
    let sessions: Vec<_> = server.seen("tools/call").into_iter().map(|seen| seen.session).collect();
    assert!(sessions[0] != sessions[1] && sessions[..2].contains(&sessions[2]), "{sessions:?}");
}

#[tokio::test]
async fn a_forgotten_session_is_opened_again() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    for capabilities in [json!({}), all()] {
        for id in 1..=2 {
            let answer = last(send(&rig, id, "echo", json!({}), &capabilities, json!({})).await).await;
            assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
            server.forget();
        }
    }
}

#[tokio::test]
async fn a_stream_that_the_server_ends_before_its_answer_is_resumed() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let answer = call(&rig, 1, "polled", json!({})).await;
    assert_eq!((&answer["id"], &answer["result"]["told"]), (&json!(1), &json!("rest")), "{answer}");
}

#[tokio::test]
async fn sessions_are_bounded() {
    let server = LegacyOnly::start().await;
    let limits = Limits { pooled_sessions: 1, ..Limits::default() };
    let rig = rig_with(vec![server.config("a", "a_")], limits).await;
    let (keys, state) = asked(&call(&rig, 1, "ask", json!({})).await, &["elicitation/create"]);
    let refused = call(&rig, 2, "ask", json!({})).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("limits.pooledSessions"), "{refused}");
    call(&rig, 3, "ask", retry(&keys, &state)).await;
    asked(&call(&rig, 4, "ask", json!({})).await, &["elicitation/create"]);
}

#[tokio::test]
async fn a_page_to_visit_first_is_asked_for_and_waited_for() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    for told in [true, false] {
        let first = call(&rig, 1, "page", json!({})).await;
        let (keys, state) = asked(&first, &["elicitation/create"]);
        let params = &first["result"]["inputRequests"][&keys[0].0]["params"];
        assert_eq!(params, &json!({"mode": "url", "url": "https://login.example/", "message": "Log in"}));
        let declined = json!({"inputResponses": {"1": {"action": "decline"}}, "requestState": state});
        assert_eq!(call(&rig, 2, "page", declined).await["error"]["code"], -32600);
        let accepted = json!({"inputResponses": {"1": {"action": "accept"}}, "requestState": state});
        let before = server.seen("tools/call").len();
        let waiting = call(&rig, 3, "page", accepted);
        let visit = async {
            server.wait_until("it is tried again", |s| s.seen("tools/call").len() > before).await;
            server.allow(told);
        };
        let (done, ()) = tokio::join!(waiting, visit);
        assert_eq!(done["result"]["told"], "allowed", "{done}");
        server.disallow();
    }
    // Who cannot be shown a page is told what that takes.
    let answer = send(&rig, 4, "page", json!({}), &json!({"elicitation": {}}), json!({})).await;
    assert_eq!(answer.status(), 400);
    let answer = last(answer).await;
    assert_eq!(answer["error"]["code"], -32021);
    assert_eq!(answer["error"]["data"], json!({"requiredCapabilities": {"elicitation": {"url": {}}}}));
}

#[tokio::test]
async fn headers_of_parameters_are_checked_and_dropped() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let call = |header: Option<&str>| {
        let params = json!({"name": "a_echo", "arguments": {"region": "eu"}});
        let request = rig.modern().request(&json!(1), "tools/call", params);
        header.map_or(request.try_clone().unwrap(), |value| request.header("mcp-param-region", value)).send()
    };
    assert_eq!(call(Some("eu")).await.unwrap().status(), 200);
    assert!(!server.seen("tools/call")[0].headers.contains_key("mcp-param-region"));
    for wrong in [None, Some("us")] {
        let answer = call(wrong).await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(json(answer).await["error"]["code"], -32020);
    }
}

#[tokio::test]
async fn resources_of_a_legacy_server_are_subscribed_to_once() {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let listen = async |id: &str| {
        let filter = json!({"notifications": {"resourceSubscriptions": ["a+file:///a"]}});
        let answer = rig.modern().request(&json!(id), "subscriptions/listen", filter).send().await.unwrap();
        let mut events = Events::of(answer);
        let first = events.next().await.unwrap();
        assert_eq!(first["params"]["notifications"], json!({"resourceSubscriptions": ["a+file:///a"]}));
        assert_eq!(first["params"]["_meta"][SUBSCRIPTION], id);
        events
    };
    let (mut one, mut two) = (listen("one").await, listen("two").await);
    assert_eq!(server.seen("resources/subscribe").len(), 1);
    server.update("file:///a/b", "file:///a");
    for (events, id) in [(&mut one, "one"), (&mut two, "two")] {
        let updated = events.next().await.unwrap();
        assert_eq!(updated["params"], json!({"uri": "a+file:///a/b", "_meta": {SUBSCRIPTION: id}}));
    }
    drop(two);
    // A session that the server forgets is replaced, and everything may have changed meanwhile.
    server.forget();
    let updated = tokio::time::timeout(Duration::from_secs(20), one.next()).await.unwrap().unwrap();
    assert_eq!(updated["params"]["uri"], "a+file:///a");
    assert_eq!(server.subscribers("file:///a"), 1);
    drop(one);
    server.wait_until("nobody subscribes", |s| s.subscribers("file:///a") == 0).await;
}

/// All at once, each with a session of its own.
async fn many(calls: i64) {
    let server = LegacyOnly::start().await;
    let rig = rig(vec![server.config("a", "a_")]).await;
    let held = futures::future::join_all((0..calls).map(|id| call(&rig, id, "ask", json!({})))).await;
    let held: Vec<_> = held.iter().map(|answer| asked(answer, &["elicitation/create"])).collect();
    assert_eq!(server.open() as i64, calls + 1);
    let done = held.iter().zip(0..).map(|((keys, state), id)| call(&rig, id, "ask", retry(keys, state)));
    for answer in futures::future::join_all(done).await {
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    }
    rig.broker.shutdown().await;
    server.wait_until("all sessions have ended", |s| s.open() == 0).await;
}

#[tokio::test]
async fn many_calls_wait_at_once() {
    many(100).await;
}

#[tokio::test]
async fn many_calls_that_nobody_comes_back_for_leave_nothing_behind() {
    let server = LegacyOnly::start().await;
    let limits = Limits { input_seconds: 2, ..Limits::default() };
    let rig = rig_with(vec![server.config("a", "a_")], limits).await;
    let held = futures::future::join_all((0..100).map(|id| call(&rig, id, "ask", json!({})))).await;
    held.iter().for_each(|answer| _ = asked(answer, &["elicitation/create"]));
    server.wait_until("all are cancelled", |s| s.seen("notifications/cancelled").len() == 100).await;
    server.wait_until("all sessions have ended", |s| s.open() == 1).await;
    let gone = async {
        loop {
            let metrics = rig.http.get(format!("{}/metrics", rig.public)).send().await.unwrap().text().await.unwrap();
            let none = |name: &str| metrics.contains(&format!("mcp_gateway_{name} 0\n"));
            if none("held_calls") && none("pooled_sessions") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("nothing is kept");
}
