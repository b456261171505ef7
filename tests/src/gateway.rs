//! The gateway as it is shipped.

use crate::Front;
use crate::client::Http;
use crate::process::{Process, built, root};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// A `gateway.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    servers: String,
    rest: String,
    front: Front,
    environment: Vec<String>,
}

impl Config {
    /// One without servers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Behind another front than Envoy in body mode.
    #[must_use]
    pub fn at(mut self, front: Front) -> Self {
        self.front = front;
        self
    }

    /// With a server. Without a prefix where that is empty.
    #[must_use]
    pub fn server(self, name: &str, prefix: &str, url: &str) -> Self {
        self.server_with(name, prefix, url, "")
    }

    /// With a server that has further fields, each as `, key: value`.
    #[must_use]
    pub fn server_with(mut self, name: &str, prefix: &str, url: &str, more: &str) -> Self {
        let prefix = if prefix.is_empty() { String::new() } else { format!(", prefix: {prefix}") };
        let _ = writeln!(self.servers, "  - {{ name: {name}{prefix}, url: \"{url}\"{more} }}");
        self
    }

    /// With a server that the gateway starts itself; further fields as in [`Self::server_with`].
    #[must_use]
    pub fn process(mut self, name: &str, prefix: &str, command: &[String], more: &str) -> Self {
        let _ = writeln!(self.servers, "  - {{ name: {name}, prefix: {prefix}, command: {command:?}{more} }}");
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// With a further line on top.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        let _ = writeln!(self.rest, "{line}");
        self
    }

    /// As the file's text.
    pub fn text(&self) -> String {
        let servers = if self.servers.is_empty() { " []\n".to_owned() } else { format!("\n{}", self.servers) };
        format!("{}servers:{servers}", self.rest)
    }

    /// Starts a gateway and waits until it knows all its servers.
    pub async fn start(&self) -> Gateway {
        Gateway::start(self).await
    }
}

/// A running gateway. Ends with all that it started when dropped.
#[derive(Debug)]
pub struct Gateway {
    /// Its process, and Envoy's under it.
    pub process: Process,
    endpoint: String,
    operator: String,
    directory: TempDir,
    front: Front,
}

impl Gateway {
    async fn start(config: &Config) -> Self {
        let directory = tempfile::tempdir().expect("a folder for temporary files");
        let file = directory.path().join("gateway.yaml");
        std::fs::write(&file, config.text()).expect("writing gateway.yaml");
        let process = launch(config, &file);
        let endpoint = process.says("the gateway tells its endpoint", |line| url_in(line, "/mcp")).await;
        let operator = process.says("the gateway tells where its status is", |line| url_in(line, "/status")).await;
        let gateway = Self { process, endpoint, operator, directory, front: config.front };
        gateway.settled().await;
        gateway
    }

    /// The endpoint, as `http://127.0.0.1:PORT/mcp`.
    pub fn url(&self) -> &str {
        &self.endpoint
    }

    /// The endpoint's host and port.
    pub fn authority(&self) -> &str {
        self.endpoint.trim_start_matches("http://").trim_end_matches("/mcp")
    }

    /// Another path than the endpoint's.
    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority())
    }

    /// A path of the broker's own port.
    pub fn operator(&self, path: &str) -> String {
        format!("{}{path}", self.operator.trim_end_matches("/status"))
    }

    /// What `/status` says.
    pub async fn status(&self) -> Value {
        let reply = Http::new().get(&self.operator("/status")).await;
        serde_json::from_slice(&reply.body).expect("/status is JSON")
    }

    /// Whether the filter goes by the table of servers that is in force.
    pub async fn filter_is_current(&self) -> bool {
        let status = self.status().await;
        status["filters"].as_array().is_some_and(|filters| filters.iter().any(|f| f["table"] == status["table"]))
    }

    /// What `/status` says of one server; `null` if it is not there.
    pub async fn server(&self, name: &str) -> Value {
        let status = self.status().await;
        let servers = status["servers"].as_array().cloned().unwrap_or_default();
        servers.into_iter().find(|server| server["name"] == name).unwrap_or_default()
    }

    /// What clients talk to.
    pub fn front(&self) -> Front {
        self.front
    }

    /// Waits until every server has been asked once, and Envoy serves and knows them.
    pub async fn settled(&self) {
        let http = Http::new();
        crate::until_told("every server has been asked", async || {
            (http.try_get(&self.operator("/readyz")).await?.status == 200).then_some(())?;
            let status = self.status().await;
            let asked = |server: &Value| server["state"] != "connecting";
            (status["servers"].as_array()?.iter().all(asked) && asked(&status["sessionStore"])).then_some(())
        })
        .await;
        crate::until_told("the front serves", async || {
            (http.try_get(&self.at("/healthz")).await?.status == 200).then_some(())
        })
        .await;
        if self.front != Front::Broker {
            crate::until_told("the filter knows the servers", async || self.filter_is_current().await.then_some(()))
                .await;
        }
    }

    /// The file with its configuration, which it follows.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("gateway.yaml")
    }

    /// Puts another configuration in the place of the one that is in force.
    pub fn configure(&self, config: &Config) {
        self.write(&config.text());
    }

    /// Puts any text in the place of the configuration.
    pub fn write(&self, text: &str) {
        let new = self.directory.path().join(".new");
        std::fs::write(&new, text).expect("writing the new configuration");
        std::fs::rename(new, self.config()).expect("renaming the new configuration");
    }

    /// Envoy's process.
    ///
    /// # Panics
    ///
    /// When there is not exactly one.
    pub fn envoy(&self) -> u32 {
        let pids = self.process.pids("envoy");
        assert_eq!(pids.len(), 1, "one Envoy runs: {pids:?}");
        pids[0]
    }

    /// Bytes of memory that Envoy holds.
    pub fn envoy_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.envoy())).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        resident.and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("VmRSS is a number of kB") << 10
    }

    /// Stops broker and command line where they are, until what this gives is dropped. Envoy goes on.
    pub fn freeze(&self) -> Frozen {
        let pid = Pid::from_raw(self.broker().cast_signed()).expect("processes have ids");
        kill_process(pid, Signal::STOP).expect("stopping the broker");
        let frozen = Frozen(pid);
        let state = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        while !state().contains("State:\tT") {
            std::thread::yield_now();
        }
        frozen
    }

    /// The process of broker and command line.
    ///
    /// # Panics
    ///
    /// When there is not exactly one.
    pub fn broker(&self) -> u32 {
        let pids = self.process.pids("mcp-gateway");
        assert_eq!(pids.len(), 1, "one gateway runs: {pids:?}");
        pids[0]
    }
}

/// A process that is stopped. It goes on when this is dropped.
#[derive(Debug)]
pub struct Frozen(Pid);

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may be gone.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

fn launch(config: &Config, file: &Path) -> Process {
    let (any, binary, wasm) = ("127.0.0.1:0", built("mcp-gateway"), built("mcp-gateway.wasm"));
    let mode = match config.front {
        Front::Body | Front::Broker => "body",
        Front::Header => "header",
    };
    let mut command: Vec<&str> = config.environment.iter().map(String::as_str).collect();
    command.push(path(&binary));
    if config.front == Front::Broker {
        command.extend(["broker", "-f", path(file), "--listen", any, "--internal-listen", any]);
    } else {
        command.extend(["run", "-f", path(file), "--listen", any, "--filter-mode", mode]);
        command.extend(["--envoy", path(envoy()), "--wasm", path(&wasm)]);
    }
    Process::start(Path::new("env"), &command)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("paths are UTF-8")
}

/// The URL in a line that ends with `suffix`.
fn url_in(line: &str, suffix: &str) -> Option<String> {
    let at = line.find("http://")?;
    let url = line.get(at..)?.split([' ', ',', ')', '"', '\u{1b}']).next()?;
    url.ends_with(suffix).then(|| url.to_owned())
}

/// The pinned Envoy; `MCP_GATEWAY_ENVOY` names another one.
pub(crate) fn envoy() -> &'static Path {
    static ENVOY: OnceLock<PathBuf> = OnceLock::new();
    ENVOY.get_or_init(|| {
        if let Some(path) = std::env::var_os("MCP_GATEWAY_ENVOY") {
            return path.into();
        }
        let output = Command::new(root().join("scripts/setup-envoy.sh")).output().expect("running setup-envoy.sh");
        assert!(output.status.success(), "setup-envoy.sh failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().into()
    })
}
