//! The broker's configuration, and how the filter reaches servers through Envoy.

use super::external::address;
use super::names::internal_domain;
use crate::model::{Backend, External, Instance, Upstream};
use protocol::config::{Access, Gateway, Route};
use protocol::http::path;
use url::{Position, Url};

/// The broker's configuration. Servers that `ready` picks get their route: it has to be in force in Envoy by then.
pub fn config(instance: &Instance, ready: impl Fn(&Upstream) -> bool) -> Gateway {
    let server = |upstream: &Upstream| {
        let mut server = upstream.server.clone();
        server.route = ready(upstream).then(|| route(instance, upstream)).flatten();
        server
    };
    Gateway {
        version: None,
        servers: instance.servers.iter().map(server).collect(),
        virtual_servers: instance.virtual_servers.clone(),
        access: access(instance),
        limits: instance.limits.clone(),
        editing: instance.editing.clone(),
        session_store: instance.session_store.clone(),
    }
}

/// Who may come in: also who uses the public host.
pub(super) fn access(instance: &Instance) -> Access {
    let mut access = instance.access.clone();
    if !access.allowed_hosts.contains(&instance.public_host) {
        access.allowed_hosts.push(instance.public_host.clone());
    }
    access
}

/// What a request carries for Envoy's route to take it to the server. `None` if only the broker can reach it.
pub fn route(instance: &Instance, upstream: &Upstream) -> Option<Route> {
    // A policy for TLS names hosts, not addresses.
    let by_tls_to_an_address = |server: &External| server.tls && address(server).is_some();
    match upstream.backend.as_ref()? {
        Backend::External(server) if by_tls_to_an_address(server) => return None,
        _ if !upstream.server.transport.may_be_streamable_http() => return None,
        _ => {}
    }
    match internal_domain(instance) {
        Some(domain) => Some(Route { authority: format!("{}.{domain}", upstream.label), server_header: None }),
        None => path_match(upstream)
            .map(|_| Route { authority: instance.public_host.clone(), server_header: Some(upstream.label.clone()) }),
    }
}

/// The server's path, if an `HTTPRoute` may match on it.
pub(super) fn path_match(upstream: &Upstream) -> Option<String> {
    let url = Url::parse(&upstream.server.url).ok()?;
    let path = &url[Position::BeforePath..Position::AfterPath];
    // The rule of the Gateway API for HTTPPathMatch.
    let forbidden = ["//", "/./", "/../", "%2f", "%2F", "#"];
    let legal = path.len() <= 1024
        && !forbidden.iter().any(|part| path.contains(part))
        && !path.ends_with("/..")
        && !path.ends_with("/.")
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@%".contains(&b));
    legal.then(|| path.to_owned())
}

/// Paths of the endpoint that lead to the broker's internal port: those, and what is under the latter.
pub(super) const PATHS: [(&str, &str); 3] = [("Exact", path::MCP), ("PathPrefix", path::SSE), ("Exact", "/healthz")];
