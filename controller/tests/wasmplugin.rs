//! What `wasmplugin/` shows is what is rendered.

use mcp_gateway_controller::model::{
    Backend, BrokerSpec, Cluster, Instance, Listener, Mode, Module, ObjectName, Owner, Upstream,
};
use mcp_gateway_controller::render::kubernetes::{Object, render, render_envoy_gateway};
use mcp_gateway_controller::render::routed;
use mcp_gateway_controller::source::Source;
use protocol::config::{Editing, Plugin, Server};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Set to have the files written anew.
const UPDATE: &str = "UPDATE_SAMPLES";

#[test]
fn the_resources_are_up_to_date() {
    let (broker, plugin) = (broker(), instance(Mode::WasmPlugin));
    assert_eq!(find(&broker, "Secret")["stringData"]["key"], plugin.key.as_str());
    assert_eq!(find(&broker, "Service")["metadata"]["name"], "main-broker");
    assert_eq!(find(&broker, "Service")["spec"]["ports"][0]["port"], 8091);

    // The broker's own objects are those of broker.yaml.
    let data_path = |objects: Vec<Object>| -> Vec<Object> {
        objects
            .into_iter()
            .filter(|object| {
                let kinds = ["ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "Service", "Deployment"];
                !kinds.contains(&object.kind())
            })
            .collect()
    };
    let istio = data_path(render(&plugin));
    let with_envoy_filter = data_path(render(&instance(Mode::EnvoyFilter)));
    let only_envoy_filter: Vec<_> =
        with_envoy_filter.iter().filter(|object| !istio.contains(object)).cloned().collect();
    assert_eq!(only_envoy_filter.len(), 1);

    check("istio.yaml", &istio);
    check("istio-every-call.yaml", &only_envoy_filter);
    check("envoy-gateway.yaml", &render_envoy_gateway(&plugin));
}

#[test]
fn the_reference_shows_the_whole_plugin_configuration_and_no_more() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let sample = readme.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let sample: Value = serde_json::from_str(sample).unwrap();
    let read: Plugin = serde_json::from_value(sample.clone()).unwrap();
    assert_eq!(json!(read), sample, "the sample has fields that the filter does not know, or lacks some");

    let mut fields = BTreeSet::new();
    leaves("", &sample, &mut fields);
    let described: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(field, _)| field.to_owned())
        .filter(|field| field.starts_with(|c: char| c.is_ascii_lowercase()) && !field.contains(['/', ' ', '-']))
        .filter(|field| !field.ends_with(".yaml"))
        .filter(|field| *field != "Dockerfile")
        .collect();
    assert_eq!(described, fields);
}

fn leaves(path: &str, value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(&path, value, into);
            }
        }
        _ => _ = into.insert(path.to_owned()),
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../wasmplugin")
}

fn check(file: &str, objects: &[Object]) {
    let mut text = String::from("# Rendered by `make wasmplugin`: see README.md.\n");
    for (index, object) in objects.iter().enumerate() {
        // Envoy Gateway reads no document that holds a comment alone.
        text.push_str(if index == 0 { "" } else { "---\n" });
        text.push_str(&serde_saphyr::to_string(&object.value).unwrap());
    }
    let path = folder().join(file);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, text).unwrap();
    } else {
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "{file} is out of date: run `make wasmplugin`");
    }
}

/// The objects of `broker.yaml`.
fn broker() -> Vec<Value> {
    let text = fs::read_to_string(folder().join("broker.yaml")).unwrap();
    text.split("\n---\n").map(|object| serde_saphyr::from_str(object).unwrap()).collect()
}

fn find<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap()
}

/// The servers of `broker.yaml`, with the routes that the broker expects.
fn servers() -> Vec<Server> {
    let broker = broker();
    let text = find(&broker, "ConfigMap")["data"]["gateway.yaml"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, text).unwrap();
    routed(Source::Gateway(file).read().unwrap().gateway).servers
}

/// An object that nothing owns, since it is applied by hand.
fn nobody(namespace: &str, name: &str) -> Owner {
    let object = ObjectName { namespace: namespace.to_owned(), name: name.to_owned() };
    Owner { api_version: String::new(), kind: String::new(), object, uid: String::new() }
}

fn upstream(server: Server) -> Upstream {
    let authority = &server.route.as_ref().unwrap().authority;
    Upstream {
        owner: nobody("mcp-test", &server.name),
        label: authority.split('.').next().unwrap().to_owned(),
        backend: Some(Backend::Refs {
            refs: vec![json!({ "group": "", "kind": "Service", "name": server.name, "port": 9001 })],
            filters: Vec::new(),
            timeouts: None,
            host: "demo.mcp-test.svc.cluster.local".to_owned(),
        }),
        server,
    }
}

fn instance(mode: Mode) -> Instance {
    Instance {
        owner: nobody("mcp-system", "main"),
        gateway: ObjectName { namespace: "gateway-system".to_owned(), name: "mcp".to_owned() },
        listener: Listener { name: "http".to_owned(), port: 80, hostname: None, https: false },
        public_host: "mcp.example.com".to_owned(),
        mode,
        module: Some(Module {
            url: "oci://registry.example.com/mcp-gateway-wasm:0.1.0".to_owned(),
            sha256: "0".repeat(64),
            pull_secret: None,
        }),
        broker: BrokerSpec {
            image: "registry.example.com/mcp-gateway:0.1.0".to_owned(),
            pull_policy: None,
            pull_secrets: Vec::new(),
            replicas: 1,
            resources: json!({}),
        },
        access: Default::default(),
        limits: Default::default(),
        virtual_servers: Vec::new(),
        editing: Editing::default(),
        session_store: protocol::config::SessionStore::default(),
        key: "write-your-own-key".to_owned(),
        cluster: Cluster { domain: "cluster.local".to_owned(), controller_namespace: "mcp-system".to_owned() },
        servers: servers().into_iter().map(upstream).collect(),
    }
}
