//! The filter's share of the configuration.

use super::{BROKER_CLUSTER, Layout, clusters};
use protocol::config::{Address, Endpoint, Gateway, Plugin, PluginServer, Server};
use url::{Position, Url};

/// The plugin configuration for `gateway`. Calls to a server that Envoy cannot reach are the broker's: its prefix alone is told.
pub fn plugin(gateway: &Gateway, layout: &Layout) -> Plugin {
    Plugin {
        broker_cluster: BROKER_CLUSTER.to_owned(),
        broker_authority: layout.broker.to_string(),
        key: layout.key.clone(),
        servers: gateway.servers.iter().map(|s| server(s, layout)).collect(),
        endpoint: Endpoint::default(),
        access: gateway.access.clone(),
        limits: gateway.limits.clone(),
        editing: gateway.editing.clone(),
        mode: layout.mode,
    }
}

fn server(server: &Server, layout: &Layout) -> PluginServer {
    PluginServer {
        name: server.name.clone(),
        prefix: server.prefix.clone(),
        address: address(server, layout),
        timeout_ms: server.timeout_ms,
    }
}

fn address(server: &Server, layout: &Layout) -> Option<Address> {
    let cluster = clusters::name(server, layout)?;
    let url = Url::parse(&server.url).ok()?;
    Some(Address {
        cluster,
        // `Url` leaves out the port that the scheme has anyway, as `Host` does (RFC 9112, 3.2).
        authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
        path: url[Position::BeforePath..Position::AfterQuery].to_owned(),
        headers: server.headers.clone(),
    })
}
