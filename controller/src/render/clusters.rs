//! The clusters: `envoy.config.cluster.v3.Cluster`, one a server, and the broker's.
//!
//! A server's cluster has a fingerprint of its content in its name. When that changes, so does the server's route: it names the
//! new cluster, calls on the old one end in peace. Statistics keep the plain name.

use super::bootstrap::socket_address;
use super::{BROKER_CLUSTER, Layout, version};
use protocol::config::{Gateway, Server};
use serde_json::{Value, json};
use std::net::SocketAddr;
use url::{Host, Url};

const TYPE: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
/// Envoy's default of 1,024 connections and requests breaks under a storm of first calls; memory is bounded elsewhere.
const MANY: u32 = 100_000;
/// How much of a body waits in one connection to a server.
const BUFFER_BYTES: u32 = 256 << 10;
/// Servers of several SDKs close an idle connection after 5 s. One that is used in that moment fails, so ours goes first.
const IDLE: &str = "4s";
/// The broker closes none, and each costs it tens of kilobytes.
const BROKER_IDLE: &str = "30s";
const CONNECT: &str = "5s";

/// The clusters of all servers with a route, in their order.
pub(super) fn clusters(gateway: &Gateway, layout: &Layout) -> Vec<Value> {
    gateway.servers.iter().filter_map(|s| server(s, layout)).collect()
}

/// The name of a server's cluster.
pub(super) fn name(server: &Server, layout: &Layout) -> Option<String> {
    let cluster = self::server(server, layout)?;
    cluster["name"].as_str().map(str::to_owned)
}

/// The broker's internal port.
pub(super) fn broker(address: SocketAddr) -> Value {
    json!({
        "name": BROKER_CLUSTER,
        "type": "STATIC",
        "connect_timeout": CONNECT,
        "circuit_breakers": breakers(),
        "typed_extension_protocol_options": http(BROKER_IDLE),
        "load_assignment": endpoint(BROKER_CLUSTER, &socket_address(address)),
    })
}

fn server(server: &Server, layout: &Layout) -> Option<Value> {
    server.route.as_ref()?;
    let url = Url::parse(&server.url).ok()?;
    let (host, port) = (url.host()?, url.port_or_known_default()?);
    let stat_name = format!("mcp-server-{}", server.name);
    let mut cluster = json!({
        "@type": TYPE,
        "alt_stat_name": stat_name,
        "connect_timeout": CONNECT,
        "circuit_breakers": breakers(),
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        // A host name that does not resolve must not hold up the rest.
        "wait_for_warm_on_init": false,
        "typed_extension_protocol_options": http(IDLE),
    });
    let address = match host {
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
        Host::Domain(name) => name.to_owned(),
    };
    if matches!(host, Host::Domain(_)) {
        // All addresses in one endpoint: connections are tried over both families (RFC 8305).
        cluster["cluster_type"] = json!({
            "name": "envoy.clusters.dns",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster",
                "dns_lookup_family": "ALL",
                "all_addresses_in_single_endpoint": true,
            },
        });
    } else {
        cluster["type"] = json!("STATIC");
    }
    if url.scheme() == "https" {
        let ca = match &server.ca {
            Some(pem) => json!({ "inline_string": pem }),
            None => json!({ "filename": layout.system_ca }),
        };
        cluster["transport_socket"] = tls(&host, &address, &ca);
    }
    let place = json!({ "socket_address": { "address": address, "port_value": port } });
    cluster["load_assignment"] = endpoint(&stat_name, &place);
    let name = format!("{stat_name}-{}", version::of(&[cluster.clone()]));
    cluster["load_assignment"]["cluster_name"] = json!(name);
    cluster["name"] = json!(name);
    Some(cluster)
}

fn endpoint(cluster: &str, address: &Value) -> Value {
    json!({
        "cluster_name": cluster,
        "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
    })
}

/// HTTP/1.1, and connections that are closed when nobody has used them for so long.
fn http(idle: &str) -> Value {
    json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "common_http_protocol_options": { "idle_timeout": idle },
            "explicit_http_config": { "http_protocol_options": {} },
        },
    })
}

fn breakers() -> Value {
    json!({
        "thresholds": [{
            "max_connections": MANY,
            "max_pending_requests": MANY,
            "max_requests": MANY,
            "max_retries": 1,
        }],
    })
}

/// TLS whose certificate has to be issued for the host, by an authority of `ca` (`envoy.config.core.v3.DataSource`).
fn tls(host: &Host<&str>, address: &str, ca: &Value) -> Value {
    let kind = if matches!(host, Host::Domain(_)) { "DNS" } else { "IP_ADDRESS" };
    let mut tls = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            // As a client Envoy stops at 1.2 unless it is told; some servers begin at 1.3.
            "tls_params": { "tls_maximum_protocol_version": "TLSv1_3" },
            "validation_context": {
                "trusted_ca": ca,
                "match_typed_subject_alt_names": [{ "san_type": kind, "matcher": { "exact": address } }],
            },
            "alpn_protocols": ["http/1.1"],
        },
    });
    if matches!(host, Host::Domain(_)) {
        tls["sni"] = json!(address);
    }
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": tls })
}
