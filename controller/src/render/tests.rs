use super::*;
use protocol::config::{
    Access, Editing, EraChoice, FilterMode, Limits, OnSessionLoss, Process, Server, Sharing, Transport,
};
use std::collections::BTreeMap;

fn server(name: &str, url: &str) -> Server {
    Server {
        name: name.to_owned(),
        prefix: format!("{name}_"),
        transport: Transport::Auto,
        url: url.to_owned(),
        headers: BTreeMap::from([("authorization".to_owned(), "Bearer x".to_owned())]),
        ca: None,
        era: EraChoice::Auto,
        on_session_loss: OnSessionLoss::Reopen,
        timeout_ms: 1000,
        route: None,
    }
}

fn gateway(servers: Vec<Server>) -> Gateway {
    Gateway { servers, access: Access::default(), limits: Limits::default(), editing: Editing::default() }
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

#[test]
fn the_filter_finds_each_server_where_its_cluster_is() {
    let gateway = gateway(vec![server("demo", "http://127.0.0.1:9001/mcp?a=b"), server("two", "https://x.example/")]);
    let plugin = plugin(&gateway, &layout());
    let clusters = render(&gateway, &layout()).clusters.resources;
    let addresses: Vec<_> = plugin.servers.iter().map(|server| server.address.as_ref().unwrap()).collect();
    for (address, cluster) in addresses.iter().zip(&clusters) {
        assert_eq!(cluster["name"], address.cluster.as_str());
        assert_eq!(cluster["load_assignment"]["cluster_name"], address.cluster.as_str());
    }
    let [demo, two] = addresses[..] else { panic!("two servers") };
    assert_eq!((demo.authority.as_str(), demo.path.as_str()), ("127.0.0.1:9001", "/mcp?a=b"));
    assert_eq!((two.authority.as_str(), two.path.as_str()), ("x.example", "/"));
    assert_eq!(clusters[0]["alt_stat_name"], "mcp-server-demo");
}

#[test]
fn of_a_server_that_only_the_broker_reaches_the_filter_knows_the_prefix() {
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
        assert!(!format!("{rendered:?}").contains("s3cret"));
        let plugin = serde_json::to_value(plugin(&gateway, &layout())).unwrap();
        assert_eq!(plugin["servers"][0], serde_json::json!({"name": "old", "prefix": "old_", "timeoutMs": 1000}));
        assert_eq!(plugin["servers"][1]["authority"], "127.0.0.1:9001");
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
    assert_ne!(one.extension.version, two.extension.version);
    assert_eq!(one.clusters.union(&two.clusters), two.clusters);
    assert_eq!(one.clusters.union(&one.clusters), one.clusters);
}
