//! The filter's share of the configuration.

use super::{BROKER_CLUSTER, Layout, clusters};
use protocol::config::{Gateway, Plugin, PluginServer, Server};
use url::{Position, Url};

/// The plugin configuration for `gateway`. A server whose URL is none is left out: the broker answers for it.
pub fn plugin(gateway: &Gateway, layout: &Layout) -> Plugin {
    Plugin {
        broker_cluster: BROKER_CLUSTER.to_owned(),
        broker_authority: layout.broker.to_string(),
        key: layout.key.clone(),
        servers: gateway.servers.iter().filter_map(|s| server(s, layout)).collect(),
        access: gateway.access.clone(),
        limits: gateway.limits.clone(),
        editing: gateway.editing.clone(),
    }
}

fn server(server: &Server, layout: &Layout) -> Option<PluginServer> {
    let url = Url::parse(&server.url).ok()?;
    Some(PluginServer {
        name: server.name.clone(),
        prefix: server.prefix.clone(),
        cluster: clusters::name(server, layout)?,
        // `Url` leaves out the port that the scheme has anyway, as `Host` does (RFC 9112, 3.2).
        authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
        path: url[Position::BeforePath..Position::AfterQuery].to_owned(),
        headers: server.headers.clone(),
        timeout_ms: server.timeout_ms,
    })
}
