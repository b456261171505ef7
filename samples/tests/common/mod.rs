//! Runs a sample server as a process and connects rmcp's client to it.

use std::process::{ExitStatus, Stdio};

use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{CallToolResult, ProtocolVersion},
    service::RunningService,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A sample server that runs until it is dropped.
pub(crate) struct Sample {
    pub(crate) url: String,
    process: Child,
}

impl Sample {
    /// Starts `binary` on a port that the system chooses, and waits until it is ready.
    pub(crate) async fn start(binary: &str, flags: &[&str]) -> Self {
        let mut process = Command::new(binary)
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.next_line().await.unwrap().unwrap();
        let url = ready.strip_prefix("listening on ").unwrap().to_owned();
        Self { url, process }
    }

    /// Sends the server SIGTERM and waits for its end.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let id = self.process.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(sent.success());
        self.process.wait().await.unwrap()
    }

    /// Connects `handler` as a client of 2025-11-25 (with a session).
    pub(crate) async fn legacy<H: ClientHandler>(&self, handler: H) -> Connected<H> {
        self.connect(handler, ClientLifecycleMode::Initialize).await
    }

    /// Connects `handler` as a client of 2026-07-28.
    pub(crate) async fn modern<H: ClientHandler>(&self, handler: H) -> Connected<H> {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        self.connect(handler, ClientLifecycleMode::Discover { preferred_versions }).await
    }

    async fn connect<H: ClientHandler>(&self, handler: H, mode: ClientLifecycleMode) -> Connected<H> {
        let config = StreamableHttpClientTransportConfig::with_uri(self.url.clone());
        let transport = StreamableHttpClientTransport::from_config(config);
        let connected = handler.serve_with_lifecycle(transport, mode).await;
        connected.map_err(|error| error.to_string())
    }
}

type Connected<H> = Result<RunningService<RoleClient, H>, String>;

/// The text of the only content block of a result.
pub(crate) fn text(result: &CallToolResult) -> &str {
    assert_eq!(result.content.len(), 1, "{result:?}");
    &result.content[0].as_text().unwrap().text
}
