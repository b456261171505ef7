//! The broker as a whole: its start and its end.

use crate::crossing::modern_client::LegacyServers;
use crate::downstream::{self, App, Connections, Filters, Metrics, Readiness};
use crate::peers::Peers;
use crate::reaper;
use crate::seal::random;
use crate::session::id::Key;
use crate::session::shared::{News, SWEEP, Shared, StoreStatus};
use crate::session::{Slot, Store};
use crate::status::Status;
use crate::upstream::Registry;
use axum::Router;
use axum::serve::ListenerExt as _;
use protocol::config::Gateway;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the end of all sessions with servers may take, and then that of the connections of clients.
const GRACE: Duration = Duration::from_secs(2);

/// Connections that may wait to be taken up; the system has a limit of its own (`net.core.somaxconn`). Of a storm of first calls
/// each has Envoy open a connection, and those that find no place are tried again after seconds.
const BACKLOG: u32 = 65_535;

/// What a broker needs beside the configuration.
#[derive(Debug)]
pub struct Options {
    /// A whole gateway on its own: `/mcp`, `/healthz`, `/readyz`, `/status`, `/metrics`.
    pub public: TcpListener,
    /// For the filter: `/mcp`, `/resolve`, `/table`, `/changed`, `/healthz`.
    pub internal: TcpListener,
    /// What may be read by whoever gets there: `/metrics`, `/healthz`, `/readyz`.
    pub metrics: Option<TcpListener>,
    /// Every request on the internal port but `/healthz` carries it in `x-mcp-gateway-key`.
    pub key: String,
    /// Where other replicas reach the internal port of this one; `None` if they do not.
    pub advertised: Option<SocketAddr>,
}

/// A running broker. Dropping it does not end it: see [`Broker::shutdown`].
pub struct Broker {
    app: Arc<App>,
    tasks: TaskTracker,
}

/// Binds a port for many connections at once.
///
/// Must be called within a Tokio runtime.
///
/// # Errors
/// If the address cannot be had.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Starts the broker. It follows `gateway` as it changes.
///
/// Must be called within a Tokio runtime.
pub fn start(gateway: watch::Receiver<Arc<Gateway>>, options: Options) -> Broker {
    let Options { public, internal, metrics, key, advertised } = options;
    let registry = Arc::new(Registry::start(gateway.clone()));
    let ending = CancellationToken::new();
    let (shared, news) = Shared::start(gateway.clone(), ending.clone());
    let app = Arc::new(App {
        legacy_servers: LegacyServers::new(gateway.clone(), Arc::clone(&registry), advertised, ending.clone()),
        sessions: Store::new(Key::from_environment(), Arc::clone(&registry), advertised, Arc::clone(&shared)),
        registry,
        shared,
        gateway,
        peers: Peers::new(advertised, key.clone()),
        metrics: Metrics::default(),
        readiness: Readiness::default(),
        filters: Filters::default(),
        connections: Connections::default(),
        key,
        life: advertised.is_none().then(new_life),
        ending,
    });
    let tasks = TaskTracker::new();
    tasks.spawn(serve(public, downstream::public(Arc::clone(&app)), app.ending.clone()));
    tasks.spawn(serve(internal, downstream::internal(Arc::clone(&app)), app.ending.clone()));
    if let Some(metrics) = metrics {
        tasks.spawn(serve(metrics, downstream::metrics(Arc::clone(&app)), app.ending.clone()));
    }
    tasks.spawn(sweep(Arc::clone(&app)));
    tasks.spawn(follow(Arc::clone(&app), news));
    Broker { app, tasks }
}

impl Broker {
    /// How the servers are, from now on.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.app.registry.status()
    }

    /// How the session store is, as soon as it has been tried; `None` if there is none.
    pub async fn session_store(&self) -> Option<StoreStatus> {
        self.app.shared.settled().await;
        self.app.shared.status()
    }

    /// Ends streams, sessions with servers that are not kept for other brokers, and the listeners.
    pub async fn shutdown(self) {
        self.app.ending.cancel();
        let sessions = self.app.sessions.all();
        let endings = sessions.iter().flat_map(|session| session.close()).map(Slot::leaving);
        let _ = timeout(
            GRACE,
            futures::future::join(futures::future::join_all(endings), self.app.legacy_servers.shutdown()),
        )
        .await;
        self.app.registry.shutdown().await;
        reaper::end().await;
        self.tasks.close();
        if timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some connections of clients were still open at the end");
        }
    }
}

/// A number that no earlier process had, of as many bits as an epoch.
fn new_life() -> u64 {
    u64::from_be_bytes(random()) >> 16
}

async fn serve(listener: TcpListener, router: Router, ending: CancellationToken) {
    let listener = listener.tap_io(|connection| {
        // Events are small and each has to go out at once.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let served = axum::serve(listener, router).with_graceful_shutdown(ending.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "a port is no longer served");
    }
}

async fn follow(app: Arc<App>, news: mpsc::Receiver<News>) {
    app.ending.run_until_cancelled(app.sessions.follow(news)).await;
}

async fn sweep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(SWEEP);
    let mut views = app.registry.views();
    loop {
        tokio::select! {
            () = app.ending.cancelled() => return,
            _ = ticks.tick() => app.sessions.sweep(&app.limits()).await,
            Ok(()) = views.changed() => {}
        }
        app.legacy_servers.sweep();
        app.registry.sweep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn a_port_that_is_not_read_takes_many_connections() {
        let system = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let many = system.trim().parse::<usize>().unwrap().min(1000);
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = futures::future::try_join_all((0..many).map(|_| TcpStream::connect(address)));
        // What finds no place is tried again after 1, 3 and 7 seconds, and still finds none.
        let connections = timeout(Duration::from_secs(10), connecting).await.expect("all of them find a place");
        assert_eq!(connections.unwrap().len(), many);
    }
}
