//! Puts an MCP server on a Streamable HTTP endpoint until the process is told to end.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use axum::Router;
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::era::Era;

/// How long calls that are under way may take to end after a signal.
const GRACE: Duration = Duration::from_secs(2);

/// The path of the MCP endpoint.
const ENDPOINT: &str = "/mcp";

/// Flags that every sample server has.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// Protocol revisions to speak: those with sessions, 2026-07-28, or both.
    #[arg(long, value_enum, default_value_t)]
    pub era: Era,

    /// A further value of the `Host` header to accept (a name, or name:port); loopback names always are.
    #[arg(long = "allow-host", value_name = "HOST")]
    pub allow_hosts: Vec<String>,
}

/// Serves on `http://listen/mcp` until SIGINT or SIGTERM. `new_session` makes the server of one session (legacy) or of one
/// request (2026-07-28).
///
/// The line `listening on http://ADDR:PORT/mcp` goes to stdout once connections are accepted; port 0 lets the system choose.
///
/// # Errors
///
/// When `listen` cannot be bound, stdout is closed, or the signal handlers cannot be set.
pub async fn serve<S: ServerHandler>(
    new_session: impl Fn() -> S + Send + Sync + 'static,
    listen: SocketAddr,
    args: ServeArgs,
) -> io::Result<()> {
    until_signal(listen, ENDPOINT, |ended| router(new_session, &args, ended)).await
}

/// Serves a router, whose MCP endpoint has this path, until SIGINT or SIGTERM. The token that the router gets ends its streams.
pub(crate) async fn until_signal(
    listen: SocketAddr,
    endpoint: &str,
    router: impl FnOnce(CancellationToken) -> Router,
) -> io::Result<()> {
    let ended = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("--listen {listen}: {error}")))?;
    let address = listener.local_addr()?;
    let router = router(ended.clone());
    writeln!(io::stdout(), "listening on http://{address}{endpoint}")?;

    let drained = axum::serve(listener, router).with_graceful_shutdown(ended.clone().cancelled_owned()).into_future();
    let mut server = tokio::spawn(drained);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        failed = &mut server => return failed.map_err(io::Error::other)?,
    }
    ended.cancel();
    match tokio::time::timeout(GRACE, &mut server).await {
        Ok(outcome) => outcome.map_err(io::Error::other)?,
        Err(_still_busy) => Ok(()),
    }
}

fn router<S: ServerHandler>(
    new_session: impl Fn() -> S + Send + Sync + 'static,
    args: &ServeArgs,
    ended: CancellationToken,
) -> Router {
    let mut config = StreamableHttpServerConfig::default().with_cancellation_token(ended);
    config.allowed_hosts.extend(args.allow_hosts.iter().cloned());
    if args.era == Era::Modern {
        config = config.with_legacy_session_mode(false).with_stateless_protocol_metadata_required(true);
    }
    let service: StreamableHttpService<S, LocalSessionManager> =
        StreamableHttpService::new(move || Ok(new_session()), Default::default(), config);
    Router::new().route_service(ENDPOINT, service)
}
