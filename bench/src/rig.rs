//! The gateway as it is measured: server, broker and Envoy.

use crate::backend::{Backend, FAST_PATH, SLOW_PATH};
use crate::envoy::Envoy;
use crate::{Failure, against, plain};
use broker::status::State;
use broker::{Broker, Options};
use controller::render::{BOOTSTRAP_FILE, Layout, render, routed};
use controller::sink::Folder;
use controller::source::Source;
use protocol::config::FilterMode;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Prefix of the server that reads as fast as it can.
pub(crate) const FAST_PREFIX: &str = "bench_";
/// Prefix of the server that reads slowly.
pub(crate) const SLOW_PREFIX: &str = "slow_";

/// How long the servers may take to be found ready.
const READY: Duration = Duration::from_secs(30);
/// Any port of this machine.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const KEY: &str = "the benchmark's own key";

/// What is measured.
pub(crate) struct Parts {
    envoy: PathBuf,
    wasm: PathBuf,
    /// Other modules to compare with.
    against: Vec<PathBuf>,
}

impl Parts {
    pub(crate) fn find(envoy: &Path, wasm: &Path, against: &[PathBuf]) -> Result<Self, Failure> {
        let find = |path: &Path, fix| {
            path.canonicalize().map_err(|error| format!("error: {} cannot be read: {error}: {fix}", path.display()))
        };
        Ok(Self {
            envoy: find(envoy, "give Envoy's path with --envoy, or install it: scripts/setup-envoy.sh")?,
            wasm: find(wasm, "give the module's path with --wasm, or build it: make wasm")?,
            against: against
                .iter()
                .map(|path| find(path, "give a module's path with --against"))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// All of it, running. Dropping it kills Envoy.
pub(crate) struct Rig {
    pub(crate) envoy: Envoy,
    /// The listener with the filter.
    pub(crate) filter: SocketAddr,
    /// The listener without.
    pub(crate) plain: SocketAddr,
    /// The listeners with the other modules.
    pub(crate) against: Vec<SocketAddr>,
    broker: Broker,
    _gateway: watch::Sender<Arc<protocol::config::Gateway>>,
    _backend: Backend,
    _folder: TempDir,
}

impl Rig {
    pub(crate) async fn start(parts: &Parts) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("mcp-gateway-bench-").tempdir();
        let folder = folder.map_err(|error| format!("error: no folder can be made: {error}"))?;
        let backend = Backend::start().await?;
        let gateway = routed(declare(folder.path(), backend.address)?);
        let (public, internal) = (bind()?, bind()?);
        let admin = folder.path().join("admin.sock");
        let layout = Layout {
            listen: ANY,
            broker: internal.local_addr().map_err(|error| error.to_string())?,
            key: KEY.to_owned(),
            wasm: parts.wasm.clone(),
            mode: FilterMode::Body,
            directory: folder.path().to_owned(),
            admin: Some(admin.clone()),
            system_ca: openssl_probe::probe().cert_file.unwrap_or_default(),
        };
        let mut rendered = render(&gateway, &layout);
        against::add(&mut rendered, &parts.against)?;
        plain::add(&mut rendered)?;
        let written = Folder::private(folder.path()).write(&rendered);
        written.map_err(|error| format!("error: {} cannot be written: {error}", folder.path().display()))?;

        let (sender, receiver) = watch::channel(Arc::new(gateway));
        let broker =
            broker::start(receiver, Options { public, internal, metrics: None, key: layout.key, advertised: None });
        let envoy = Envoy::start(&parts.envoy, &folder.path().join(BOOTSTRAP_FILE), &admin).await?;
        servers_ready(&broker).await?;
        let (filter, plain) = (envoy.listener("mcp").await?, envoy.listener(plain::PLAIN).await?);
        let mut against = Vec::new();
        for number in 0..parts.against.len() {
            against.push(envoy.listener(&against::listener(number)).await?);
        }
        Ok(Self { envoy, filter, plain, against, broker, _gateway: sender, _backend: backend, _folder: folder })
    }

    pub(crate) async fn end(mut self) {
        self.envoy.end().await;
        self.broker.shutdown().await;
    }
}

/// Two servers, declared as a user declares them: every default is the gateway's.
fn declare(folder: &Path, server: SocketAddr) -> Result<protocol::config::Gateway, Failure> {
    let file = folder.join("gateway.yaml");
    let text = format!(
        "servers:\n\
         - {{ name: fast, prefix: {FAST_PREFIX}, url: 'http://{server}{FAST_PATH}' }}\n\
         - {{ name: slow, prefix: {SLOW_PREFIX}, url: 'http://{server}{SLOW_PATH}' }}\n"
    );
    std::fs::write(&file, text).map_err(|error| format!("error: {} cannot be written: {error}", file.display()))?;
    Source::Gateway(file).read().map(|declaration| declaration.gateway).map_err(|mistakes| mistakes.to_string())
}

fn bind() -> Result<TcpListener, Failure> {
    broker::listen(ANY).map_err(|error| format!("error: the broker cannot listen: {error}"))
}

async fn servers_ready(broker: &Broker) -> Result<(), Failure> {
    let mut status = broker.status();
    let ready = status.wait_for(|status| {
        !status.servers.is_empty() && status.servers.iter().all(|server| server.state == State::Ready)
    });
    match tokio::time::timeout(READY, ready).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(format!("error: the broker did not find the servers ready: {:?}", *broker.status().borrow())),
    }
}
