//! The routes: `envoy.config.route.v3.RouteConfiguration`, with a virtual host for each server beside the one of the endpoint.
//!
//! A server's host has a fingerprint of the server's address in its name. When the address changes, the filter is told another
//! host: calls that were meant for the old server end there, in peace.

use super::{BROKER_CLUSTER, Layout, Resources, clusters};
use crate::model::Upstream;
use protocol::config::{Gateway, Route, Server};
use protocol::http::{INTERNAL_HOST, path};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::{Position, Url};

const TYPE: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
/// Name of the route configuration.
pub(super) const NAME: &str = "mcp";

/// The virtual hosts of servers.
#[derive(Debug, Clone, PartialEq)]
pub struct Routes(Vec<Value>);

impl Routes {
    /// Those of all servers that have a route.
    pub(super) fn new(gateway: &Gateway, layout: &Layout) -> Self {
        Self(gateway.servers.iter().filter_map(|server| host(server, layout)).collect())
    }

    /// These and those of `other` for other hosts.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut hosts = self.0.clone();
        hosts.extend(other.0.iter().filter(|o| self.0.iter().all(|own| own["name"] != o["name"])).cloned());
        Self(hosts)
    }

    /// What the route discovery file holds.
    pub fn resources(&self) -> Resources {
        let hosts: Vec<_> = self.0.iter().cloned().chain([nowhere(), endpoint()]).collect();
        Resources::new(vec![json!({ "@type": TYPE, "name": NAME, "virtual_hosts": hosts })])
    }
}

/// The gateway with a route for each server that Envoy can reach.
#[must_use]
pub fn routed(mut gateway: Gateway) -> Gateway {
    for server in &mut gateway.servers {
        server.route = route(server);
    }
    gateway
}

fn route(server: &Server) -> Option<Route> {
    if !server.transport.may_be_streamable_http() {
        return None;
    }
    let url = Url::parse(&server.url).ok()?;
    url.host()?;
    let address = Sha256::digest(&url[..Position::AfterPort]);
    let address: String = address.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let authority = format!("{}-{address}.{INTERNAL_HOST}", Upstream::label(&server.name));
    Some(Route { authority, server_header: None })
}

fn host(server: &Server, layout: &Layout) -> Option<Value> {
    let route = server.route.as_ref()?;
    let url = Url::parse(&server.url).ok()?;
    Some(json!({
        "name": route.authority,
        "domains": [route.authority],
        "routes": [{
            "name": "server",
            "match": { "prefix": "/" },
            "route": stream(json!({
                "cluster": clusters::name(server, layout)?,
                // `Url` leaves out the port that the scheme has anyway, as `Host` does (RFC 9112, 3.2).
                "host_rewrite_literal": url[Position::BeforeHost..Position::AfterPort],
            })),
        }],
    }))
}

/// No host that is the filter's to ask for is ever the endpoint's.
fn nowhere() -> Value {
    json!({
        "name": INTERNAL_HOST,
        "domains": [INTERNAL_HOST, format!("*.{INTERNAL_HOST}")],
        "routes": [{ "name": "nowhere", "match": { "prefix": "/" }, "direct_response": { "status": 404 } }],
    })
}

fn endpoint() -> Value {
    json!({
        "name": "mcp",
        "domains": ["*"],
        "routes": [
            {
                "name": "mcp",
                "match": { "path": path::MCP },
                "route": stream(json!({ "cluster": BROKER_CLUSTER })),
            },
            {
                "name": "sse",
                "match": { "path_separated_prefix": path::SSE },
                "route": stream(json!({ "cluster": BROKER_CLUSTER })),
            },
            {
                "name": "healthz",
                "match": { "path": "/healthz" },
                "route": { "cluster": BROKER_CLUSTER },
            },
            {
                "name": "unknown",
                "match": { "prefix": "/" },
                "direct_response": { "status": 404 },
            },
        ],
    })
}

/// A route without time limits: the filter and the broker set those that a request needs.
fn stream(mut to: Value) -> Value {
    to["timeout"] = json!("0s");
    to["idle_timeout"] = json!("0s");
    to
}
