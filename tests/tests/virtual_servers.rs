//! Virtual servers, whatever clients come in by.

use mcp_gateway_tests::client::{Events, Http, Modern, Session, initialize};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::{Value, json};

at_every_front!(
    only_what_it_names_is_there,
    clients_of_the_oldest_transport_have_them_too,
    a_change_is_in_force,
    a_change_is_told_to_those_whom_it_concerns,
);

const HEADER: &str = "X-Mcp-Virtualserver";
const NAMED: &str = "virtualServers: [{ name: team/few, tools: [l_one, m_one] }]";

fn servers() -> [Fake; 2] {
    [Fake::legacy(), Fake::modern()].map(|server| server.tool("one", Exchange::ok).tool("two", Exchange::ok).start())
}

fn config(front: Front, [legacy, modern]: &[Fake; 2]) -> Config {
    Config::new().at(front).server("l", "l_", &legacy.url()).server("m", "m_", &modern.url())
}

fn request(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

async fn legacy(session: &Session, method: &str, params: Value) -> Value {
    session.post().header(HEADER, "team/few").send(request(method, &params)).await.message()
}

async fn modern(gateway: &Gateway, method: &str, params: Value) -> Value {
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let post = Modern::new(gateway.url()).post(method, &name).header(HEADER, "team/few");
    post.send(Modern::message(method, params)).await.message()
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["result"]["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    tools.iter().filter_map(|tool| tool["name"].as_str()).collect()
}

async fn only_what_it_names_is_there(front: Front) {
    let servers = servers();
    let gateway = config(front, &servers).line(NAMED).start().await;
    let session = Session::open(gateway.url()).await;
    assert_eq!(names(&legacy(&session, "tools/list", json!({})).await), ["l_one", "m_one"]);
    assert_eq!(names(&modern(&gateway, "tools/list", json!({})).await), ["l_one", "m_one"]);
    assert_eq!(session.tools().await.len(), 4);
    for tool in ["l_one", "m_one", "l_two", "m_two"] {
        let call = json!({ "name": tool, "arguments": {} });
        for answer in
            [legacy(&session, "tools/call", call.clone()).await, modern(&gateway, "tools/call", call.clone()).await]
        {
            if tool.ends_with("one") {
                assert_eq!(answer["result"]["content"][0]["text"], "ok", "{answer}");
            } else {
                assert_eq!(answer["error"]["code"], -32602, "{answer}");
                assert_eq!(answer["error"]["message"], format!("Unknown tool: {tool}"));
            }
        }
        // For others everything is there.
        assert_eq!(session.call(tool, json!({})).await["result"]["content"][0]["text"], "ok");
    }
    for server in &servers {
        assert_eq!(server.calls().iter().filter(|call| call.text().contains("\"two\"")).count(), 1);
        assert!(server.calls().iter().all(|call| call.header(HEADER).is_empty()));
    }
    let reply = session.post().header(HEADER, "few").send(request("tools/list", &json!({}))).await;
    assert_eq!(reply.message()["error"]["code"], -32602, "{}", reply.text());
    // A broken body is told as it is without.
    let broken = session.post().header(HEADER, "team/few").send("{").await;
    assert_eq!((broken.status, &broken.message()["error"]["code"]), (400, &json!(-32700)));
}

async fn clients_of_the_oldest_transport_have_them_too(front: Front) {
    let servers = servers();
    let gateway = config(front, &servers).line(NAMED).start().await;
    let http = Http::new();
    let mut events = http.request("GET", &gateway.at("/sse")).open("").await.events();
    let endpoint = gateway.at(&events.data().await.expect("the endpoint"));
    let mut last = Value::Null;
    for message in [initialize("2024-11-05", &json!({})), request("tools/list", &json!({}))] {
        let reply = http.post(&endpoint).header(HEADER, "team/few").send(message).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        last = events.message().await;
    }
    assert_eq!(names(&last), ["l_one", "m_one"]);
}

async fn a_change_is_in_force(front: Front) {
    let servers = servers();
    let gateway = config(front, &servers).line(NAMED).start().await;
    let session = Session::open(gateway.url()).await;
    gateway
        .configure(&config(front, &servers).line("virtualServers: [{ name: team/few, tools: [\"*_two\", \"l_t*\"] }]"));
    mcp_gateway_tests::until_told("it names others", async || {
        (names(&legacy(&session, "tools/list", json!({})).await) == ["l_two"]).then_some(())
    })
    .await;
    assert_eq!(legacy(&session, "tools/call", json!({ "name": "l_one" })).await["error"]["code"], -32602);
}

/// The next notification on a stream.
async fn told(events: &mut Events) -> String {
    events.find(|message| message["method"].is_string()).await["method"].as_str().unwrap_or_default().to_owned()
}

async fn a_change_is_told_to_those_whom_it_concerns(front: Front) {
    let servers = servers();
    let changed = "virtualServers: [{ name: team/few, tools: [l_one, m_one] }, { name: other, tools: [\"l_*\"] }]";
    let gateway = config(front, &servers).line(changed).start().await;
    let session = Session::open(gateway.url()).await;
    let get = |session: &Session, of: &str| {
        session.request("GET").header("accept", "text/event-stream").header(HEADER, of).open("")
    };
    let (few, others) = (Session::open(gateway.url()).await, Session::open(gateway.url()).await);
    let mut all = session.listen().await;
    let (mut few, mut others) = (get(&few, "team/few").await.events(), get(&others, "other").await.events());
    let filter = json!({ "notifications": { "toolsListChanged": true, "promptsListChanged": true } });
    let listen = Modern::new(gateway.url()).post("subscriptions/listen", "").header(HEADER, "team/few");
    let mut modern = listen.open(Modern::message("subscriptions/listen", filter)).await.events();
    assert_eq!(told(&mut modern).await, "notifications/subscriptions/acknowledged");
    let mut old = Http::new().request("GET", &gateway.at("/sse")).open("").await.events();
    let endpoint = gateway.at(&old.data().await.expect("the endpoint"));
    let first = Http::new().post(&endpoint).header(HEADER, "team/few");
    assert_eq!(first.send(initialize("2024-11-05", &json!({}))).await.status, 202);
    assert_eq!(old.message().await["result"]["protocolVersion"], "2024-11-05");

    let more = changed.replace("m_one]", "m_one], prompts: [p]");
    gateway.configure(&config(front, &servers).line(&more));
    for events in [&mut few, &mut modern, &mut old] {
        assert_eq!(told(events).await, "notifications/prompts/list_changed");
    }
    // Whom that did not concern hears of something else first.
    gateway.configure(&config(front, &servers).server("n", "n_", &servers[0].url()).line(&more));
    for events in [&mut few, &mut modern, &mut old, &mut others, &mut all] {
        assert_eq!(told(events).await, "notifications/tools/list_changed");
    }
    let unknown = get(&session, "nobody").await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn status_tells_what_is_in_them() {
    let servers = servers();
    let selected =
        "virtualServers: [{ name: few, tools: [l_one, \"m_*\", gone, \"x_*\"], prompts: [p], resources: [\"a://b\"] }]";
    let gateway = config(Front::Broker, &servers).line(selected).start().await;
    let expected = json!([{
        "name": "few", "tools": 3, "prompts": 0, "resources": 0, "templates": 0,
        "unmatched": ["tool gone", "tool x_*", "prompt p", "resource a://b"],
    }]);
    assert_eq!(gateway.status().await["virtualServers"], expected);
}
