//! What the objects have to be, whatever else they are.

use super::*;
use crate::model::{Backend, BrokerSpec, Cluster, External, Listener, Mode, Module, ObjectName, Owner, Upstream};
use protocol::config::{Access, Editing, EraChoice, Limits, OnSessionLoss, Server, Transport};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The object of a kind, and of a name where the kind has several.
fn find<'a>(objects: &'a [Object], kind: &str, name: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object.kind() == kind && object.name().name.contains(name));
    &found.next().unwrap_or_else(|| panic!("no {kind} {name}")).value
}

#[test]
fn the_order_of_servers_makes_no_difference() {
    let mut reversed = instance(Mode::EnvoyFilter);
    reversed.servers.reverse();
    assert_eq!(render(&reversed), render(&instance(Mode::EnvoyFilter)));
}

#[test]
fn secrets_are_in_no_object_but_for_the_filters_key() {
    let objects = render(&instance(Mode::EnvoyFilter));
    for object in &objects {
        let text = object.value.to_string();
        assert!(!text.contains("s3cret"), "{text}");
        assert_eq!(text.contains("k3y"), ["WasmPlugin", "EnvoyFilter"].contains(&object.kind()), "{text}");
    }
}

#[test]
fn without_a_module_nothing_leads_to_the_broker_or_a_server() {
    let mut instance = instance(Mode::EnvoyFilter);
    instance.module = None;
    assert!(render(&instance).iter().all(|object| object.step == Step::Broker));
}

#[test]
fn objects_are_owned_in_their_own_namespace_alone() {
    for object in render(&instance(Mode::EnvoyFilter)) {
        let owner = &object.value["metadata"]["ownerReferences"][0];
        match object.step {
            Step::Filter | Step::Replacement => assert!(owner.is_null(), "{}", object.value),
            Step::Broker | Step::Endpoint => assert_eq!(owner["kind"], "MCPGatewayExtension"),
            Step::Backend | Step::Server => assert_eq!(owner["kind"], "MCPServerRegistration"),
        }
        assert_eq!(object.value["metadata"]["labels"]["mcpgateway.dev/namespace"], "mcp-system");
        assert_eq!(object.value["metadata"]["labels"]["app.kubernetes.io/instance"], "main");
    }
}

#[test]
fn a_server_gets_its_own_host_and_no_header_of_the_filters() {
    let objects = render(&instance(Mode::WasmPlugin));
    let label = Upstream::label("demo.alpha");
    let route = find(&objects, "HTTPRoute", &label);
    assert_eq!(route["metadata"]["namespace"], "demo");
    assert_eq!(route["spec"]["hostnames"], json!([format!("{label}.mcp-gateway-internal")]));
    let rule = &route["spec"]["rules"][0];
    assert_eq!(rule["matches"], Value::Null);
    assert_eq!(rule["timeouts"]["request"], "0s");
    let filters = rule["filters"].as_array().unwrap();
    assert!(filters.contains(&json!({ "type": "URLRewrite", "urlRewrite": { "hostname": "alpha.example.com" } })));
    assert!(filters.contains(&json!({
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": { "remove": ["x-mcp-gateway-server"] },
    })));
}

fn name(namespace: &str, name: &str) -> ObjectName {
    ObjectName { namespace: namespace.to_owned(), name: name.to_owned() }
}

fn owner(kind: &str, object: ObjectName) -> Owner {
    let uid = format!("{}-{}", object.namespace, object.name);
    Owner { api_version: "mcpgateway.dev/v1alpha1".to_owned(), kind: kind.to_owned(), object, uid }
}

fn server(name: &str, url: &str) -> Server {
    Server {
        name: name.to_owned(),
        prefix: format!("{name}_"),
        transport: Transport::Auto,
        url: url.to_owned(),
        headers: BTreeMap::from([("authorization".to_owned(), "Bearer s3cret".to_owned())]),
        ca: None,
        era: EraChoice::Auto,
        on_session_loss: OnSessionLoss::Reopen,
        timeout_ms: 30_000,
        route: None,
    }
}

fn upstream(namespace: &str, object: &str, url: &str, backend: Option<Backend>) -> Upstream {
    let server = server(&format!("{namespace}.{object}"), url);
    Upstream {
        owner: owner("MCPServerRegistration", name(namespace, object)),
        label: Upstream::label(&server.name),
        server,
        backend,
    }
}

fn service(name: &str) -> Backend {
    Backend::Refs {
        refs: vec![json!({ "group": "", "kind": "Service", "namespace": "demo", "name": name, "port": 80 })],
        filters: Vec::new(),
        timeouts: None,
        host: format!("{name}.example.com"),
    }
}

fn external(host: &str, tls: bool, ca: Option<&str>) -> Backend {
    let port = if tls { 443 } else { 8080 };
    Backend::External(External { host: host.to_owned(), port, tls, ca: ca.map(str::to_owned) })
}

fn instance(mode: Mode) -> Instance {
    Instance {
        owner: owner("MCPGatewayExtension", name("mcp-system", "main")),
        gateway: name("demo", "gw"),
        listener: Listener { name: "http".to_owned(), port: 80, hostname: None, https: false },
        public_host: "mcp.example.com".to_owned(),
        mode,
        module: Some(Module {
            url: "oci://127.0.0.1:25000/mcp-gateway/wasm:1".to_owned(),
            sha256: "00".repeat(32),
            pull_secret: None,
        }),
        broker: BrokerSpec {
            image: "example.com/mcp-gateway:1".to_owned(),
            pull_policy: None,
            pull_secrets: Vec::new(),
            replicas: 2,
            resources: json!({ "requests": { "cpu": "100m", "memory": "64Mi" } }),
        },
        access: Access::default(),
        limits: Limits::default(),
        editing: Editing::default(),
        key: "k3y".to_owned(),
        cluster: Cluster { domain: "cluster.local".to_owned(), controller_namespace: "mcp-system".to_owned() },
        servers: vec![
            upstream("demo", "alpha", "http://alpha.demo.svc.cluster.local/mcp", Some(service("alpha"))),
            upstream("demo", "beta", "http://beta.demo.svc.cluster.local/mcp", Some(service("beta"))),
            upstream("mcp-system", "outside", "http://10.99.0.15:8080/mcp", Some(external("10.99.0.15", false, None))),
            upstream(
                "mcp-system",
                "tls",
                "https://tls.example.com/mcp",
                Some(external("tls.example.com", true, Some("PEM"))),
            ),
        ],
    }
}
