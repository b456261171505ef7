//! Servers of five SDKs behind one gateway, and clients of others: what a client sees through the gateway is what it sees at
//! each server that speaks its era, under the server's prefix. A server that does not speak it is seen like its twin that does.

use futures::{StreamExt as _, stream};
use mcp_gateway_tests::Front;
use mcp_gateway_tests::client::{Http, Modern, Session};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::{self, Client, Era, Plan, Seen, inspect, offer};
use mcp_gateway_tests::process::Server;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::Mutex;

/// A server, behind its name and `_` as prefix.
struct Peer {
    name: &'static str,
    server: Server,
    legacy: Option<Steps>,
    modern: Option<Steps>,
}

/// What a client does at a server.
struct Steps {
    plan: Plan,
    /// The server that answers the same in the client's era, if it is another one.
    twin: Option<&'static str>,
}

impl Steps {
    fn own(plan: Plan) -> Option<Self> {
        Some(Self { plan, twin: None })
    }

    fn like(twin: &'static str, plan: Plan) -> Option<Self> {
        Some(Self { plan, twin: Some(twin) })
    }
}

struct Rig {
    /// One for each front.
    gateways: [Gateway; 3],
    peers: Vec<Peer>,
    /// Clients take turns: the tools that they add for a moment are added for all.
    turn: Mutex<()>,
}

/// How many clients run at once.
const AT_ONCE: usize = 3;

/// One for all tests that run at the time.
async fn rig() -> Arc<Rig> {
    static RIG: Mutex<Weak<Rig>> = Mutex::const_new(Weak::new());
    let mut running = RIG.lock().await;
    if let Some(rig) = running.upgrade() {
        return rig;
    }
    let rig = Arc::new(Rig::start().await);
    *running = Arc::downgrade(&rig);
    rig
}

impl Rig {
    async fn start() -> Self {
        let (rsl, rsm, ev, py, fast, tsb, tsl, tsm) = tokio::join!(
            Server::sample("sample-features", &["--era", "legacy", "--page-size", "2"]),
            Server::sample("sample-features", &["--era", "modern", "--page-size", "2"]),
            peers::everything(),
            peers::python(),
            peers::fastmcp(),
            peers::typescript("both"),
            peers::typescript("legacy"),
            peers::typescript("modern"),
        );
        let peer = |name, server, legacy, modern| Peer { name, server, legacy, modern };
        let peers = vec![
            peer("rsl", rsl, Steps::own(offer::features()), Steps::like("rsm", offer::features())),
            peer("rsm", rsm, Steps::like("rsl", offer::features()), Steps::own(offer::features())),
            peer("ev", ev, Steps::own(offer::everything()), None),
            peer("py", py, Steps::own(offer::python(Era::Legacy)), Steps::own(offer::python(Era::Modern))),
            peer("fast", fast, Steps::own(offer::fastmcp()), Steps::own(offer::fastmcp())),
            // Its legacy leg has no sessions: clients that can be asked are served by the modern one.
            peer("tsb", tsb, Steps::like("tsl", offer::typescript(true)), Steps::own(offer::typescript(true))),
            peer("tsl", tsl, Steps::own(offer::typescript(true)), Steps::like("tsm", offer::typescript(true))),
            peer("tsm", tsm, Steps::like("tsl", offer::typescript(true)), Steps::own(offer::typescript(true))),
        ];
        // What a server asks is to be seen as it is without a gateway.
        let config = Config::new().line("labelElicitations: false");
        let config =
            peers.iter().fold(config, |config, peer| config.server(peer.name, &peer.prefix(), &peer.server.url));
        let [body, header, broker] = Front::ALL.map(|front| config.clone().at(front));
        let gateways = tokio::join!(body.start(), header.start(), broker.start()).into();
        Self { gateways, peers, turn: Mutex::default() }
    }

    fn peer(&self, name: &str) -> &Peer {
        self.peers.iter().find(|peer| peer.name == name).unwrap()
    }

    /// The servers whose answers to clients of the era are known, each with the steps that it has for it.
    fn reachable(&self, era: Era) -> impl Iterator<Item = (&Peer, &Steps)> {
        self.peers.iter().filter_map(move |peer| {
            let plan = match era {
                Era::Legacy => &peer.legacy,
                Era::Modern => &peer.modern,
            };
            Some((peer, plan.as_ref()?))
        })
    }

    /// Waits until the gateways have noticed whatever has changed: they see another change come and go, which is the last.
    async fn settled(&self) {
        let (rsl, rsm) = (&self.peer("rsl").server.url, &self.peer("rsm").server.url);
        let (legacy, modern) = (Session::open(rsl).await, Modern::new(rsm));
        for (tool, tools) in [("add_tool", 7), ("remove_tool", 6)] {
            let arguments = json!({ "name": "last", "reply": "" });
            let (told, also) = tokio::join!(legacy.call(tool, arguments.clone()), modern.call(tool, arguments.clone()));
            assert!(told["result"].is_object() && also["result"].is_object(), "{told} {also}");
            for (gateway, name) in self.gateways.iter().flat_map(|gateway| [(gateway, "rsl"), (gateway, "rsm")]) {
                mcp_gateway_tests::until_told("the last change is noticed", async || {
                    (gateway.server(name).await["tools"] == tools).then_some(())
                })
                .await;
            }
        }
        legacy.end().await;
    }
}

impl Peer {
    fn prefix(&self) -> String {
        format!("{}_", self.name)
    }

    /// How many sessions were ended, of a server that tells.
    fn ended_sessions(&self) -> usize {
        let lines = self.server.process.log().lines();
        lines.iter().filter(|line| line.starts_with("Received session termination request")).count()
    }
}

/// Goes through everything at each server, then through the gateway at each front.
async fn walk(client: Client, era: Era) {
    let rig = rig().await;
    let _turn = rig.turn.lock().await;
    let plan = rig.reachable(era).fold(Plan::new(), |plan, (peer, steps)| plan.then(steps.plan.behind(&peer.prefix())));
    let own = rig.reachable(era).filter(|(_, steps)| steps.twin.is_none());
    let alone = own.map(async |(peer, steps)| (peer.name, client.run(&peer.server.url, era, &steps.plan).await));
    let alone: HashMap<_, _> = stream::iter(alone).buffered(AT_ONCE).collect().await;
    let expected = rig.reachable(era).fold(Seen::default(), |all, (peer, steps)| {
        all.then(alone[steps.twin.unwrap_or(peer.name)].clone().behind(&peer.prefix()))
    });
    let headers = match era {
        Era::Legacy => "tsl_echo_headers",
        Era::Modern => "tsm_echo_headers",
    };
    let plan = plan
        .call(headers, json!({}))
        .wait("progress", expected.times("progress"))
        .wait("message", expected.times("message"));
    for gateway in &rig.gateways {
        rig.settled().await;
        let ended = rig.peer("ev").ended_sessions();

        let mut seen = client.run(gateway.url(), era, &plan).await;

        let headers: Value = serde_json::from_str(&seen.take_text(headers)).unwrap();
        let other = rig.peers.iter().filter(|peer| rig.reachable(era).all(|(known, _)| known.name != peer.name));
        let seen = other.fold(seen, |seen, peer| seen.without(&peer.prefix()));
        seen.assert_is(&expected, &format!("{client:?} {era} {:?}", gateway.front()));
        match era {
            Era::Legacy => {
                // Ending its session, the client ended those that the gateway had opened for it.
                assert_ended(&rig.peer("tsl").server.url, headers["mcp-session-id"].as_str().unwrap()).await;
                mcp_gateway_tests::until_told("a session at server-everything ends", async || {
                    (rig.peer("ev").ended_sessions() > ended).then_some(())
                })
                .await;
            }
            Era::Modern => {
                assert_eq!(headers["mcp-name"], "echo_headers");
                assert_eq!(headers["mcp-session-id"], Value::Null);
            }
        }
    }
}

/// The server no longer knows the session.
async fn assert_ended(url: &str, session: &str) {
    mcp_gateway_tests::until_told("the session at the server ends", async || {
        let ping = Http::new().post(url).header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
        let reply = ping.send(json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string()).await;
        (reply.status == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_typescript_client_of_the_legacy_era() {
    walk(Client::TypeScript, Era::Legacy).await;
}

#[tokio::test]
async fn the_typescript_client_of_2026_07_28() {
    walk(Client::TypeScript, Era::Modern).await;
}

#[tokio::test]
async fn the_python_client_of_the_legacy_era() {
    walk(Client::Python, Era::Legacy).await;
}

#[tokio::test]
async fn the_python_client_of_2026_07_28() {
    walk(Client::Python, Era::Modern).await;
}

/// One request a run, each in a session of its own that it leaves open.
async fn inspector(era: Era) {
    let rig = rig().await;
    let _turn = rig.turn.lock().await;
    rig.settled().await;
    let [body, ..] = &rig.gateways;
    let url = body.url();
    let mut listed = Client::TypeScript.run(url, era, &Plan::new()).await;
    // What server-everything lists depends on what the client can be asked, and the Inspector differs there.
    let ev = rig.peer("ev");
    let is_of_ev = |tool: &Value| tool["name"].as_str().is_some_and(|name| name.starts_with(&ev.prefix()));
    let at = listed.tools.iter().position(is_of_ev).expect("tools of server-everything");
    listed.tools.retain(|tool| !is_of_ev(tool));
    if era == Era::Legacy {
        let mut alone = inspect(&ev.server.url, era, &["tools/list"]).await;
        let Value::Array(tools) = alone["tools"].take() else { panic!("no tools in {alone}") };
        let tools = Seen { tools, ..Seen::default() }.behind(&ev.prefix()).tools;
        listed.tools.splice(at..at, tools);
    }
    let lists = [
        ("tools/list", "tools", &listed.tools),
        ("prompts/list", "prompts", &listed.prompts),
        ("resources/list", "resources", &listed.resources),
        ("resources/templates/list", "resourceTemplates", &listed.templates),
    ];
    let shown = lists.map(async |(method, items, expected)| {
        assert!(!expected.is_empty(), "{method}");
        let mut shown = inspect(url, era, &[method]).await;
        if let (Era::Modern, Value::Array(items)) = (era, &mut shown[items]) {
            items.retain(|item| method != "tools/list" || !is_of_ev(item));
        }
        assert_eq!(shown[items], json!(expected), "{method}");
    });
    stream::iter(shown).buffered(AT_ONCE).collect::<()>().await;

    let tools = [
        ("rsl", "share_note", json!({ "name": "welcome" }), "The note welcome:"),
        ("rsm", "share_note", json!({ "name": "welcome" }), "The note welcome:"),
        ("ev", "echo", json!({ "message": "hé" }), "Echo: hé"),
        ("py", "add", json!({ "a": 1, "b": 2 }), "3"),
        ("fast", "echo", json!({ "value": "hi" }), r#""hi""#),
        ("tsb", "add", json!({ "a": 1, "b": 2 }), "3"),
        ("tsl", "add", json!({ "a": 1, "b": 2 }), "3"),
        ("tsm", "add", json!({ "a": 1, "b": 2 }), "3"),
    ];
    let calls = rig.reachable(era).map(async |(peer, _)| {
        let (_, tool, arguments, answer) = tools.iter().find(|(name, ..)| *name == peer.name).unwrap();
        let (tool, arguments) = (format!("{}{tool}", peer.prefix()), arguments.to_string());
        let called = inspect(url, era, &["tools/call", "--tool-name", &tool, "--tool-args-json", &arguments]).await;
        assert_eq!(called["content"][0]["text"], **answer, "{tool}");
    });
    stream::iter(calls).buffered(AT_ONCE).collect::<()>().await;

    let got = inspect(url, era, &["prompts/get", "--prompt-name", "tsb_greet", "--prompt-args", "name=Ada"]).await;
    assert_eq!(got["messages"][0]["content"]["text"], "Greet Ada.");
    let read = inspect(url, era, &["resources/read", "--uri", "tsb+doc://items/7"]).await;
    assert_eq!(read["contents"][0]["uri"], "tsb+doc://items/7");
    assert_eq!(read["contents"][0]["text"], "Item 7");
}

#[tokio::test]
async fn the_inspector_in_the_legacy_era() {
    inspector(Era::Legacy).await;
}

#[tokio::test]
async fn the_inspector_in_2026_07_28() {
    inspector(Era::Modern).await;
}

/// What no SDK's client would send, and every SDK's server reads.
const ODD: &str = r#"{"n":9007199254740993, "f":1.0,"e":1e400,"u":"\u00e9é","z":-0 ,"nested":{"b":1,"a":[ ]}}"#;

/// The request that a server of the TypeScript SDK received, by what `echo_raw` answers.
fn received(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn every_byte_of_a_legacy_call_arrives() {
    let rig = rig().await;
    for (gateway, peer) in rig.gateways.iter().flat_map(|gateway| [(gateway, "tsl"), (gateway, "tsb")]) {
        let session = Session::open(gateway.url()).await;
        let call = |name: &str| {
            format!(
                " {{\"id\":\"\\u00e9\", \"jsonrpc\":\"2.0\",\n\"method\":\"tools/call\",\"params\":\
                 {{\"_meta\":{{\"v/x\":1.0}},\"arguments\":{ODD},\t\"name\":\"{name}\"}}}}"
            )
        };
        let answer = session.send(call(&format!("{peer}_echo_raw"))).await.message();
        assert_eq!(answer["id"], "é");
        assert_eq!(received(&answer), call("echo_raw"));
    }
}

#[tokio::test]
async fn every_byte_of_a_modern_call_arrives() {
    let rig = rig().await;
    for (gateway, peer) in rig.gateways.iter().flat_map(|gateway| [(gateway, "tsm"), (gateway, "tsb")]) {
        let call = |name: &str| {
            format!(
                "{{\"jsonrpc\":\"2.0\", \"id\":7,\"method\":\"tools/call\",\"params\":{{\"_meta\":\
                 {{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\
                 \"io.modelcontextprotocol/clientCapabilities\":{{}},\"v/x\":1.0}},\
                 \"name\":\"{name}\",\n\"arguments\":{ODD}}}}} "
            )
        };
        let post = Http::new()
            .post(gateway.url())
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", &format!("{peer}_echo_raw"));
        let answer = post.send(call(&format!("{peer}_echo_raw"))).await.message();
        assert_eq!(received(&answer), call("echo_raw"));
    }
}
