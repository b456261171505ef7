//! Envoy's administration interface, over its socket.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);

/// A client of it. An answer that does not come is `None`: Envoy is starting, or gone.
#[derive(Clone)]
pub(crate) struct Admin(reqwest::Client);

impl Admin {
    pub(crate) fn new(socket: &Path) -> Result<Self, crate::Failure> {
        let client = reqwest::Client::builder().unix_socket(socket).timeout(TIMEOUT).build();
        client.map(Self).map_err(|error| format!("error: no HTTP client: {error}"))
    }

    /// Whether listeners accept connections (`/ready`).
    pub(crate) async fn is_ready(&self) -> bool {
        self.get("/ready").await.is_some()
    }

    /// The address of the first listener.
    pub(crate) async fn listen(&self) -> Option<SocketAddr> {
        // One line a listener: `NAME::ADDRESS`.
        let listeners = self.get("/listeners").await?;
        listeners.lines().next()?.split_once("::")?.1.parse().ok()
    }

    /// The versions of the files that are in force.
    pub(crate) async fn versions(&self) -> Option<Versions> {
        let stats = self.get("/stats?type=TextReadouts&filter=version_text").await?;
        let of = |name: &str| {
            let line = stats.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(": ")?.1.trim_matches('"').to_owned())
        };
        Some(Versions {
            clusters: of("cluster_manager.cds.version_text").unwrap_or_default(),
            routes: of("http.mcp.rds.").unwrap_or_default(),
            extension: of("extension_config_discovery.").unwrap_or_default(),
        })
    }

    /// How many requests are being served.
    pub(crate) async fn active_requests(&self) -> Option<u64> {
        let stats = self.get("/stats?filter=^http.mcp.downstream_rq_active$").await?;
        stats.lines().find_map(|line| line.split_once(": ")?.1.parse().ok())
    }

    /// Closes the listeners; what is under way goes on.
    pub(crate) async fn stop_listening(&self) {
        let _ = self.0.post("http://envoy/drain_listeners").send().await;
    }

    async fn get(&self, path: &str) -> Option<String> {
        let answer = self.0.get(format!("http://envoy{path}")).send().await.ok()?.error_for_status().ok()?;
        answer.text().await.ok()
    }
}

/// What is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) clusters: String,
    pub(crate) routes: String,
    pub(crate) extension: String,
}
