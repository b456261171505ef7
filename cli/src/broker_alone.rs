//! `mcp-gateway broker`.

use crate::args::BrokerArgs;
use crate::follow::Changes;
use crate::signals::Signals;
use crate::{Failure, console, key, servers, validate};
use broker::Options;
use controller::render::routed;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) async fn run(args: BrokerArgs) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let source = args.declaration.source();
    let declaration = validate::read(&source)?;
    let key = key::read(args.key_file.as_deref(), args.internal_listen)?;
    let (public, internal) = (bind(args.listen).await?, bind(args.internal_listen).await?);
    let (public_address, internal_address) = (address(&public)?, address(&internal)?);

    let mut changes = Changes::follow(source, declaration.clone())?;
    let (gateway, followed) = watch::channel(Arc::new(routed(declaration.gateway)));
    let advertised = args.advertise.map(|address| SocketAddr::new(address, internal_address.port()));
    let broker = broker::start(followed, Options { public, internal, key, advertised });
    let mut status = broker.status();
    let told = servers::introduce(&mut status).await;
    console::say(&format!("Broker, for the filter: {internal_address}"));
    console::say(&format!("MCP endpoint without Envoy: http://{public_address}/mcp"));
    console::say(&format!("Status: http://{public_address}/status"));
    let reporting = tokio::spawn(servers::report(status, told));

    loop {
        tokio::select! {
            () = signals.next() => break,
            declaration = changes.next() => {
                gateway.send_replace(Arc::new(routed(declaration.gateway)));
            }
        }
    }
    reporting.abort();
    broker.shutdown().await;
    Ok(())
}

/// Binds a port of the broker's.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| format!("error: cannot listen on {address}: {error}"))
}

/// The address that a listener really has.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| format!("error: a port has no address: {error}"))
}
