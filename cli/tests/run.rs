//! `mcp-gateway run`, with a real Envoy and a real server.

mod common;

use common::{dist, gateway};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// A process whose lines can be waited for. Dropping it ends it as a user does, so that its own children end too.
struct Running {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    seen: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        follow(child.stdout.take().unwrap(), sender.clone());
        follow(child.stderr.take().unwrap(), sender);
        Self { child, lines, seen: String::new() }
    }

    /// Waits for a line with `part` in it.
    async fn line(&mut self, part: &str) -> String {
        loop {
            let line = timeout(PATIENCE, self.lines.recv()).await.ok().flatten();
            let Some(line) = line else { panic!("no line with {part:?} in:\n{}", self.seen) };
            let _ = writeln!(self.seen, "{line}");
            if line.contains(part) {
                return line;
            }
        }
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        kill(self.pid(), signal);
    }

    async fn exit_code(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(pid) = self.child.id() else { return };
        let process = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        // Readable when the process has ended.
        let ended = rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()).unwrap();
        kill(pid, rustix::process::Signal::TERM);
        let patience = rustix::event::Timespec { tv_sec: PATIENCE.as_secs().try_into().unwrap(), tv_nsec: 0 };
        let mut wait = [rustix::event::PollFd::new(&ended, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut wait, Some(&patience)).unwrap();
    }
}

fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn follow(output: impl AsyncRead + Unpin + Send + 'static, sender: mpsc::UnboundedSender<String>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let _ = sender.send(line);
        }
    });
}

/// A sample server on a port of the system's choice, and its URL.
async fn server() -> (Running, String) {
    let mut command = Command::new(dist("sample-tools"));
    command.args(["--listen", "127.0.0.1:0"]);
    let mut server = Running::start(command);
    let line = server.line("listening on ").await;
    let url = line.trim_start_matches("listening on ").to_owned();
    (server, url)
}

/// A gateway over `declaration` in a folder of its own.
struct Gateway {
    running: Running,
    folder: TempDir,
    endpoint: String,
}

impl Gateway {
    async fn start(declaration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let mut running = Running::start(command(folder.path(), declaration));
        let line = running.line("MCP endpoint: ").await;
        let endpoint = line.trim_start_matches("MCP endpoint: ").to_owned();
        Self { running, folder, endpoint }
    }

    /// Replaces the file as an editor does.
    fn declare(&self, declaration: &str) {
        let file = self.folder.path().join("gateway.yaml");
        std::fs::write(file.with_extension("new"), declaration).unwrap();
        std::fs::rename(file.with_extension("new"), file).unwrap();
    }

    async fn call(&self, tool: &str) -> String {
        call(&self.endpoint, tool).await
    }

    /// The process id of its Envoy.
    fn envoy(&self) -> u32 {
        let pid = self.running.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let others: String = std::fs::read_dir(format!("/proc/{pid}/task"))
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
            .collect();
        format!("{children} {others}").split_whitespace().next().expect("an Envoy").parse().unwrap()
    }
}

fn command(folder: &Path, declaration: &str) -> Command {
    std::fs::write(folder.join("gateway.yaml"), declaration).unwrap();
    let mut command = gateway();
    command.args(["run", "--concurrency", "1", "--wasm"]).arg(dist("mcp-gateway.wasm"));
    command.current_dir(folder).env("XDG_RUNTIME_DIR", folder.join("run"));
    command.into()
}

/// Calls a tool as a modern client does.
async fn call(endpoint: &str, tool: &str) -> String {
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": tool, "arguments": { "text": "x" },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::Client::new()
        .post(endpoint)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(body.to_string())
        .send()
        .await;
    match answer {
        Ok(answer) => answer.text().await.unwrap_or_else(|error| error.to_string()),
        Err(error) => error.to_string(),
    }
}

fn one(prefix: &str, url: &str) -> String {
    format!("listen: 127.0.0.1:0\nservers:\n  - {{name: s, prefix: {prefix}, url: '{url}'}}\n")
}

#[tokio::test]
async fn it_serves_and_leaves_nothing_behind() {
    let (_server, url) = server().await;
    let mut gateway = Gateway::start(&one("a_", &url)).await;
    assert!(gateway.running.seen.contains("ready") && gateway.running.seen.contains("5 tools"));
    let answer = gateway.call("a_base64_encode").await;
    assert!(answer.contains("eA=="), "{answer}");
    let envoy = gateway.envoy();
    gateway.running.signal(rustix::process::Signal::TERM);
    assert_eq!(gateway.running.exit_code().await, Some(0));
    assert!(!Path::new(&format!("/proc/{envoy}")).exists(), "Envoy still runs");
    assert_eq!(std::fs::read_dir(gateway.folder.path().join("run")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_change_takes_effect_and_no_call_is_lost() {
    let (_server, url) = server().await;
    let mut gateway = Gateway::start(&one("a_", &url)).await;
    let endpoint = gateway.endpoint.clone();
    let (done, mut over) = tokio::sync::oneshot::channel::<()>();
    let calling = tokio::spawn(async move {
        let mut count = 0;
        while over.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
            let answer = call(&endpoint, "a_base64_encode").await;
            assert!(answer.contains("eA=="), "{answer}");
            count += 1;
        }
        count
    });
    let mut best = Duration::MAX;
    for round in 0..5 {
        let more = format!("{}  - {{name: t, prefix: t{round}_, url: '{url}?round={round}'}}\n", one("a_", &url));
        let before = std::time::Instant::now();
        gateway.declare(&more);
        gateway.running.line("The changed configuration is in force").await;
        best = best.min(before.elapsed());
        let answer = gateway.call(&format!("t{round}_base64_encode")).await;
        assert!(answer.contains("eA=="), "{answer}");
    }
    // The machine may be busy, and what waits for a timer always waits.
    assert!(best < Duration::from_secs(2), "{best:?}");
    done.send(()).unwrap();
    assert!(calling.await.unwrap() > 0);
    gateway.running.signal(rustix::process::Signal::INT);
    assert_eq!(gateway.running.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_broken_file_is_reported_and_changes_nothing() {
    let (_server, url) = server().await;
    let mut gateway = Gateway::start(&one("a_", &url)).await;
    gateway.declare("servers:\n  - name: a b\n");
    gateway.running.line("gateway.yaml:2:11: servers[0].name: is `a b`").await;
    gateway.running.line("the last good configuration stays in force").await;
    let answer = gateway.call("a_base64_encode").await;
    assert!(answer.contains("eA=="), "{answer}");
    gateway.declare(&one("b_", &url));
    gateway.running.line("The changed configuration is in force").await;
    let answer = gateway.call("b_base64_encode").await;
    assert!(answer.contains("eA=="), "{answer}");
    gateway.declare(&one("b_", &url).replace(":0", ":1"));
    gateway.running.line("listen: 127.0.0.1:1 takes effect when the gateway is started again").await;
}

#[tokio::test]
async fn an_envoy_that_dies_is_started_again() {
    let (_server, url) = server().await;
    let mut gateway = Gateway::start(&one("a_", &url)).await;
    kill(gateway.envoy(), rustix::process::Signal::KILL);
    gateway.running.line("Envoy ended").await;
    let answered = async {
        while !gateway.call("a_base64_encode").await.contains("eA==") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, answered).await.expect("it serves again");
}

#[tokio::test]
async fn a_gateway_that_is_killed_takes_its_envoy_along() {
    let (_server, url) = server().await;
    let mut gateway = Gateway::start(&one("a_", &url)).await;
    let envoy = gateway.envoy();
    gateway.running.signal(rustix::process::Signal::KILL);
    gateway.running.exit_code().await;
    let gone = async {
        while Path::new(&format!("/proc/{envoy}")).exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("Envoy ends");
}

#[tokio::test]
async fn a_taken_port_is_told_before_anything_starts() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let declaration = format!("listen: {address}\nservers: []\n");
    let mut running = Running::start(command(folder.path(), &declaration));
    running.line(&format!("cannot listen on {address}")).await;
    assert_eq!(running.exit_code().await, Some(1));
}

#[tokio::test]
async fn an_envoy_that_does_not_start_is_told_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let mut command = command(folder.path(), "listen: 127.0.0.1:0\nservers: []\n");
    command.args(["--envoy", "/bin/false"]);
    let mut running = Running::start(command);
    running.line("Envoy did not start").await;
    assert_eq!(running.exit_code().await, Some(1));
    assert_eq!(std::fs::read_dir(folder.path().join("run")).unwrap().count(), 0);
}
