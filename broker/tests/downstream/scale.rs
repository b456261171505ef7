//! Two hundred servers with fifty tools each.

use crate::client::{Client, names};
use crate::rig::{Rig, rig, rig_with};
use crate::scripted::{Scripted, scripted};
use protocol::config::{EraChoice, Limits};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SERVERS: usize = 200;
const TOOLS: usize = 50;
/// What tells a client nothing about lists.
const SMALL_TALK: [&str; 2] = ["ping", "server/discover"];

fn name(server: usize) -> String {
    format!("s{server:03}")
}

/// The tools of all servers as clients see them.
fn expected() -> Vec<String> {
    (0..SERVERS).flat_map(|server| (0..TOOLS).map(move |n| format!("{}_t{n}", name(server)))).collect()
}

/// Servers that list their tools on two pages, and say when these change if they `tell`; `s007` has one more in front when it has
/// grown.
struct Farm {
    servers: Scripted,
    grown: Arc<AtomicBool>,
}

async fn farm(era: EraChoice, tell: bool, ttl: u64) -> Farm {
    let grown = Arc::new(AtomicBool::new(false));
    let has_grown = Arc::clone(&grown);
    let servers = scripted(era, move |heard| {
        let tool = |name: String| json!({"name": name, "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}});
        vec![match heard.method() {
            "initialize" | "server/discover" => json!({"tools": {"listChanged": tell}}),
            "ping" => json!({"result": {}}),
            "tools/list" => {
                let second = heard.json["params"]["cursor"] == "half";
                let half = if second { TOOLS / 2..TOOLS } else { 0..TOOLS / 2 };
                let mut tools: Vec<_> = half.map(|n| tool(format!("t{n}"))).collect();
                if !second && heard.server == "s007" && has_grown.load(Ordering::Relaxed) {
                    tools.insert(0, tool("new".to_owned()));
                }
                let next = if second { Value::Null } else { json!("half") };
                json!({"result": {"tools": tools, "nextCursor": next, "resultType": "complete", "ttlMs": ttl, "cacheScope": "public"}})
            }
            _ => return vec![],
        }]
    })
    .await;
    Farm { servers, grown }
}

impl Farm {
    /// A broker over all of them that has heard everything which they say by themselves.
    async fn rig(&self, pages: usize, limits: Limits) -> Rig {
        let servers = (0..SERVERS).map(|n| self.servers.config(&name(n), &format!("{}_", name(n))));
        let rig = rig_with(servers.collect(), limits).await;
        self.servers.wait_until("all lists are known", |s| s.heard("tools/list").len() == SERVERS * pages).await;
        rig
    }

    /// What was asked of the servers so far, but for whether they are there.
    fn asked(&self) -> usize {
        self.servers.heard_without(&SMALL_TALK).len()
    }
}

/// All pages of the tools, and how many there were.
async fn all_pages(client: &Client) -> (Vec<String>, usize) {
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    for id in 1.. {
        let params = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
        let page = client.ask(id, "tools/list", params).await;
        all.extend(names(&page, "tools"));
        cursor = page["result"]["nextCursor"].clone();
        if cursor.is_null() {
            return (all, usize::try_from(id).unwrap());
        }
    }
    unreachable!("a list ends");
}

/// User and system time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tools_are_one_list_that_costs_no_server_anything() {
    let farm = farm(EraChoice::Legacy, true, 0).await;
    // Once when connecting, once more when the stream that tells of changes was open; two pages each.
    let rig = farm.rig(4, Limits::default()).await;
    let client = rig.capable(json!({})).await;
    let asked = farm.asked();
    let (begun, cpu_before) = (Instant::now(), cpu());
    for _ in 0..3 {
        assert_eq!(all_pages(&client).await, (expected(), 10));
    }
    let (took, cost) = (begun.elapsed() / 30, (cpu() - cpu_before) / 30);
    println!(
        "a page of 1000 tools out of {SERVERS} servers: {took:?}, {cost:?} of CPU, the test's own client included"
    );
    assert_eq!(farm.asked(), asked, "a list was asked for again although nothing had changed");

    // Another client that can be asked: what the servers list for its like is found out once.
    let capable = rig.capable(json!({"roots": {}})).await;
    assert_eq!(all_pages(&capable).await, (expected(), 10));
    let sessions = |farm: &Farm| {
        farm.servers
            .heard("initialize")
            .iter()
            .filter(|h| h.json["params"]["capabilities"] == json!({"roots": {}}))
            .count()
    };
    farm.servers
        .wait_until("the lists for such clients are known", |_| {
            farm.asked() == asked + SERVERS * 4 && sessions(&farm) == SERVERS
        })
        .await;
    let other = rig.capable(json!({"roots": {}})).await;
    assert_eq!(all_pages(&other).await, (expected(), 10));
    assert_eq!(farm.asked(), asked + SERVERS * 4);

    // A change costs the server that changed, nobody else.
    let mut stream = client.listen().await;
    let asked = farm.asked();
    farm.grown.store(true, Ordering::Relaxed);
    farm.servers.say("s007", &json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    stream.next_of("notifications/tools/list_changed").await;
    let mut all = expected();
    all.insert(7 * TOOLS, "s007_new".to_owned());
    assert_eq!(all_pages(&client).await, (all, 11));
    assert_eq!(farm.asked(), asked + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_changes_between_pages_goes_on_where_it_was() {
    let farm = farm(EraChoice::Modern, true, 0).await;
    let rig = farm.rig(4, Limits { list_page: 4000, ..Limits::default() }).await;
    let client = rig.modern();
    let asked = farm.asked();
    let page = client.ask("tools/list", json!({})).await["result"].clone();
    assert_eq!((&page["ttlMs"], &page["cacheScope"]), (&json!(0), &json!("public")));
    let mut all = names(&json!({"result": page}), "tools");
    let mut view = rig.modern().listen(json!({"toolsListChanged": true})).await;
    farm.grown.store(true, Ordering::Relaxed);
    farm.servers.say("s007", &json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    view.next_of("notifications/tools/list_changed").await;
    let mut next = page["nextCursor"].clone();
    while !next.is_null() {
        let page = client.ask("tools/list", json!({"cursor": next})).await;
        all.extend(names(&page, "tools"));
        next = page["result"]["nextCursor"].clone();
    }
    assert_eq!(all, expected());
    assert_eq!(farm.asked(), asked + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_do_not_tell_are_asked_again_when_their_time_is_over() {
    let farm = farm(EraChoice::Modern, false, 60_000).await;
    let rig = farm.rig(2, Limits { list_page: 20_000, ..Limits::default() }).await;
    let asked = farm.asked();
    for _ in 0..5 {
        let list = rig.modern().ask("tools/list", json!({})).await;
        assert_eq!(names(&list, "tools"), expected());
        assert!((1..=60_000).contains(&list["result"]["ttlMs"].as_u64().unwrap()), "{}", list["result"]["ttlMs"]);
    }
    assert_eq!(farm.asked(), asked);
}

#[tokio::test]
async fn what_one_credential_lists_is_never_shown_under_another() {
    let servers = scripted(EraChoice::Modern, |heard| {
        let owner = heard.headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or("nobody");
        vec![match heard.method() {
            "server/discover" => json!({"tools": {"listChanged": true}}),
            "tools/list" => {
                let tool = json!({"name": format!("of-{owner}"), "inputSchema": {"type": "object"}});
                json!({"result": {"tools": [tool], "resultType": "complete", "ttlMs": 300_000, "cacheScope": "private"}})
            }
            _ => return vec![],
        }]
    })
    .await;
    let as_owner = |name: &str, owner: &str| {
        let mut config = servers.config(name, &format!("{name}_"));
        config.headers.insert("authorization".to_owned(), owner.to_owned());
        config
    };
    // Two entries for one server are two authorization contexts.
    let rig = rig(vec![as_owner("x", "alice"), as_owner("y", "bob")]).await;
    let request = rig.modern().request(&json!(1), "tools/list", json!({})).header("authorization", "Bearer client");
    let list = crate::client::json(request.send().await.unwrap()).await;
    assert_eq!(names(&list, "tools"), ["x_of-alice", "y_of-bob"]);
    assert_eq!(list["result"]["cacheScope"], "private");
    let from_clients = servers.heard_without(&[]).into_iter().filter(|h| h.headers["authorization"] == "Bearer client");
    assert_eq!(from_clients.count(), 0);
    rig.configure(vec![as_owner("x", "carol"), as_owner("y", "bob")]);
    let mut gone = false;
    let seen = loop {
        let seen = names(&rig.modern().ask("tools/list", json!({})).await, "tools");
        if seen.contains(&"x_of-carol".to_owned()) {
            break seen;
        }
        // Until the new credential has been used, nothing is shown: not what the old one had listed.
        gone |= !seen.contains(&"x_of-alice".to_owned());
        assert!(!gone || seen == ["y_of-bob"], "{seen:?}");
        tokio::task::yield_now().await;
    };
    assert_eq!(seen, ["x_of-carol", "y_of-bob"]);
}
