//! `mcp-gateway broker`.

use crate::args::BrokerArgs;
use crate::follow::Changes;
use crate::signals::Signals;
use crate::{Failure, config_secret, console, key, servers, validate};
use broker::Options;
use controller::render::routed;
use protocol::config::Gateway;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub(crate) async fn run(args: BrokerArgs) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let (key, mut configurations) = match (&args.config_secret, &args.key_dir) {
        (Some(secret), Some(keys)) => {
            let key = key::read(Some(&keys.join("key")), args.internal_listen)?;
            let followed = config_secret::follow(secret, &keys.join("config")).await?;
            (key, followed)
        }
        _ => {
            let key = key::read(args.key_file.as_deref(), args.internal_listen)?;
            (key, of_file(&args)?)
        }
    };
    let first = tokio::select! {
        first = configurations.next() => first,
        () = signals.next() => return Ok(()),
    };
    let (public, internal) = (bind(args.listen)?, bind(args.internal_listen)?);
    let metrics = args.metrics_listen.map(bind).transpose()?;
    let metrics_address = metrics.as_ref().map(address).transpose()?;
    let (public_address, internal_address) = (address(&public)?, address(&internal)?);
    let (gateway, followed) = watch::channel(Arc::new(first));
    let advertised = args.advertise.map(|address| SocketAddr::new(address, internal_address.port()));
    let broker = broker::start(followed, Options { public, internal, metrics, key, advertised });
    let mut status = broker.status();
    let told = servers::introduce(&mut status).await;
    servers::tell_store(&broker).await;
    console::say(&format!("Broker, for the filter: {internal_address}"));
    console::say(&format!("MCP endpoint without Envoy: http://{public_address}/mcp"));
    console::say(&format!("Status: http://{public_address}/status"));
    if let Some(address) = metrics_address {
        console::say(&format!("Metrics: http://{address}/metrics"));
    }
    let reporting = tokio::spawn(servers::report(status, told));

    loop {
        tokio::select! {
            () = signals.next() => break,
            next = configurations.next() => {
                gateway.send_replace(Arc::new(next));
            }
        }
    }
    reporting.abort();
    broker.shutdown().await;
    Ok(())
}

/// Configurations, the first one and those that follow it.
pub(crate) struct Configurations(mpsc::Receiver<Gateway>);

impl Configurations {
    pub(crate) fn new(receiver: mpsc::Receiver<Gateway>) -> Self {
        Self(receiver)
    }

    /// The next one. Pending for ever if there is none.
    async fn next(&mut self) -> Gateway {
        match self.0.recv().await {
            Some(gateway) => gateway,
            None => std::future::pending().await,
        }
    }
}

/// Those of a file, which is followed as it changes.
fn of_file(args: &BrokerArgs) -> Result<Configurations, Failure> {
    let source = args.declaration.source();
    let declaration = validate::read(&source)?;
    let mut changes = Changes::follow(source, declaration.clone())?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut next = declaration;
        while sender.send(routed(next.gateway)).await.is_ok() {
            next = changes.next().await;
        }
    });
    Ok(Configurations::new(receiver))
}

/// Binds a port of the broker's.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    broker::listen(address).map_err(|error| format!("error: cannot listen on {address}: {error}"))
}

/// The address that a listener really has.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| format!("error: a port has no address: {error}"))
}
