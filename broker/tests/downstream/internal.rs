//! What the filter asks.

use crate::client::{json, names, post};
use crate::fake::{legacy, modern};
use crate::rig::{KEY, rig, until};
use protocol::config::Route;
use serde_json::json;

#[tokio::test]
async fn only_the_key_opens_the_internal_port() {
    let rig = rig(vec![]).await;
    for path in ["/resolve", "/mcp", "/table"] {
        let request = rig.http.get(format!("{}{path}", rig.internal));
        assert_eq!(request.try_clone().unwrap().send().await.unwrap().status(), 403, "{path}");
        assert_eq!(request.header("x-mcp-gateway-key", "guess").send().await.unwrap().status(), 403, "{path}");
    }
    assert_eq!(rig.http.get(format!("{}/healthz", rig.internal)).send().await.unwrap().status(), 200);
    assert_eq!(rig.http.post(format!("{}/resolve", rig.public)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_legacy_question_opens_the_session_that_later_calls_use() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_"), fake.config("b", "")]).await;
    let client = rig.client().await;
    let ask = |target| json!({"era": "legacy", "session": client.session, "target": target});
    let answer = rig.resolve(ask(json!({"server": "a"}))).await;
    let route = &answer["outcome"]["route"];
    assert_eq!(route["server"], "a");
    assert_eq!(route["protocolVersion"], "2025-11-25");
    client.call(1, "a_echo").await;
    assert_eq!(fake.seen("tools/call")[0].session, route["session"].as_str().unwrap());
    assert_eq!(rig.resolve(ask(json!({"tool": "echo"}))).await["outcome"]["route"]["server"], "b");
    // It may have more tools for this client than it lists for all.
    assert_eq!(rig.resolve(ask(json!({"tool": "unlisted"}))).await["outcome"]["route"]["server"], "b");
    client.delete().await;
    assert_eq!(rig.resolve(ask(json!({"server": "a"}))).await["outcome"]["refuse"]["status"], 404);
}

#[tokio::test]
async fn a_decision_says_how_envoy_reaches_the_server_and_with_which_credentials() {
    let fake = legacy().start().await;
    let mut config = fake.config("a", "a_");
    config.headers.insert("authorization".to_owned(), "Bearer s3cret".to_owned());
    config.url.push_str("?x=1");
    config.route = Some(Route { authority: "mcp.example".to_owned(), server_header: Some("s-1".to_owned()) });
    let rig = rig(vec![config.clone()]).await;
    let client = rig.client().await;
    let ask = |target| json!({"era": "legacy", "session": client.session, "target": target});
    let route = rig.resolve(ask(json!({"server": "a"}))).await["outcome"]["route"].clone();
    assert_eq!(route["route"], json!({"authority": "mcp.example", "serverHeader": "s-1"}));
    assert_eq!((&route["path"], &route["headers"]["authorization"]), (&json!("/mcp?x=1"), &json!("Bearer s3cret")));
    // A filter that does not know the prefix yet would leave it in the name.
    assert_eq!(rig.resolve(ask(json!({"tool": "a_echo"}))).await["outcome"], "bridge");
    let sessions = fake.seen("initialize").len();
    config.route = None;
    rig.configure(vec![config]);
    let bridged = async || rig.resolve(ask(json!({"server": "a"}))).await["outcome"] == "bridge";
    until(bridged).await;
    client.call(1, "a_echo").await;
    assert_eq!(fake.seen("initialize").len(), sessions, "a route that goes changes nothing else");
}

#[tokio::test]
async fn a_filter_hears_of_a_change_at_once_and_the_status_tells_what_it_goes_by() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let first = rig.report(json!({"instance": "envoy-1"})).await;
    let table = &first["table"];
    assert_eq!(
        table["servers"],
        json!([{"name": "a", "prefix": "a_", "timeoutMs": fake.config("a", "a_").timeout_ms}])
    );
    assert!(!first.to_string().contains("mcp-gateway-internal"), "{first}");
    let known = json!({"instance": "envoy-1", "table": table["version"], "epoch": first["epoch"]});
    let (news, ()) = tokio::join!(rig.report(known.clone()), async {
        until(async || rig.status().await["filters"][0]["table"] == known["table"]).await;
        rig.configure(vec![fake.config("a", "b_")]);
    });
    assert_ne!(news["epoch"], first["epoch"]);
    assert_eq!(news["table"]["servers"][0]["prefix"], "b_");
    let status = rig.status().await;
    assert_eq!(status["table"], news["table"]["version"]);
    assert_eq!(status["filters"], json!([{"instance": "envoy-1", "table": known["table"], "seen": 0}]));
    // What is known already is not told again.
    let known = json!({"instance": "envoy-1", "table": news["table"]["version"], "epoch": news["epoch"]});
    assert!(rig.report(known).await.get("table").is_none());
}

#[tokio::test]
async fn what_no_route_took_to_its_server_is_told_from_what_a_server_answers() {
    let rig = rig(vec![]).await;
    let lost = |header: &'static str, value: &'static str| {
        rig.http.post(format!("{}/mcp", rig.internal)).header(header, value).body("{}").send()
    };
    for (header, value) in [("host", "s-1.mcp-gateway-internal"), ("x-mcp-gateway-server", "s-1")] {
        let answer = lost(header, value).await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["x-mcp-gateway-unrouted"], "1");
        assert!(json(answer).await["error"]["message"].is_string());
    }
    assert_eq!(lost("x-other", "1").await.unwrap().status(), 403);
}

#[tokio::test]
async fn what_no_route_took_to_its_server_the_broker_takes_there_as_it_is() {
    let fake = modern().start().await;
    let by_host = Route { authority: "s-1.mcp-gateway-internal".to_owned(), server_header: None };
    let by_header = Route { authority: "mcp.example".to_owned(), server_header: Some("s-2".to_owned()) };
    let configs = [("a", by_host), ("b", by_header)].map(|(name, route)| {
        let mut config = fake.config(name, "");
        config.headers.insert("authorization".to_owned(), "Bearer s3cret".to_owned());
        config.route = Some(route);
        config
    });
    let rig = rig(configs.into()).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "echo", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    for (number, headers) in
        [vec![("host", "s-1.mcp-gateway-internal")], vec![("host", "mcp.example"), ("x-mcp-gateway-server", "s-2")]]
            .into_iter()
            .enumerate()
    {
        let request = rig.http.post(format!("{}/mcp", rig.internal)).header("mcp-name", "echo");
        let mut request = request.header("mcp-method", "tools/call").header("mcp-protocol-version", "2026-07-28");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = post(request, &call.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("x-mcp-gateway-unrouted"));
        assert!(json(answer).await["result"].is_object());
        let seen = fake.seen("tools/call");
        assert_eq!(seen.len(), number + 1);
        assert_eq!(seen[number].headers.get("authorization"), None, "who shows no key gets no credentials");
        assert_eq!(seen[number].headers.get("x-mcp-gateway-server"), None);
    }
}

#[tokio::test]
async fn a_change_that_the_filter_saw_makes_the_list_the_sessions_own() {
    let fake = legacy().start().await;
    let config = fake.config("a", "a_");
    let rig = rig(vec![config.clone()]).await;
    let (client, other) = (rig.client().await, rig.client().await);
    let question = json!({"era": "legacy", "session": client.session, "target": {"server": "a"}});
    let route = rig.resolve(question).await["outcome"]["route"].clone();
    // The call goes past the broker, as on the fast path.
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "grow"}});
    let request = rig.http.post(&config.url).header("mcp-session-id", route["session"].as_str().unwrap());
    post(request, &call.to_string()).send().await.unwrap().bytes().await.unwrap();
    let list = client.ask(2, "tools/list", json!({})).await;
    assert!(!names(&list, "tools").contains(&"a_grown".to_owned()));
    for (session, server) in [("made-up", "a"), (client.session.as_str(), "nobody"), (client.session.as_str(), "a")] {
        let changed = json!({"session": session, "server": server}).to_string();
        let request = rig.http.post(format!("{}/changed", rig.internal)).header("x-mcp-gateway-key", KEY);
        assert_eq!(request.body(changed).send().await.unwrap().status(), 204);
    }
    assert!(names(&client.ask(3, "tools/list", json!({})).await, "tools").contains(&"a_grown".to_owned()));
    assert!(!names(&other.ask(1, "tools/list", json!({})).await, "tools").contains(&"a_grown".to_owned()));
}

#[tokio::test]
async fn what_crosses_eras_goes_through_the_broker() {
    let (old, new) = (legacy().start().await, modern().start().await);
    let rig = rig(vec![old.config("old", "o_"), new.config("new", "n_")]).await;
    let client = rig.client().await;
    let legacy = |server| json!({"era": "legacy", "session": client.session, "target": {"server": server}});
    let modern = |server| json!({"era": "modern", "target": {"server": server}});
    assert_eq!(rig.resolve(modern("new")).await["outcome"]["route"]["protocolVersion"], "2026-07-28");
    for question in [legacy("new"), modern("old")] {
        assert_eq!(rig.resolve(question).await["outcome"], "bridge");
    }
}

#[tokio::test]
async fn a_session_that_the_filter_found_lost_is_opened_anew_once() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    client.call(1, "a_echo").await;
    let lost = fake.seen("tools/call")[0].session.clone();
    fake.forget(&lost);
    for id in [2, 3] {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "a_echo"}});
        let request = client.post(&call).header("x-mcp-gateway-lost-session", format!("a {lost}"));
        assert_eq!(rig.as_filter(request).await.status(), 200);
    }
    assert_eq!(fake.seen("initialize").len(), 2);
    assert_eq!(fake.seen("tools/call").len(), 3, "the lost session was not tried again");
}

#[tokio::test]
async fn a_call_whose_prefix_the_filter_has_taken_out_goes_to_the_server_that_it_names() {
    let fake = legacy().start().await;
    let new = modern().start().await;
    // What is left of the name looks like another server's.
    let servers =
        vec![fake.config("a", "a_"), fake.config("b", "ech"), new.config("new", "n_"), new.config("other", "ec")];
    let rig = rig(servers).await;
    let client = rig.client().await;
    for (n, tool) in ["echo", "echo", "ec_no_such"].into_iter().enumerate() {
        let call = json!({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {"name": tool}});
        rig.as_filter(client.post(&call).header("x-mcp-gateway-server", "a")).await.bytes().await.unwrap();
        assert_eq!(fake.seen("tools/call")[n].json, call);
    }
    let opened = fake.seen("initialize").len();
    assert_eq!(opened, 1, "the other server was asked");
    let request = rig.modern().request(&json!(1), "tools/call", json!({"name": "echo"}));
    let request = request.header("x-mcp-gateway-server", "new");
    assert_eq!(rig.as_filter(request).await.status(), 200);
    assert_eq!(new.seen("tools/call")[0].headers["mcp-name"], "echo");
    let gone = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "echo"}});
    let answer = rig.as_filter(client.post(&gone).header("x-mcp-gateway-server", "gone")).await;
    assert!(json(answer).await["error"]["message"].as_str().unwrap().contains("gone"));
    // On the public port the name alone counts.
    let mut call = gone;
    call["params"]["name"] = json!("a_echo");
    client.post(&call).header("x-mcp-gateway-server", "b").send().await.unwrap().bytes().await.unwrap();
    assert_eq!(fake.seen("tools/call").last().unwrap().json["params"]["name"], "echo");
    assert_eq!(fake.seen("initialize").len(), opened);
}

#[tokio::test]
async fn an_answer_whose_id_the_filter_has_restored_goes_to_the_server_that_it_names() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let client = rig.client().await;
    let mut events = client.stream(1, "a_elicit").await;
    events.next_of("elicitation/create").await;
    let answer = json!({"jsonrpc": "2.0", "id": 77, "result": {"action": "decline"}});
    // Not the filter's word: the id is nobody's.
    client.tell(answer.clone()).await;
    assert_eq!(rig.as_filter(client.post(&answer).header("x-mcp-gateway-server", "a")).await.status(), 202);
    assert_eq!(events.next().await.unwrap()["result"]["answer"], answer);
    assert_eq!(fake.responses().len(), 1);
}
