//! Envoy as a child process, and what its administration interface tells.

use crate::Failure;
use crate::process::Process;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// As many as the limits are given for.
const WORKERS: &str = "2";
/// How long the start may take.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A running Envoy. Dropping it kills it.
pub(crate) struct Envoy {
    child: Child,
    admin: reqwest::Client,
}

impl Envoy {
    /// Starts it and waits until it serves.
    pub(crate) async fn start(binary: &Path, bootstrap: &Path, admin: &Path) -> Result<Self, Failure> {
        let admin = reqwest::Client::builder().unix_socket(admin).timeout(START).build();
        let admin = admin.map_err(|error| format!("error: no HTTP client: {error}"))?;
        let mut command = Command::new(binary);
        command.arg("-c").arg(bootstrap).args(["--concurrency", WORKERS]);
        command.args(["--disable-hot-restart", "--log-level", "warning", "--log-format", "envoy: %l: %v"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let child = command.spawn();
        let child = child.map_err(|error| format!("error: {} cannot be started: {error}", binary.display()))?;
        let mut envoy = Self { child, admin };
        let ready = async {
            while envoy.get("/ready").await.is_none() {
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(START, ready).await {
            Ok(()) => Ok(envoy),
            Err(_) => {
                envoy.end().await;
                Err(format!("error: Envoy was not ready within {} s: what it wrote above says why", START.as_secs()))
            }
        }
    }

    /// What the kernel counts for it.
    pub(crate) fn process(&self) -> Result<Process, Failure> {
        Process::new(self.child.id().ok_or("error: Envoy has ended")?)
    }

    /// The address of the listener `name`.
    pub(crate) async fn listener(&self, name: &str) -> Result<SocketAddr, Failure> {
        // One line a listener: `NAME::ADDRESS`.
        let listeners = self.get("/listeners").await.unwrap_or_default();
        let address = listeners.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("::")?.parse().ok());
        address.ok_or_else(|| format!("error: Envoy has no listener {name:?}"))
    }

    /// Requests that were sent to `cluster` until now.
    pub(crate) async fn requests_to(&self, cluster: &str) -> Result<u64, Failure> {
        let name = format!("cluster.{cluster}.upstream_rq_total");
        let stats = self.get(&format!("/stats?filter=^{name}$")).await.unwrap_or_default();
        let count = stats.lines().find_map(|line| line.strip_prefix(name.as_str())?.strip_prefix(": ")?.parse().ok());
        count.ok_or_else(|| format!("error: Envoy has no statistic {name}"))
    }

    pub(crate) async fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill().await;
    }

    async fn get(&self, path: &str) -> Option<String> {
        let answer = self.admin.get(format!("http://envoy{path}")).send().await.ok()?.error_for_status().ok()?;
        answer.text().await.ok()
    }
}
