//! What the objects have to be, whatever else they are.

use super::*;
use crate::model::{Backend, BrokerSpec, Cluster, External, Listener, Mode, Module, ObjectName, Owner, Upstream};
use protocol::config::{Access, Cache, Editing, EraChoice, Limits, OnSessionLoss, Server, Transport};
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
fn the_filters_key_is_the_only_secret_in_an_object() {
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

#[test]
fn a_listener_of_one_host_tells_servers_apart_by_path_and_header() {
    let mut instance = instance(Mode::WasmPlugin);
    instance.listener.hostname = Some("mcp.example.com".to_owned());
    let alpha = &instance.servers[0];
    let way = route(&instance, alpha).unwrap();
    assert_eq!(way.authority, "mcp.example.com");
    assert_eq!(way.server_header.as_deref(), Some(alpha.label.as_str()));
    let objects = render(&instance);
    let route = find(&objects, "HTTPRoute", &alpha.label);
    assert_eq!(route["spec"]["hostnames"], json!(["mcp.example.com"]));
    assert_eq!(
        route["spec"]["rules"][0]["matches"],
        json!([{
            "path": { "type": "Exact", "value": "/mcp" },
            "headers": [{ "type": "Exact", "name": "x-mcp-gateway-server", "value": alpha.label }],
        }])
    );
    assert!(objects.iter().all(|object| object.name().name != "main-mcp-unrouted"), "no room for such hosts");
}

#[test]
fn hosts_of_servers_are_under_the_listeners_own_domain() {
    let mut instance = instance(Mode::WasmPlugin);
    instance.listener.hostname = Some("*.mcp.example".to_owned());
    let label = &instance.servers[0].label;
    let authority = format!("{label}.mcp-gateway-internal.mcp.example");
    assert_eq!(route(&instance, &instance.servers[0]).unwrap().authority, authority);
    let objects = render(&instance);
    assert_eq!(find(&objects, "HTTPRoute", label)["spec"]["hostnames"], json!([authority]));
    let unrouted = find(&objects, "HTTPRoute", "main-mcp-unrouted");
    assert_eq!(unrouted["spec"]["hostnames"], json!(["*.mcp-gateway-internal.mcp.example"]));
}

#[test]
fn a_server_has_its_route_in_the_brokers_configuration_once_that_is_ready() {
    let instance = instance(Mode::WasmPlugin);
    let config = config(&instance, |upstream| upstream.server.name == "demo.beta");
    let routed: Vec<_> = config.servers.iter().filter(|server| server.route.is_some()).map(|s| &*s.name).collect();
    assert_eq!(routed, ["demo.beta"]);
    let names: Vec<_> = config.servers.iter().map(|server| &*server.name).collect();
    assert_eq!(names, ["demo.alpha", "demo.beta", "mcp-system.outside", "mcp-system.tls"]);
}

#[test]
fn servers_that_envoy_cannot_reach_are_the_brokers() {
    let mut instance = instance(Mode::WasmPlugin);
    instance.servers[0].backend = None;
    instance.servers[1].server.transport = Transport::Sse;
    instance.servers[2].backend = Some(external("10.0.0.9", true, None));
    instance.servers.truncate(3);
    assert!(render(&instance).iter().all(|object| object.step < Step::Backend));
    assert!(config(&instance, |_| true).servers.iter().all(|server| server.route.is_none()));
}

#[test]
fn the_public_host_is_let_in() {
    let instance = instance(Mode::WasmPlugin);
    assert_eq!(config(&instance, |_| true).access.allowed_hosts, ["mcp.example.com"]);
    let objects = render(&instance);
    let plugin = &find(&objects, "WasmPlugin", "")["spec"]["pluginConfig"];
    assert_eq!(plugin["access"]["allowedHosts"], json!(["mcp.example.com"]));
}

#[test]
fn the_filter_stands_at_the_listeners_port_behind_authentication() {
    let spec = &find(&render(&instance(Mode::WasmPlugin)), "WasmPlugin", "main-mcp-gateway").clone()["spec"];
    assert_eq!(spec["match"], json!([{ "mode": "CLIENT", "ports": [{ "number": 80 }] }]));
    assert_eq!(spec["phase"], "AUTHZ");
    assert_eq!(spec["failStrategy"], "FAIL_RELOAD");
    assert_eq!(spec["imagePullPolicy"], "IfNotPresent");
    assert_eq!(spec["sha256"], "00".repeat(32));
    assert_eq!(spec["pluginConfig"]["mode"], "header");
    assert_eq!(spec["pluginConfig"]["endpoint"]["routePrefix"], "mcp-system.main-mcp.");
}

#[test]
fn an_envoy_filter_takes_the_plugins_place_and_changes_nothing_else_of_it() {
    let (plain, replaced) = (render(&instance(Mode::WasmPlugin)), render(&instance(Mode::EnvoyFilter)));
    assert_eq!(find(&plain, "WasmPlugin", ""), find(&replaced, "WasmPlugin", ""));
    assert!(plain.iter().all(|object| object.kind() != "EnvoyFilter"));
    let patches = find(&replaced, "EnvoyFilter", "main-mcp-gateway")["spec"]["configPatches"].as_array().unwrap();
    let anchors: Vec<_> = patches
        .iter()
        .filter(|patch| patch["applyTo"] == "HTTP_FILTER")
        .map(|patch| {
            assert_eq!(patch["patch"]["operation"], "REPLACE");
            patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"].as_str().unwrap()
        })
        .collect();
    assert_eq!(
        anchors,
        [
            "extensions.istio.io/trafficextension/demo.main-mcp-gateway~istio-translated-wasmplugin",
            "extensions.istio.io/wasmplugin/demo.main-mcp-gateway",
        ]
    );
    let config = &patches[0]["patch"]["value"]["typed_config"]["config"];
    assert_eq!(config["allow_on_headers_stop_iteration"], true);
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    assert_eq!(config["vm_config"]["code"]["remote"]["sha256"], "00".repeat(32));
    assert!(config["configuration"]["value"].as_str().unwrap().contains(r#""mode":"body""#));
}

#[test]
fn several_brokers_share_sessions_out_and_are_drained_one_by_one() {
    let mut instance = instance(Mode::WasmPlugin);
    let objects = render(&instance);
    let rule = &find(&objects, "DestinationRule", "main-broker")["spec"];
    assert_eq!(rule["host"], "main-broker.mcp-system.svc.cluster.local");
    assert_eq!(rule["trafficPolicy"]["loadBalancer"]["consistentHash"]["httpHeaderName"], "mcp-session-id");
    let left_out = &rule["trafficPolicy"]["outlierDetection"];
    assert_eq!(left_out["consecutiveLocalOriginFailures"], 2, "a broker that is gone");
    assert_eq!((&left_out["consecutive5xxErrors"], &left_out["consecutiveGatewayErrors"]), (&json!(0), &json!(0)));
    assert_eq!(find(&objects, "PodDisruptionBudget", "main-broker")["spec"]["maxUnavailable"], 1);

    instance.broker.replicas = 1;
    let objects = render(&instance);
    assert!(objects.iter().all(|object| object.kind() != "PodDisruptionBudget"));
    let policy = &find(&objects, "DestinationRule", "main-broker")["spec"]["trafficPolicy"];
    assert_eq!(*policy, json!({ "connectionPool": { "http": { "idleTimeout": "30s" } } }), "and mutual TLS as it was");
}

#[test]
fn the_broker_runs_without_any_privilege() {
    let objects = render(&instance(Mode::WasmPlugin));
    let pod = &find(&objects, "Deployment", "main-broker")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let security = &pod["containers"][0]["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }));
    let rules = &find(&objects, "Role", "main-broker")["rules"];
    assert_eq!(rules[0]["resourceNames"], json!(["main-broker-config"]));
    assert_eq!(rules.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_broker_goes_when_another_is_ready_and_its_calls_are_done() {
    let objects = render(&instance(Mode::WasmPlugin));
    let spec = &find(&objects, "Deployment", "main-broker")["spec"];
    assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    let pod = &spec["template"]["spec"];
    let leaving = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    assert!(leaving > 0 && pod["terminationGracePeriodSeconds"].as_u64().unwrap() > leaving);
}

#[test]
fn the_filters_port_is_for_the_gateways_pods_alone() {
    let objects = render(&instance(Mode::WasmPlugin));
    let ingress = find(&objects, "NetworkPolicy", "main-broker")["spec"]["ingress"].as_array().unwrap().clone();
    let to_filter: Vec<_> = ingress.iter().filter(|rule| rule["ports"].to_string().contains("8091")).collect();
    let [rule] = to_filter[..] else { panic!("{ingress:?}") };
    assert_eq!(
        rule["from"],
        json!([{
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "demo" } },
            "podSelector": { "matchLabels": { "gateway.networking.k8s.io/gateway-name": "gw" } },
        }])
    );
}

#[test]
fn anybody_may_read_metrics_and_nothing_else() {
    let objects = render(&instance(Mode::WasmPlugin));
    let ingress = find(&objects, "NetworkPolicy", "main-broker")["spec"]["ingress"].as_array().unwrap().clone();
    let open: Vec<_> = ingress.iter().filter(|rule| rule.get("from").is_none()).collect();
    assert_eq!(open, [&json!({ "ports": [{ "port": 8092, "protocol": "TCP" }] })]);
    let pod = &find(&objects, "Deployment", "main-broker")["spec"]["template"];
    assert_eq!(pod["metadata"]["annotations"]["prometheus.io/port"], "8092");
    let listens = json!({ "name": "MCP_GATEWAY_METRICS_LISTEN", "value": "0.0.0.0:8092" });
    assert!(pod["spec"]["containers"][0]["env"].as_array().unwrap().contains(&listens));
}

#[test]
fn what_the_target_does_to_requests_is_done_to_calls_too() {
    let mut instance = instance(Mode::WasmPlugin);
    let modifier = json!({
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": { "set": [{ "name": "x-team", "value": "a" }], "remove": ["x-debug"] },
    });
    instance.servers[0].backend = Some(Backend::Refs {
        refs: vec![json!({ "name": "alpha", "port": 80 })],
        filters: vec![modifier],
        timeouts: Some(json!({ "request": "30s" })),
        host: "alpha.example.com".to_owned(),
    });
    let objects = render(&instance);
    let rule = &find(&objects, "HTTPRoute", &instance.servers[0].label)["spec"]["rules"][0];
    assert_eq!(rule["timeouts"], json!({ "request": "30s" }));
    assert_eq!(
        rule["filters"][0]["requestHeaderModifier"],
        json!({ "set": [{ "name": "x-team", "value": "a" }], "remove": ["x-debug", "x-mcp-gateway-server"] })
    );
    assert_eq!(rule["filters"].as_array().map(Vec::len), Some(2), "one of a type");
}

#[test]
fn certificates_of_servers_outside_are_checked_for_their_host() {
    let objects = render(&instance(Mode::WasmPlugin));
    let label = Upstream::label("mcp-system.tls");
    let validation = &find(&objects, "BackendTLSPolicy", &label)["spec"]["validation"];
    assert_eq!(validation["hostname"], "tls.example.com");
    assert_eq!(validation["subjectAltNames"], json!([{ "type": "Hostname", "hostname": "tls.example.com" }]));
    assert_eq!(validation["caCertificateRefs"][0]["kind"], "ConfigMap");
    assert_eq!(find(&objects, "ConfigMap", &label)["data"]["ca.crt"], "PEM");
    // Istio heeds no policy for TLS where there is a rule.
    assert!(objects.iter().all(|o| o.kind() != "DestinationRule" || !o.name().name.contains(&label)));
    let entry = &find(&objects, "ServiceEntry", &label)["spec"];
    assert_eq!(entry["endpoints"], json!([{ "address": "tls.example.com" }]));
    assert_eq!(entry["exportTo"], json!(["demo", "mcp-system"]));
}

#[test]
fn objects_come_in_the_order_in_which_they_are_applied() {
    let objects = render(&instance(Mode::EnvoyFilter));
    assert!(objects.is_sorted_by_key(|object| object.step));
    let at = |kind| objects.iter().position(|object| object.kind() == kind).unwrap();
    assert!(at("Deployment") < at("WasmPlugin") && at("WasmPlugin") < at("EnvoyFilter"));
    assert!(at("EnvoyFilter") < at("HTTPRoute") && at("ServiceEntry") > at("HTTPRoute"));
}

#[test]
fn envoy_gateway_runs_the_filter_in_header_mode_on_all_of_the_listeners_routes() {
    let objects = render_envoy_gateway(&instance(Mode::WasmPlugin));
    let policy = &find(&objects, "EnvoyExtensionPolicy", "main-mcp-gateway")["spec"];
    assert_eq!(policy["targetRefs"][0]["kind"], "Gateway");
    assert_eq!(policy["targetRefs"][0]["sectionName"], "http");
    let wasm = &policy["wasm"][0];
    assert_eq!(wasm["code"]["image"], json!({ "url": "registry.example.com/wasm:1", "sha256": "00".repeat(32) }));
    assert_eq!(wasm["failOpen"], false);
    assert_eq!(wasm["config"]["mode"], "header");
    assert_eq!(wasm["config"]["brokerCluster"], "httproute/mcp-system/main-mcp/rule/0");
    assert_eq!(wasm["config"]["endpoint"]["routePrefix"], "httproute/mcp-system/main-mcp/rule/");
    // Each route has its limits raised, and what Istio alone knows is not there.
    let count = |kind| objects.iter().filter(|object| object.kind() == kind).count();
    assert_eq!(count("BackendTrafficPolicy"), count("HTTPRoute"));
    assert!(objects.iter().all(|object| !object.api_version().contains("istio.io")));
    let label = Upstream::label("mcp-system.tls");
    let route = find(&objects, "HTTPRoute", &label);
    assert_eq!(route["spec"]["rules"][0]["backendRefs"][0]["kind"], "Backend");
    assert_eq!(find(&objects, "BackendTLSPolicy", &label)["spec"]["targetRefs"][0]["kind"], "Backend");
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
        address: None,
        headers: BTreeMap::from([("authorization".to_owned(), "Bearer s3cret".to_owned())]),
        forward_headers: Vec::new(),
        cache: Cache::default(),
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
            url: "oci://registry.example.com/wasm:1".to_owned(),
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
        session_store: protocol::config::SessionStore::default(),
        key: "k3y".to_owned(),
        virtual_servers: Vec::new(),
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
