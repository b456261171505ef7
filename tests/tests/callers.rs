//! Servers that tell callers apart by headers of theirs, whatever clients come in by.

use mcp_gateway_tests::client::{ENVELOPE, Http, Modern, Reply, Request, initialize};
use mcp_gateway_tests::fake::{Builder, Exchange, Fake, Recorded};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;
use mcp_gateway_tests::{Front, at_every_front, until_told};
use serde_json::{Value, json};

at_every_front!(
    each_caller_has_lists_of_its_own,
    what_a_caller_has_can_be_used_by_nobody_else,
    lists_are_asked_for_once_a_caller,
    a_change_is_told_to_those_whose_list_it_is,
    servers_see_the_headers_that_are_theirs_and_no_others,
    a_session_is_one_callers,
    a_state_holds_for_its_caller_alone,
    sessions_of_callers_who_have_gone_make_room_for_others,
    a_server_that_answers_callers_only_is_not_down,
    a_header_that_matters_is_there_once,
);

const HEADER: &str = "X-Api-Key";
const FORWARD: &str = ", forwardHeaders: [X-Api-Key]";

/// A client of either era, that shows these headers in every request.
struct Caller {
    url: String,
    http: Http,
    shown: Vec<(String, String)>,
    /// `None`: it is a modern one.
    session: Option<String>,
}

impl Caller {
    fn modern(gateway: &Gateway, shown: &[(&str, &str)]) -> Self {
        let shown = shown.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { url: gateway.url().to_owned(), http: Http::new(), shown, session: None }
    }

    async fn legacy(gateway: &Gateway, shown: &[(&str, &str)]) -> Self {
        let mut caller = Self::modern(gateway, shown);
        let post = caller.http.post(&caller.url);
        let reply = caller.showing(post).send(initialize("2025-11-25", &json!({}))).await;
        caller.session = Some(reply.header("mcp-session-id").to_owned());
        caller
    }

    /// A client of each era.
    async fn each(gateway: &Gateway, shown: &[(&str, &str)]) -> [Self; 2] {
        [Self::legacy(gateway, shown).await, Self::modern(gateway, shown)]
    }

    /// One who shows this key, of each era; who shows nothing where that is empty.
    async fn keyed(gateway: &Gateway, key: &str) -> [Self; 2] {
        let shown = [(HEADER, key)];
        Self::each(gateway, if key.is_empty() { &[] } else { &shown }).await
    }

    fn showing(&self, request: Request) -> Request {
        self.shown.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    fn request(&self, verb: &str) -> Request {
        let session = self.session.as_deref().expect("a session");
        self.showing(self.http.request(verb, &self.url).header("mcp-session-id", session))
    }

    async fn reply(&self, method: &str, params: Value) -> Reply {
        let Some(session) = &self.session else {
            let name = params["name"].as_str().or(params["uri"].as_str()).unwrap_or_default().to_owned();
            let client = Modern { http: self.http.clone(), url: self.url.clone() };
            return self.showing(client.post(method, &name)).send(Modern::message(method, params)).await;
        };
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.showing(self.http.post(&self.url).header("mcp-session-id", session)).send(message.to_string()).await
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        self.reply(method, params).await.message()
    }

    async fn call(&self, tool: &str) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": {} })).await
    }

    async fn names(&self, list: &str) -> Vec<String> {
        let (member, name) = (list, if list == "resources" { "uri" } else { "name" });
        let answer = self.ask(&format!("{list}/list"), json!({})).await;
        let items = answer["result"][member].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        items.iter().filter_map(|item| Some(item[name].as_str()?.to_owned())).collect()
    }
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

async fn who(exchange: Exchange) {
    let key = exchange.request.header(HEADER).to_owned();
    exchange.result(json!({ "content": [{ "type": "text", "text": key }] }).to_string()).await;
}

/// Of each era.
fn builders() -> [Builder; 2] {
    [Fake::legacy(), Fake::modern().fresh_for(60_000)].map(|server| server.tool("who", who))
}

/// Two servers that tell callers apart, prefixes `l_` and `m_`, and one that does not, `p_`.
fn config(front: Front, [legacy, modern]: &[Fake; 2], plain: &Fake) -> Config {
    Config::new()
        .at(front)
        .server_with("l", "l_", &legacy.url(), FORWARD)
        .server_with("m", "m_", &modern.url(), FORWARD)
        .server("p", "p_", &plain.url())
}

fn plain() -> Fake {
    Fake::legacy().tool("who", who).start()
}

async fn each_caller_has_lists_of_its_own(front: Front) {
    let (servers, plain) = (builders().map(|server| server.by_caller(HEADER).start()), plain());
    let gateway = config(front, &servers, &plain).start().await;
    for key in ["alice", "bob", "", "alice"] {
        for caller in Caller::keyed(&gateway, key).await {
            let own = |list: &[&str]| -> Vec<String> {
                let shown = list.iter().filter(|name| !key.is_empty() || !name.contains('*'));
                shown.map(|name| name.replace('*', key)).collect()
            };
            assert_eq!(caller.names("tools").await, own(&["l_who", "l_of_*", "m_who", "m_of_*", "p_who"]));
            assert_eq!(caller.names("prompts").await, own(&["l_of_*", "m_of_*"]));
            assert_eq!(caller.names("resources").await, own(&["l+own:///*", "m+own:///*"]));
            if caller.session.is_none() {
                let list = caller.ask("tools/list", json!({})).await;
                assert_eq!(list["result"]["cacheScope"], "private", "{list}");
            }
        }
    }
    let status = gateway.status().await.to_string();
    assert!(!status.contains("alice"), "{status}");
}

async fn what_a_caller_has_can_be_used_by_nobody_else(front: Front) {
    let (servers, plain) = (builders().map(|server| server.by_caller(HEADER).start()), plain());
    let gateway = config(front, &servers, &plain).start().await;
    for (key, other) in [("alice", "bob"), ("bob", "alice"), ("alice", "")] {
        for caller in Caller::keyed(&gateway, key).await {
            for server in ["l", "m"] {
                assert_eq!(text(&caller.call(&format!("{server}_who")).await), key);
                assert_eq!(text(&caller.call(&format!("{server}_of_{key}")).await), key);
                let prompt = caller.ask("prompts/get", json!({ "name": format!("{server}_of_{key}") })).await;
                assert_eq!(prompt["result"]["messages"][0]["content"]["text"], key, "{prompt}");
                let uri = format!("{server}+own:///{key}");
                let read = caller.ask("resources/read", json!({ "uri": uri })).await;
                assert_eq!(read["result"]["contents"][0]["text"], key, "{read}");
                assert_eq!(read["result"]["contents"][0]["uri"], uri, "{read}");
                let refused = caller.call(&format!("{server}_of_{other}")).await;
                assert_eq!(refused["error"]["code"], -32602, "{refused}");
            }
        }
    }
    // Envoy marks what goes through it, and the broker sends that on to nobody.
    let [legacy, modern] = &servers;
    let straight = |server: &Fake| server.calls().iter().filter(|call| !call.header("x-request-id").is_empty()).count();
    for (server, era) in [(legacy, Era::Legacy), (modern, Era::Modern)] {
        assert_eq!(straight(server) > 0, front.has_fast_path(era), "{era:?}");
    }
}

async fn lists_are_asked_for_once_a_caller(front: Front) {
    let (servers, plain) = (builders().map(|server| server.by_caller(HEADER).start()), plain());
    let gateway = config(front, &servers, &plain).start().await;
    let count = |key: &str| {
        let lists = servers.iter().map(|server| server.all("tools/list"));
        lists.map(|lists| lists.iter().filter(|list| list.header(HEADER) == key).count()).collect::<Vec<_>>()
    };
    let [alice, other_alice] = Caller::keyed(&gateway, "alice").await;
    alice.names("tools").await;
    other_alice.names("tools").await;
    // Once it can hear of changes, a list is asked for again.
    until_told("the legacy server's stream is open", async || (count("alice") == [2, 1]).then_some(())).await;
    for _ in 0..5 {
        alice.names("tools").await;
        other_alice.names("tools").await;
        for caller in Caller::keyed(&gateway, "bob").await {
            caller.names("tools").await;
        }
    }
    assert_eq!(count("alice"), [2, 1]);
    until_told("the other caller's are there too", async || (count("bob") == [2, 1]).then_some(())).await;
}

async fn a_change_is_told_to_those_whose_list_it_is(front: Front) {
    let server = Fake::legacy().tool("who", who).by_caller(HEADER).start();
    let gateway = Config::new().at(front).server_with("l", "l_", &server.url(), FORWARD).start().await;
    let alice = Caller::legacy(&gateway, &[(HEADER, "alice")]).await;
    let bob = Caller::legacy(&gateway, &[(HEADER, "bob")]).await;
    let mut told = alice.request("GET").header("accept", "text/event-stream").open("").await.events();
    for caller in [&alice, &bob] {
        assert_eq!(caller.names("tools").await.len(), 2);
    }
    server.grow("alice", "more");
    // Its own streams are open by then, or it asks again when they are.
    until_told("the server can tell of it", async || {
        server.say_all(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
        (alice.names("tools").await == ["l_who", "l_of_alice", "l_more"]).then_some(())
    })
    .await;
    told.method("notifications/tools/list_changed").await;
    assert_eq!(bob.names("tools").await, ["l_who", "l_of_bob"]);
}

fn assert_sees(call: &Recorded, expected: &[(&str, &str)]) {
    for name in
        [HEADER, "x-tenant", "x-other", "authorization", "cookie", "proxy-authorization", "x-forwarded-access-token"]
    {
        let value = expected.iter().find(|(shown, _)| *shown == name).map_or("", |(_, value)| value);
        assert_eq!(call.header(name), value, "{name} of {:?} {:?}", call.method, call.target);
    }
}

async fn servers_see_the_headers_that_are_theirs_and_no_others(front: Front) {
    let (servers, plain) = (builders().map(Builder::start), plain());
    let [legacy, modern] = &servers;
    let careless = Fake::modern().tool("who", who).start();
    let gateway = Config::new()
        .at(front)
        .server_with("l", "l_", &legacy.url(), FORWARD)
        .server_with("m", "m_", &modern.url(), ", forwardHeaders: [x-tenant, X-API-KEY]")
        .server("p", "p_", &plain.url())
        .server_with(
            "c",
            "c_",
            &careless.url(),
            ", forwardHeaders: [Authorization], unsafePassthrough: true, headers: { X-Own: own }",
        )
        .start()
        .await;
    let shown = [
        (HEADER, "alice"),
        ("x-tenant", "t1"),
        ("x-other", "o"),
        ("authorization", "Bearer of-the-client"),
        ("cookie", "a=b"),
        ("proxy-authorization", "Basic eA=="),
        ("x-forwarded-access-token", "of-the-user"),
    ];
    for caller in Caller::each(&gateway, &shown).await {
        // Both that the broker decides, and what is known by then.
        for _ in 0..2 {
            for tool in ["l_who", "m_who", "p_who", "c_who"] {
                assert!(caller.call(tool).await["result"].is_object(), "{tool}");
            }
        }
        caller.names("tools").await;
    }
    let token = ("authorization", "Bearer of-the-client");
    for (server, expected) in
        [(legacy, &[shown[0]][..]), (modern, &[shown[0], shown[1]]), (&plain, &[]), (&careless, &[token])]
    {
        let calls = server.calls();
        assert_eq!(calls.len(), 4);
        calls.iter().for_each(|call| assert_sees(call, expected));
        // Everything else that is sent on behalf of the caller says the same, and the gateway's own requests nothing.
        for request in server.seen() {
            let shows = expected.iter().any(|(name, _)| !request.header(name).is_empty());
            assert_sees(&request, if shows { expected } else { &[] });
        }
    }
    assert!(careless.calls().iter().all(|call| call.header("x-own") == "own"));
}

async fn a_session_is_one_callers(front: Front) {
    let (servers, plain) = (builders().map(|server| server.by_caller(HEADER).start()), plain());
    let gateway = config(front, &servers, &plain).start().await;
    let alice = Caller::legacy(&gateway, &[(HEADER, "alice")]).await;
    assert_eq!(text(&alice.call("l_who").await), "alice");
    let mut thief = Caller::modern(&gateway, &[(HEADER, "bob")]);
    thief.session.clone_from(&alice.session);
    for _ in 0..2 {
        for tool in ["l_who", "m_who", "p_who"] {
            let reply = thief.reply("tools/call", json!({ "name": tool, "arguments": {} })).await;
            assert_eq!(reply.status, 404, "{tool}: {}", reply.text());
        }
    }
    assert_eq!(thief.reply("tools/list", json!({})).await.status, 404);
    assert_eq!(thief.request("GET").header("accept", "text/event-stream").send("").await.status, 404);
    assert_eq!(thief.request("DELETE").send("").await.status, 404);
    thief.shown.clear();
    assert_eq!(thief.reply("tools/list", json!({})).await.status, 404);
    assert_eq!(text(&alice.call("l_who").await), "alice");
    assert!(servers.iter().all(|server| server.calls().iter().all(|call| call.header(HEADER) == "alice")));
}

async fn sessions_of_callers_who_have_gone_make_room_for_others(front: Front) {
    let server = Fake::legacy().tool("who", who).by_caller(HEADER).start();
    let config = Config::new().at(front).server_with("l", "l_", &server.url(), FORWARD);
    let gateway = config.line("limits: { pooledSessions: 2 }").start().await;
    for key in ["alice", "bob", "carol", "dave", "alice"] {
        let caller = Caller::modern(&gateway, &[(HEADER, key)]);
        assert_eq!(text(&caller.call("l_who").await), key);
    }
}

async fn a_state_holds_for_its_caller_alone(front: Front) {
    let server = Fake::legacy().by_caller(HEADER).tool("ask", async |x| {
        let (server, id) = (x.server.clone(), x.id().to_owned());
        let events = x.events();
        let question = r#"{"message":"?","requestedSchema":{"type":"object","properties":{}}}"#;
        events.message(format!(r#"{{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{question}}}"#));
        server.answer("\"q\"").await;
        events.message(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#));
    });
    let server = server.start();
    let gateway = Config::new().at(front).server_with("l", "l_", &server.url(), FORWARD).start().await;
    let envelope = ENVELOPE.replace(r#"clientCapabilities":{}"#, r#"clientCapabilities":{"elicitation":{}}"#);
    let call = async |key: &str, more: &str| {
        let caller = Caller::modern(&gateway, &[(HEADER, key)]);
        let client = Modern { http: caller.http.clone(), url: caller.url.clone() };
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{envelope},"name":"l_ask","arguments":{{}}{more}}}}}"#
        );
        caller.showing(client.post("tools/call", "l_ask")).send(body).await.message()
    };
    let asked = call("alice", "").await;
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let retry = format!(
        r#","requestState":{},"inputResponses":{{"1":{{"action":"accept","content":{{}}}}}}"#,
        asked["result"]["requestState"]
    );
    let refused = call("bob", &retry).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert!(refused["error"]["message"].as_str().is_some_and(|why| why.contains("another caller")), "{refused}");
    let done = call("alice", &retry).await;
    assert_eq!(done["result"]["resultType"], "complete", "{done}");
    assert!(server.seen().iter().filter(|r| r.is_answer()).all(|answer| answer.header(HEADER) == "alice"));
}

async fn a_server_that_answers_callers_only_is_not_down(front: Front) {
    let (servers, plain) = (builders().map(|server| server.only_callers(HEADER).start()), plain());
    let gateway = config(front, &servers, &plain).start().await;
    for server in ["l", "m"] {
        let status = gateway.server(server).await;
        assert_eq!(status["state"], "per-caller", "{status}");
        assert!(status["error"].as_str().is_some_and(|why| why.contains("by x-api-key")), "{status}");
    }
    let callers = Caller::keyed(&gateway, "alice").await;
    for caller in &callers {
        assert_eq!(caller.names("tools").await, ["l_who", "l_of_alice", "m_who", "m_of_alice", "p_who"]);
        for tool in ["l_who", "m_who"] {
            assert_eq!(text(&caller.call(tool).await), "alice");
        }
    }
    for stranger in Caller::keyed(&gateway, "").await {
        assert_eq!(stranger.names("tools").await, ["p_who"]);
        for tool in ["l_who", "m_who"] {
            assert_error(&stranger.reply("tools/call", json!({ "name": tool, "arguments": {} })).await);
        }
    }
    // What was on the fast path by then as well.
    servers.iter().for_each(|server| server.refuse("alice"));
    for caller in &callers {
        for tool in ["l_who", "m_who"] {
            assert_error(&caller.reply("tools/call", json!({ "name": tool, "arguments": {} })).await);
        }
    }
}

/// The gateway's own words, with nothing of what the server said of its authorization.
fn assert_error(reply: &Reply) {
    assert!(!matches!(reply.status, 401 | 403), "{}", reply.status);
    assert_eq!(reply.header("www-authenticate"), "");
    let message = reply.message();
    assert!(message["error"]["code"].is_i64() && !message["id"].is_null(), "{message}");
    assert!(!reply.text().contains("who are you?"), "{}", reply.text());
}

async fn a_header_that_matters_is_there_once(front: Front) {
    let (servers, plain) = (builders().map(|server| server.by_caller(HEADER).start()), plain());
    let gateway = config(front, &servers, &plain).start().await;
    let before = servers.each_ref().map(|server| server.calls().len());
    let caller = Caller::modern(&gateway, &[(HEADER, "alice"), ("x-api-key", "bob")]);
    for tool in ["l_who", "m_who"] {
        let reply = caller.reply("tools/call", json!({ "name": tool, "arguments": {} })).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains("x-api-key"), "{}", reply.text());
    }
    assert_eq!(servers.each_ref().map(|server| server.calls().len()), before);
}
