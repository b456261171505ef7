//! Servers over HTTP+SSE and on standard streams: through the gateway a client sees what it sees at the same server over
//! Streamable HTTP.

use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::{self, Client, Era, Plan, Seen, command, offer};
use mcp_gateway_tests::process::{Server, root};
use mcp_gateway_tests::{Front, at_every_front, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Both transports of server-everything.
async fn everything() -> (Gateway, Server) {
    let sse = peers::everything_sse().await;
    // What a server asks is to be seen as it is without a gateway.
    let config = Config::new()
        .line("labelElicitations: false")
        .process("io", "io_", &command::everything(), "")
        .server("sse", "sse_", &sse.url);
    (config.start().await, sse)
}

async fn legacy_clients(client: Client) {
    let (alone, (mut gateway, _sse)) = tokio::join!(peers::everything(), everything());
    let plan = offer::everything();
    let seen = client.run(&alone.url, Era::Legacy, &plan).await;
    let both = plan.behind("io_").then(plan.behind("sse_"));
    let expected = seen.clone().behind("io_").then(seen.behind("sse_"));
    let through = client.run(gateway.url(), Era::Legacy, &both.wait("progress", expected.times("progress"))).await;
    through.assert_is(&expected, &format!("{client:?}"));
    assert!(gateway.process.stop(), "the gateway leaves nothing behind: {:?}", gateway.process.log().lines());
}

#[tokio::test]
async fn the_typescript_client() {
    legacy_clients(Client::TypeScript).await;
}

#[tokio::test]
async fn the_python_client() {
    legacy_clients(Client::Python).await;
}

/// A client of 2026-07-28 at legacy servers: what they say and ask is the same, in the form of its era.
async fn modern_clients(client: Client) {
    let (alone, (gateway, _sse)) = tokio::join!(peers::everything(), everything());
    let plan = offer::everything();
    let seen = client.run(&alone.url, Era::Legacy, &plan).await;
    let both = plan.behind("io_").then(plan.behind("sse_"));
    let expected = seen.clone().behind("io_").then(seen.behind("sse_"));
    let through = client.run(gateway.url(), Era::Modern, &both.wait("progress", expected.times("progress"))).await;
    for (kind, through, expected) in [
        ("calls", &through.called, &expected.called),
        ("prompts", &through.got, &expected.got),
        ("resources", &through.read, &expected.read),
    ] {
        assert_eq!(through.len(), expected.len(), "{client:?}: {kind}");
        for (through, expected) in through.iter().zip(expected) {
            let results = [&through["result"], &expected["result"]];
            for part in ["content", "structuredContent", "isError", "messages", "contents"] {
                let [through, expected] = results.map(|result| &result[part]);
                assert_eq!(through, expected, "{client:?}: {kind}: {part}");
            }
        }
    }
    assert_eq!(through.elicited.len(), expected.elicited.len());
    // The TypeScript SDK tells of rounds of its own as progress, without a total.
    let of_servers =
        |seen: &Seen| seen.told.iter().filter(|told| told["params"]["total"].is_number()).cloned().collect::<Vec<_>>();
    assert_eq!(of_servers(&through), of_servers(&expected));
}

#[tokio::test]
async fn the_typescript_client_of_2026_07_28() {
    modern_clients(Client::TypeScript).await;
}

#[tokio::test]
async fn the_python_client_of_2026_07_28() {
    modern_clients(Client::Python).await;
}

/// Files, a memory and the time, and where the first two are.
async fn utilities(front: Front) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "written beforehand").unwrap();
    let memory =
        format!(", env: {{ MEMORY_FILE_PATH: \"{}/memory.jsonl\" }}, process: shared", folder.path().display());
    let config = Config::new()
        .at(front)
        .process("files", "fs_", &command::filesystem(folder.path()), "")
        .process("memory", "memory_", &command::memory(), &memory)
        .process("time", "time_", &command::time(), ", process: shared");
    (config.start().await, folder)
}

fn utility_calls(folder: &TempDir) -> Plan {
    let entity = json!({ "name": "Ada", "entityType": "person", "observations": ["é", "writes programs"] });
    Plan::new()
        .call("fs_read_text_file", json!({ "path": folder.path().join("a.txt") }))
        .call("fs_write_file", json!({ "path": folder.path().join("b.txt"), "content": "é" }))
        .call("memory_create_entities", json!({ "entities": [entity] }))
        .call("memory_search_nodes", json!({ "query": "writes" }))
        .call(
            "time_convert_time",
            json!({ "source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo" }),
        )
}

#[tokio::test]
async fn processes_do_what_they_are_for() {
    let (mut gateway, folder) = utilities(Front::Body).await;
    for (client, era) in [
        (Client::TypeScript, Era::Legacy),
        (Client::Python, Era::Legacy),
        (Client::TypeScript, Era::Modern),
        (Client::Python, Era::Modern),
    ] {
        let seen = client.run(gateway.url(), era, &utility_calls(&folder)).await;
        let text = |at: usize| seen.called[at]["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        assert_eq!(text(0), "written beforehand");
        assert_eq!(std::fs::read_to_string(folder.path().join("b.txt")).unwrap(), "é");
        assert!(text(3).contains("writes programs"), "{}", text(3));
        assert!(text(4).contains("T21:00:00+09:00"), "{}", text(4));
    }
    assert!(gateway.process.stop(), "the gateway leaves nothing behind: {:?}", gateway.process.log().lines());
}

#[tokio::test]
async fn what_a_process_says_of_itself_is_in_the_log() {
    let (gateway, folder) = utilities(Front::Broker).await;
    let of_files = |line: &str| line.contains("Filesystem Server running on stdio") && line.contains("files");
    gateway.process.says("what the server says is in the log", |line| of_files(line).then_some(())).await;
    drop(folder);
}

#[tokio::test]
async fn processes_do_not_outlive_a_gateway_that_is_killed() {
    let (gateway, _folder) = utilities(Front::Broker).await;
    let session = Session::open(gateway.url()).await;
    let listed = session.call("fs_list_allowed_directories", json!({})).await;
    assert_eq!(listed["result"]["isError"], Value::Null);
    let nodes = gateway.process.pids("node");
    assert!(nodes.len() >= 2, "{nodes:?}");
    let own = gateway.process.pids("mcp-gateway");
    for pid in own {
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
    }
    mcp_gateway_tests::until_told("all processes are gone", async || {
        let left = nodes.iter().filter(|pid| is_node(**pid)).count();
        (left == 0).then_some(())
    })
    .await;
}

fn is_node(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains("(node)") && !stat.contains(") Z ")
}

#[tokio::test]
async fn not_even_stubborn_ones_and_their_children_do() {
    let script = root().join("broker/tests/upstream/channel/server.py");
    // A shell between, as npx is, and a child that nobody tells anything.
    let line = format!("python3 '{}' stubborn family; true", script.display());
    let gateway = Config::new()
        .at(Front::Broker)
        .process("s", "s_", &["sh".to_owned(), "-c".to_owned(), line], ", process: shared")
        .start()
        .await;
    let session = Session::open(gateway.url()).await;
    let told = session.call("s_pid", json!({})).await;
    let server = told["result"]["content"][0]["text"].as_str().and_then(|pid| pid.parse().ok());
    let child =
        gateway.process.says("its child", |line| line.split_once("child ")?.1.split(' ').next()?.parse().ok()).await;
    let all: [u32; 2] = [server.unwrap(), child];
    assert!(all.iter().all(|pid| lives(*pid)), "{all:?}");
    kill_process(Pid::from_raw(gateway.broker().cast_signed()).unwrap(), Signal::KILL).unwrap();
    until("both are gone", || all.iter().all(|pid| !lives(*pid)).then_some(())).await;
}

fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

at_every_front!(a_legacy_client_uses_a_modern_process, a_process_runs_where_it_is_told);

async fn a_legacy_client_uses_a_modern_process(front: Front) {
    let gateway = Config::new().at(front).process("io", "io_", &command::typescript(), "").start().await;
    assert_eq!(gateway.server("io").await["eras"], json!(["modern"]));
    let session = Session::able(gateway.url()).await;
    assert!(session.tools().await.contains(&"io_ask_name".to_owned()));
    let sum = session.call("io_add", json!({ "a": 1.5, "b": 2 })).await;
    assert_eq!(sum["result"]["structuredContent"], json!({ "sum": 3.5 }), "{sum}");

    let mut counting = session.call_events("io_count").await;
    let progress = counting.find(|message| message["method"] == "notifications/progress").await;
    assert_eq!(progress["params"], json!({ "progressToken": "t", "progress": 1, "total": 3 }));
    let counted = counting.find(|message| message.get("result").is_some()).await;
    assert_eq!(counted["result"]["content"][0]["text"], "counted to 3");

    let mut asking = session.call_events("io_ask_name").await;
    let question = asking.find(|message| message["method"] == "elicitation/create").await;
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    let sent = json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer });
    assert_eq!(session.send(sent.to_string()).await.status, 202);
    let greeted = asking.find(|message| message.get("result").is_some()).await;
    assert_eq!(greeted["result"]["content"][0]["text"], "Hello, Ada");

    let read = session.ask("resources/read", json!({ "uri": "io+doc://items/7" })).await;
    assert_eq!(read["result"]["contents"][0]["text"], "Item 7", "{read}");
    let got = session.ask("prompts/get", json!({ "name": "io_greet", "arguments": { "name": "Ada" } })).await;
    assert_eq!(got["result"]["messages"][0]["content"]["text"], "Greet Ada.", "{got}");
}

async fn a_process_runs_where_it_is_told(front: Front) {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let script = root().join("broker/tests/upstream/channel/server.py");
    let line = format!("pwd -P > seen; exec python3 '{}'", script.display());
    let cwd = format!(", cwd: \"{}\"", folder.path().display());
    let config = Config::new().at(front).process("s", "s_", &["sh".to_owned(), "-c".to_owned(), line], &cwd);
    let gateway = config.start().await;
    assert_eq!(gateway.server("s").await["state"], "ready");
    let expected = std::fs::canonicalize(folder.path()).unwrap();
    assert_eq!(std::fs::read_to_string(seen).unwrap().trim_end(), expected.to_str().unwrap());
}

at_every_front!(the_sample_server_of_2024_11_05);

async fn the_sample_server_of_2024_11_05(front: Front) {
    let sample = Server::start(&mcp_gateway_tests::process::built("sample-sse"), &["--listen", "127.0.0.1:0"]).await;
    let gateway = Config::new().at(front).server_with("classic", "sse_", &sample.url, ", transport: sse").start().await;
    assert_eq!(gateway.server("classic").await["eras"], json!(["legacy"]));
    let session = Session::able(gateway.url()).await;
    assert_eq!(session.tools().await, ["sse_ask_model", "sse_count_down", "sse_word_count"]);
    let counted = session.call("sse_word_count", json!({ "text": "one two  three" })).await;
    assert_eq!(counted["result"]["content"][0]["text"], "3");

    let mut counting = session.call_events("sse_count_down").await;
    for progress in [1, 2, 3] {
        let told = counting.message().await;
        assert_eq!(
            (&told["params"]["progressToken"], told["params"]["progress"].as_f64()),
            (&json!("t"), Some(progress.into()))
        );
    }
    assert_eq!(counting.message().await["result"]["content"][0]["text"], "counted down from 3");

    let id = session.next_id();
    let params = json!({ "name": "sse_ask_model", "arguments": { "prompt": "What?" } });
    let ask = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
    let mut asking = session.post().open(ask.to_string()).await.events();
    let question = asking.message().await;
    assert_eq!(question["method"], "sampling/createMessage");
    let content = json!({ "type": "text", "text": "That." });
    let result = json!({ "role": "assistant", "content": content, "model": "m" });
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
    assert_eq!(session.send(answer.to_string()).await.status, 202);
    let answered = asking.message().await;
    assert_eq!((&answered["id"], &answered["result"]["content"][0]["text"]), (&json!(id), &json!("m: That.")));
    assert_eq!(session.end().await, 200);
}
