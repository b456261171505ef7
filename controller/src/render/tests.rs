use super::*;
use protocol::config::{Cache, EraChoice, FilterMode, OnSessionLoss, Process, Server, Sharing, Transport};
use std::collections::BTreeMap;

fn server(name: &str, url: &str) -> Server {
    Server {
        name: name.to_owned(),
        prefix: format!("{name}_"),
        transport: Transport::Auto,
        url: url.to_owned(),
        address: None,
        headers: BTreeMap::from([("authorization".to_owned(), "Bearer x".to_owned())]),
        forward_headers: Vec::new(),
        cache: Cache::default(),
        ca: None,
        era: EraChoice::Auto,
        on_session_loss: OnSessionLoss::Reopen,
        timeout_ms: 1000,
        route: None,
    }
}

fn gateway(servers: Vec<Server>) -> Gateway {
    routed(Gateway { servers, ..Gateway::default() })
}

fn layout() -> Layout {
    Layout {
        listen: "127.0.0.1:8080".parse().unwrap(),
        broker: "127.0.0.1:8091".parse().unwrap(),
        key: "k".to_owned(),
        wasm: "dist/mcp-gateway.wasm".into(),
        mode: FilterMode::Body,
        directory: "envoy-local".into(),
        admin: None,
        system_ca: "/ca.pem".into(),
    }
}

fn only_cluster(url: &str) -> Value {
    render(&gateway(vec![server("demo", url)]), &layout()).clusters.resources.remove(0)
}

/// The virtual hosts of a gateway.
fn hosts(gateway: &Gateway) -> Vec<Value> {
    render(gateway, &layout()).routes.resources().resources[0]["virtual_hosts"].as_array().unwrap().clone()
}

#[test]
fn a_servers_route_leads_to_its_cluster_with_the_host_that_it_expects() {
    let gateway = gateway(vec![server("demo", "http://127.0.0.1:9001/mcp?a=b"), server("two", "https://x.example/")]);
    let clusters = render(&gateway, &layout()).clusters.resources;
    for ((server, cluster), host) in gateway.servers.iter().zip(&clusters).zip(["127.0.0.1:9001", "x.example"]) {
        let authority = &server.route.as_ref().unwrap().authority;
        let hosts = hosts(&gateway);
        let own = hosts.iter().find(|host| host["domains"] == serde_json::json!([authority])).unwrap();
        let to = &own["routes"][0]["route"];
        assert_eq!(to["cluster"], cluster["name"]);
        assert_eq!(to["host_rewrite_literal"], host);
        assert_eq!(cluster["load_assignment"]["cluster_name"], cluster["name"]);
    }
    assert_eq!(clusters[0]["alt_stat_name"], "mcp-server-demo");
}

#[test]
fn no_host_of_the_filters_is_the_endpoints() {
    let hosts = hosts(&gateway(Vec::new()));
    let [nowhere, endpoint] = &hosts[..] else { panic!("two hosts: {hosts:?}") };
    assert_eq!(nowhere["domains"], serde_json::json!(["mcp-gateway-internal", "*.mcp-gateway-internal"]));
    assert_eq!(nowhere["routes"][0]["direct_response"]["status"], 404);
    assert_eq!(endpoint["domains"], serde_json::json!(["*"]));
}

#[test]
fn a_servers_host_changes_with_its_address_only() {
    let host = |url: &str| gateway(vec![server("demo", url)]).servers.remove(0).route.unwrap().authority;
    let first = host("http://127.0.0.1:9001/mcp");
    assert_eq!(first, host("http://127.0.0.1:9001/other?a=b"));
    assert_ne!(first, host("http://127.0.0.1:9002/mcp"));
    assert_ne!(first, host("https://127.0.0.1:9001/mcp"));
    let (label, suffix) = first.split_once('.').unwrap();
    assert_eq!(suffix, "mcp-gateway-internal");
    assert!(label.len() <= 63 && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
}

#[test]
fn a_server_that_only_the_broker_reaches_has_no_route_and_no_secret_is_rendered() {
    let process = Process {
        program: "x".to_owned(),
        args: Vec::new(),
        env: BTreeMap::from([("SECRET".to_owned(), "s3cret".to_owned())]),
        cwd: None,
        sharing: Sharing::Session,
        idle_seconds: 1,
        max_processes: 1,
    };
    for transport in [Transport::Sse, Transport::Stdio(process)] {
        let old = Server { transport, ..server("old", "http://127.0.0.1:9002/sse") };
        let gateway = gateway(vec![old, server("new", "http://127.0.0.1:9001/mcp")]);
        let rendered = render(&gateway, &layout());
        assert_eq!(rendered.clusters.resources.len(), 1);
        assert_eq!(hosts(&gateway).len(), 3);
        for secret in ["s3cret", "Bearer x"] {
            assert!(!format!("{rendered:?}").contains(secret), "{secret}");
        }
    }
}

#[test]
fn a_clusters_name_changes_with_its_content_only() {
    let name = |url: &str| only_cluster(url)["name"].clone();
    assert_eq!(name("http://127.0.0.1:9001/mcp"), name("http://127.0.0.1:9001/other"));
    assert_ne!(name("http://127.0.0.1:9001/mcp"), name("http://127.0.0.1:9002/mcp"));
    assert_ne!(name("http://127.0.0.1:9001/mcp"), name("https://127.0.0.1:9001/mcp"));
}

#[test]
fn every_cluster_has_limits_of_its_own() {
    let rendered = render(&gateway(vec![server("demo", "http://127.0.0.1:9001/mcp")]), &layout());
    let broker = rendered.bootstrap["static_resources"]["clusters"][0].clone();
    for cluster in [&broker, &rendered.clusters.resources[0]] {
        let limits = &cluster["circuit_breakers"]["thresholds"][0];
        for limit in ["max_connections", "max_pending_requests", "max_requests"] {
            assert!(limits[limit].as_u64().unwrap() >= 10_000, "{limit}");
        }
    }
}

#[test]
fn tls_is_checked_against_the_host() {
    let tls = only_cluster("https://x.example/mcp")["transport_socket"]["typed_config"].clone();
    assert_eq!(tls["sni"], "x.example");
    let validation = &tls["common_tls_context"]["validation_context"];
    assert_eq!(validation["trusted_ca"]["filename"], "/ca.pem");
    assert_eq!(validation["match_typed_subject_alt_names"][0]["san_type"], "DNS");
    let by_address = only_cluster("https://[::1]:9/mcp");
    let tls = &by_address["transport_socket"]["typed_config"];
    let name = &tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"][0];
    assert_eq!((name["san_type"].as_str(), name["matcher"]["exact"].as_str()), (Some("IP_ADDRESS"), Some("::1")));
    assert!(only_cluster("http://x.example/mcp")["transport_socket"].is_null());
}

#[test]
fn own_authorities_replace_the_systems() {
    let mut demo = server("demo", "https://x.example/mcp");
    demo.ca = Some("one".to_owned());
    let cluster = render(&gateway(vec![demo.clone()]), &layout()).clusters.resources.remove(0);
    let validation = &cluster["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"];
    assert_eq!(validation["trusted_ca"], serde_json::json!({ "inline_string": "one" }));
    demo.ca = Some("another".to_owned());
    let rotated = render(&gateway(vec![demo]), &layout()).clusters.resources.remove(0);
    assert_ne!(rotated["name"], cluster["name"], "calls have to move to connections that trust the new one");
}

#[test]
fn addresses_are_static_and_names_are_resolved() {
    assert_eq!(only_cluster("http://[::1]:9001/mcp")["type"], "STATIC");
    assert_eq!(only_cluster("http://localhost:9001/mcp")["cluster_type"]["name"], "envoy.clusters.dns");
}

#[test]
fn the_listener_holds_what_the_limits_allow() {
    let mut gateway = gateway(Vec::new());
    gateway.limits.held_body_bytes = 4096;
    let listener = render(&gateway, &layout()).bootstrap["static_resources"]["listeners"][0].clone();
    assert_eq!(listener["per_connection_buffer_limit_bytes"], 4096 + (64 << 10));
    assert_eq!(listener["address"]["socket_address"]["port_value"], 8080);
}

#[test]
fn versions_follow_the_content() {
    let one = gateway(vec![server("a", "http://127.0.0.1:1/")]);
    let two = gateway(vec![server("a", "http://127.0.0.1:1/"), server("b", "http://127.0.0.1:2/")]);
    let (one, two) = (render(&one, &layout()), render(&two, &layout()));
    assert_eq!(one.bootstrap, two.bootstrap);
    assert_ne!(one.clusters.version, two.clusters.version);
    assert_ne!(one.routes.resources().version, two.routes.resources().version);
    assert_eq!(one.extension, two.extension, "the filter is not disturbed");
    assert_eq!(two.routes.union(&one.routes), two.routes);
    assert_eq!(one.clusters.union(&two.clusters), two.clusters);
    assert_eq!(one.clusters.union(&one.clusters), one.clusters);
}
