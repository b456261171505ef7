//! The bootstrap: `envoy.config.bootstrap.v3.Bootstrap`.

use super::{CLUSTERS_FILE, Layout, clusters, listener};
use protocol::config::Limits;
use serde_json::{Value, json};
use std::path::Path;

/// Connections of clients at once. Beyond it new ones are closed; it guards the process's file descriptors.
const CLIENT_CONNECTIONS: u32 = 50_000;

/// What is static: the listener, the broker, and where the rest is found.
pub(super) fn bootstrap(limits: &Limits, layout: &Layout) -> Value {
    let mut bootstrap = json!({
        "node": { "id": "mcp-gateway", "cluster": "mcp-gateway" },
        "static_resources": {
            "listeners": [listener::listener(limits, layout)],
            "clusters": [clusters::broker(layout.broker)],
        },
        "dynamic_resources": { "cds_config": file(&layout.directory, CLUSTERS_FILE) },
        "overload_manager": {
            "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": CLIENT_CONNECTIONS,
                },
            }],
        },
    });
    if let Some(socket) = &layout.admin {
        bootstrap["admin"] = json!({ "address": { "pipe": { "path": socket, "mode": 0o600 } } });
    }
    bootstrap
}

/// A configuration source: a file that is taken up again when another is renamed onto it.
pub(super) fn file(directory: &Path, name: &str) -> Value {
    json!({ "path_config_source": { "path": directory.join(name) }, "resource_api_version": "V3" })
}

/// An address and port.
pub(super) fn socket_address(address: std::net::SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}
