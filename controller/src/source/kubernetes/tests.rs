//! By scenario: what resources come to.

mod extensions;

use super::*;
use crate::model::{Backend, Cluster, External, Mode, Module};
use kube::api::DynamicObject;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A world of these resources, as YAML documents of a list.
pub(super) struct Stage {
    objects: Vec<DynamicObject>,
    modules: BTreeMap<String, Result<Module, String>>,
}

const MODULE: &str = "oci://registry.example/filter:1";

impl Stage {
    /// A Gateway with one listener that takes routes of all namespaces, extended by `mcp-system/main`, and a Service.
    pub(super) fn new() -> Self {
        let module = Module { url: MODULE.to_owned(), sha256: "00".repeat(32), pull_secret: None };
        let mut stage = Self { objects: Vec::new(), modules: BTreeMap::from([(MODULE.to_owned(), Ok(module))]) };
        stage
            .add(json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
                "metadata": { "namespace": "gateway-system", "name": "front" },
                "spec": { "gatewayClassName": "istio", "listeners": [{
                    "name": "http", "port": 80, "protocol": "HTTP",
                    "allowedRoutes": { "namespaces": { "from": "All" } },
                }] },
            }))
            .add(extension("main", "2026-01-01T00:00:00Z", json!({})))
            .add(grant("gateway-system", ("mcpgateway.dev", "MCPGatewayExtension", "mcp-system"), "Gateway"))
            .add(json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": { "namespace": "team", "name": "weather" },
                "spec": { "ports": [{ "port": 9000, "name": "http" }] },
            }));
        stage
    }

    pub(super) fn add(&mut self, object: Value) -> &mut Self {
        self.objects.push(serde_json::from_value(object).unwrap());
        self
    }

    pub(super) fn without(&mut self, kind: &str) -> &mut Self {
        self.objects.retain(|object| object.types.as_ref().unwrap().kind != kind);
        self
    }

    pub(super) fn world(&self) -> World {
        let cluster = Cluster { domain: "cluster.local".to_owned(), controller_namespace: "mcp-system".to_owned() };
        let defaults = Defaults { cluster, image: "mcp-gateway:1".to_owned(), module: MODULE.to_owned() };
        let mut world = World::new(defaults);
        world.modules = self.modules.clone();
        for object in &self.objects {
            let types = object.types.as_ref().unwrap();
            world.insert(Kind::of(&types.api_version, &types.kind).unwrap(), object.clone());
        }
        world
    }

    pub(super) fn interpret(&self) -> Interpretation {
        interpret(&self.world())
    }
}

impl Interpretation {
    pub(super) fn extension(&self, extension: &str) -> &ExtensionOutcome {
        &self.extensions[&name("mcp-system", extension)]
    }

    pub(super) fn main(&self) -> &Instance {
        self.extension("main").instance.as_ref().unwrap()
    }

    pub(super) fn registration(&self, registration: &str) -> &RegistrationOutcome {
        let id = RegistrationId { kind: Kind::Registration, name: name("team", registration) };
        &self.registrations[&id]
    }
}

pub(super) fn name(namespace: &str, name: &str) -> ObjectName {
    ObjectName { namespace: namespace.to_owned(), name: name.to_owned() }
}

pub(super) fn extension(name: &str, created: &str, mut spec: Value) -> Value {
    spec["targetRef"] = json!({ "name": "front", "namespace": "gateway-system" });
    spec["publicHost"] = json!("mcp.example.com");
    json!({
        "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPGatewayExtension",
        "metadata": { "namespace": "mcp-system", "name": name, "uid": name, "creationTimestamp": created },
        "spec": spec,
    })
}

/// A registration in namespace `team`, of the minute `age`.
pub(super) fn registration(name: &str, age: u8, spec: Value) -> Value {
    json!({
        "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPServerRegistration",
        "metadata": {
            "namespace": "team", "name": name, "uid": name,
            "creationTimestamp": format!("2026-01-01T00:{age:02}:00Z"),
        },
        "spec": spec,
    })
}

pub(super) fn to_service(name: &str, age: u8, prefix: &str) -> Value {
    registration(name, age, json!({ "prefix": prefix, "targetRef": { "kind": "Service", "name": "weather" } }))
}

pub(super) fn route(namespace: &str, name: &str, rule: Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": { "namespace": namespace, "name": name },
        "spec": {
            "parentRefs": [{ "name": "front", "namespace": "gateway-system" }],
            "hostnames": ["weather.example.com"],
            "rules": [rule],
        },
    })
}

fn grant(namespace: &str, (group, kind, from): (&str, &str, &str), to: &str) -> Value {
    let kind_to = [Kind::Gateway, Kind::HttpRoute, Kind::Service].into_iter().find(|known| known.kind() == to).unwrap();
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
        "metadata": { "namespace": namespace, "name": format!("{from}-{to}") },
        "spec": {
            "from": [{ "group": group, "kind": kind, "namespace": from }],
            "to": [{ "group": kind_to.group(), "kind": to }],
        },
    })
}

pub(super) fn secret(name: &str, key: &str, base64: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "namespace": "team", "name": name },
        "data": { key: base64 },
    })
}

#[test]
fn a_service_becomes_a_server_that_envoy_and_broker_reach() {
    let result = Stage::new().add(to_service("weather", 1, "weather_")).interpret();
    let [upstream] = result.main().servers.as_slice() else { panic!("{result:?}") };
    assert_eq!(upstream.server.name, "team.weather");
    assert_eq!(upstream.server.url, "http://weather.team.svc.cluster.local:9000/mcp");
    let Some(Backend::Refs { refs, host, .. }) = &upstream.backend else { panic!("{upstream:?}") };
    assert_eq!(
        refs,
        &[json!({ "group": "", "kind": "Service", "namespace": "team", "name": "weather", "port": 9000 })]
    );
    assert_eq!(host, "weather.team.svc.cluster.local");
    let outcome = result.registration("weather");
    assert!(outcome.accepted.is_yes() && outcome.resolved.is_yes(), "{outcome:?}");
    assert_eq!(outcome.servers[&name("mcp-system", "main")], "team.weather");
}

#[test]
fn of_an_https_route_the_rule_for_the_path_is_taken_with_its_filters_and_timeouts() {
    let mut stage = Stage::new();
    let rule = json!({
        "matches": [{ "path": { "type": "PathPrefix", "value": "/weather" } }],
        "filters": [
            { "type": "URLRewrite", "urlRewrite": { "hostname": "own.example", "path": { "type": "ReplacePrefixMatch", "replacePrefixMatch": "/" } } },
            { "type": "RequestHeaderModifier", "requestHeaderModifier": {
                "set": [{ "name": "A", "value": "b" }, { "name": "Mcp-Session-Id", "value": "c" }],
                "add": [{ "name": "x-key", "value": "d" }],
            } },
            { "type": "RequestMirror", "requestMirror": {} },
        ],
        "backendRefs": [{ "name": "weather", "port": 9000 }],
        "timeouts": { "request": "30s" },
    });
    stage.add(route("team", "weather", rule));
    stage.add(registration("weather", 1, json!({ "path": "/weather/mcp", "targetRef": { "name": "weather" } })));
    let result = stage.interpret();
    let upstream = &result.main().servers[0];
    // The broker goes where Envoy does, by the same name and with the same headers.
    assert_eq!(upstream.server.url, "http://own.example:9000/mcp");
    assert_eq!(upstream.server.address.as_deref(), Some("weather.team.svc.cluster.local"));
    let headers = BTreeMap::from([("a".to_owned(), "b".to_owned()), ("x-key".to_owned(), "d".to_owned())]);
    assert_eq!(upstream.server.headers, headers);
    let Some(Backend::Refs { filters, timeouts, host, .. }) = &upstream.backend else { panic!("{upstream:?}") };
    assert_eq!((filters.len(), host.as_str()), (1, "own.example"));
    // What the filter has set is not added to itself.
    let given = json!({ "set": [{ "name": "A", "value": "b" }, { "name": "x-key", "value": "d" }] });
    assert_eq!(filters[0]["requestHeaderModifier"], given);
    assert_eq!(timeouts, &Some(json!({ "request": "30s" })));
    let message = &result.registration("weather").resolved.message;
    assert!(message.contains("RequestMirror") && message.contains("Mcp-Session-Id"), "{message}");
}

#[test]
fn a_tls_policys_hostname_is_the_servers_name_and_the_service_its_address() {
    let mut stage = Stage::new();
    stage.add(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
        "metadata": { "namespace": "team", "name": "weather" },
        "spec": {
            "targetRefs": [{ "group": "", "kind": "Service", "name": "weather" }],
            "validation": { "hostname": "weather.corp.example", "wellKnownCACertificates": "System" },
        },
    }));
    stage.add(to_service("weather", 1, "a_"));
    let result = stage.interpret();
    let server = &result.main().servers[0].server;
    assert_eq!(server.url, "https://weather.corp.example:9000/mcp");
    assert_eq!(server.address.as_deref(), Some("weather.team.svc.cluster.local"));
}

#[test]
fn what_a_target_lacks_or_has_too_many_of_is_told() {
    let mut stage = Stage::new();
    let mut orphan = route("team", "orphan", json!({ "backendRefs": [{ "name": "weather", "port": 9000 }] }));
    orphan["spec"]["parentRefs"] = json!([]);
    stage.add(orphan).add(registration("orphan", 4, json!({ "prefix": "o_", "targetRef": { "name": "orphan" } })));
    stage.add(route(
        "team",
        "both",
        json!({ "backendRefs": [{ "name": "weather", "port": 9000 }, { "name": "weather", "port": 9000 }] }),
    ));
    stage.add(registration("both", 1, json!({ "targetRef": { "name": "both" } })));
    let ports = json!([{ "number": 9090, "name": "metrics" }, { "number": 9091, "name": "admin" }]);
    stage.add(json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": { "namespace": "team", "name": "entry" },
        "spec": { "hosts": ["entry.example"], "ports": ports },
    }));
    let target =
        |kind: &str, name: &str| json!({ "prefix": format!("{name}_"), "targetRef": { "kind": kind, "name": name } });
    stage.add(registration("entry", 2, target("ServiceEntry", "entry")));
    stage.add(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "namespace": "team", "name": "elsewhere" },
        "spec": { "type": "ExternalName", "externalName": "mcp.example.org" },
    }));
    stage.add(registration("elsewhere", 3, target("Service", "elsewhere")));
    let result = stage.interpret();
    assert!(result.registration("orphan").accepted.message.contains("parentRefs"));
    for (name, told) in [("both", "one server"), ("entry", "targetRef.port"), ("elsewhere", "name the host in url")] {
        let message = &result.registration(name).resolved.message;
        assert!(message.contains(told), "{name}: {message}");
    }
}

#[test]
fn the_broker_goes_where_a_service_entrys_endpoint_is_as_no_name_server_may_know_the_host() {
    let server = |endpoints: Value, protocol: &str| {
        let ports = json!([{ "number": 80, "name": "http", "protocol": protocol, "targetPort": 9000 }]);
        let mut stage = Stage::new();
        stage
            .add(json!({
                "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
                "metadata": { "namespace": "team", "name": "machine" },
                "spec": { "hosts": ["machine.example"], "ports": ports, "resolution": "STATIC", "endpoints": endpoints },
            }))
            .add(registration("machine", 1, json!({ "targetRef": { "kind": "ServiceEntry", "name": "machine" } })));
        let server = stage.interpret().main().servers[0].clone();
        if let Some(Backend::Refs { refs, .. }) = &server.backend {
            assert_eq!(refs[0]["port"], 80, "Envoy's is that of the ServiceEntry");
        }
        (server.server.url, server.server.address)
    };
    let own = json!([{ "address": "10.0.0.7", "ports": { "http": 8000 } }, { "address": "10.0.0.8" }]);
    let at = |url: &str, address: Option<&str>| (url.to_owned(), address.map(str::to_owned));
    assert_eq!(server(own, "HTTP"), at("http://machine.example:8000/mcp", Some("10.0.0.7")));
    let ports = json!([{ "address": "unix:///run/mcp" }, { "address": "10.0.0.8" }]);
    assert_eq!(server(ports, "HTTP"), at("http://machine.example:9000/mcp", Some("10.0.0.8")));
    assert_eq!(server(json!([]), "HTTP"), at("http://machine.example/mcp", None));
    assert_eq!(server(json!([{ "address": "10.0.0.8" }]), "HTTPS"), at("https://machine.example:80/mcp", None));
}

#[test]
fn a_registration_of_the_other_group_works_as_it_stands() {
    let mut stage = Stage::new();
    stage.add(route("team", "weather", json!({ "backendRefs": [{ "name": "weather", "port": 9000 }] })));
    stage.add(json!({
        "apiVersion": "mcp.kagenti.com/v1alpha1", "kind": "MCPServerRegistration",
        "metadata": { "namespace": "team", "name": "weather", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "toolPrefix": "w_", "path": "/v1/mcp", "targetRef": {
            "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "weather",
        } },
    }));
    let result = stage.interpret();
    let server = &result.main().servers[0].server;
    assert_eq!(
        (server.prefix.as_str(), server.url.as_str()),
        ("w_", "http://weather.team.svc.cluster.local:9000/v1/mcp")
    );
}

#[test]
fn a_path_that_a_url_cannot_have_is_refused_where_the_definition_is_somebody_elses_too() {
    for path in ["/mcp#x", "/m cp", "/mcp\u{e9}"] {
        let mut stage = Stage::new();
        stage.add(json!({
            "apiVersion": "mcp.kagenti.com/v1alpha1", "kind": "MCPServerRegistration",
            "metadata": { "namespace": "team", "name": "weather" },
            "spec": { "toolPrefix": "w_", "path": path, "targetRef": { "name": "weather" } },
        }));
        let result = stage.interpret();
        let accepted = &result.registrations.values().next().unwrap().accepted;
        assert_eq!((accepted.holds, accepted.reason), (Some(false), reason::INVALID));
        assert!(accepted.message.contains("spec.path") && accepted.message.contains("%XX"), "{accepted:?}");
    }
}

#[test]
fn registrations_of_one_name_in_both_groups_are_two_servers() {
    let mut stage = Stage::new();
    stage.add(route("team", "weather", json!({ "backendRefs": [{ "name": "weather", "port": 9000 }] })));
    stage.add(to_service("weather", 1, "a_"));
    stage.add(json!({
        "apiVersion": "mcp.kagenti.com/v1alpha1", "kind": "MCPServerRegistration",
        "metadata": { "namespace": "team", "name": "weather", "creationTimestamp": "2026-01-01T00:02:00Z" },
        "spec": { "toolPrefix": "b_", "targetRef": { "name": "weather" } },
    }));
    let result = stage.interpret();
    let names: BTreeSet<_> = result.main().servers.iter().map(|upstream| &upstream.server.name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn of_two_registrations_with_one_prefix_the_older_has_it_and_the_younger_says_whose_it_is() {
    let mut stage = Stage::new();
    stage.add(to_service("younger", 2, "w_")).add(to_service("older", 1, "w_"));
    let result = stage.interpret();
    assert_eq!(result.main().servers.len(), 1);
    assert_eq!(result.main().servers[0].server.name, "team.older");
    let loser = &result.registration("younger").accepted;
    assert_eq!((loser.holds, loser.reason), (Some(false), reason::PREFIX_CONFLICT));
    assert!(loser.message.contains("team/older"), "{}", loser.message);
}

#[test]
fn servers_without_prefix_go_together() {
    let result = Stage::new().add(to_service("a", 1, "")).add(to_service("b", 2, "")).interpret();
    assert_eq!(result.main().servers.len(), 2);
}

#[test]
fn what_is_disabled_or_being_deleted_is_left_out() {
    let mut disabled = to_service("disabled", 1, "a_");
    disabled["spec"]["state"] = json!("Disabled");
    let mut going = to_service("going", 2, "b_");
    going["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    let result = Stage::new().add(disabled).add(going).interpret();
    assert!(result.main().servers.is_empty());
    assert_eq!(result.registration("disabled").accepted.reason, reason::DISABLED);
}

#[test]
fn what_cannot_be_read_says_why_and_harms_no_other() {
    let mut stage = Stage::new();
    stage.add(registration("broken", 1, json!({ "prefix": 7, "targetRef": { "name": "x" } })));
    stage.add(registration("neither", 2, json!({ "prefix": "n_" })));
    stage.add(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": { "namespace": "team", "name": "odd" }, "spec": { "rules": "none" },
    }));
    stage.add(to_service("weather", 3, "w_"));
    let result = stage.interpret();
    assert_eq!(result.main().servers.len(), 1);
    for (registration, word) in [("broken", "spec"), ("neither", "targetRef or url")] {
        let accepted = &result.registration(registration).accepted;
        assert_eq!(accepted.reason, reason::INVALID);
        assert!(accepted.message.contains(word), "{}", accepted.message);
    }
}

#[test]
fn a_target_that_is_not_there_is_named() {
    let result = Stage::new().without("Service").add(to_service("weather", 1, "w_")).interpret();
    let outcome = result.registration("weather");
    assert_eq!(outcome.resolved.reason, reason::TARGET_NOT_FOUND);
    assert!(outcome.resolved.message.contains("team/weather"), "{outcome:?}");
    assert!(!outcome.accepted.is_yes());
}

#[test]
fn a_target_in_another_namespace_needs_a_grant_there() {
    let mut stage = Stage::new();
    stage.add(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "namespace": "other", "name": "weather" },
        "spec": { "ports": [{ "port": 80 }] },
    }));
    stage.add(registration(
        "weather",
        1,
        json!({
            "targetRef": { "kind": "Service", "name": "weather", "namespace": "other" },
        }),
    ));
    assert_eq!(stage.interpret().registration("weather").resolved.reason, reason::REF_NOT_PERMITTED);
    stage.add(grant("other", ("mcpgateway.dev", "MCPServerRegistration", "team"), "Service"));
    assert_eq!(stage.interpret().main().servers[0].server.url, "http://weather.other.svc.cluster.local/mcp");
}

#[test]
fn a_listener_decides_which_namespaces_register_servers() {
    let listener = |from: Value| {
        let mut stage = Stage::new();
        stage.without("Gateway").add(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": { "namespace": "gateway-system", "name": "front" },
            "spec": { "listeners": [{
                "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": { "namespaces": from },
            }] },
        }));
        for (namespace, may) in [("mcp-system", "yes"), ("team", "no")] {
            stage.add(json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": { "mcp": may } },
            }));
        }
        stage.add(to_service("weather", 1, "w_"));
        stage
    };
    let chosen = listener(json!({ "from": "Selector", "selector": { "matchLabels": { "mcp": "yes" } } }));
    let result = chosen.interpret();
    assert_eq!(result.registration("weather").accepted.reason, reason::NOT_ALLOWED);
    assert!(result.main().servers.is_empty());
    let same = listener(json!({ "from": "Same" })).interpret();
    assert_eq!(same.extension("main").accepted.reason, reason::NOT_ALLOWED);
}

#[test]
fn gateways_that_take_nothing_of_a_namespace_are_none_that_its_servers_are_meant_for() {
    let mut stage = Stage::new();
    stage.add(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": { "namespace": "mcp-system", "name": "theirs" },
        "spec": { "gatewayClassName": "istio", "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP" }] },
    }));
    let mut theirs = extension("theirs", "2026-01-01T00:00:30Z", json!({}));
    theirs["spec"]["targetRef"] = json!({ "name": "theirs" });
    stage.add(theirs).add(to_service("older", 1, "same_")).add(to_service("younger", 2, "Same-"));
    let result = stage.interpret();
    assert!(result.extension("theirs").accepted.is_yes(), "{:?}", result.extension("theirs"));
    assert_eq!(result.registration("older").accepted.message, "The registration is in use.");
    let refused = &result.registration("younger").accepted;
    assert_eq!(refused.reason, reason::PREFIX_CONFLICT);
    assert!(refused.message.contains("team/older") && !refused.message.contains("allowedRoutes"), "{refused:?}");
}

#[test]
fn a_credential_is_sent_and_its_absence_is_told() {
    let mut stage = Stage::new();
    stage.add(registration(
        "weather",
        1,
        json!({
            "targetRef": { "kind": "Service", "name": "weather" },
            "credentialRef": { "name": "login" },
        }),
    ));
    let missing = stage.interpret();
    assert_eq!(missing.registration("weather").resolved.reason, reason::INVALID_CREDENTIAL);
    stage.add(secret("login", "token", "czNjcmV0"));
    let result = stage.interpret();
    assert_eq!(result.main().servers[0].server.headers["authorization"], "Bearer s3cret");
}

#[test]
fn authorities_have_to_be_certificates() {
    let mut stage = Stage::new();
    stage.add(registration(
        "far",
        1,
        json!({
            "url": "https://mcp.example.net/mcp",
            "caCertificateRef": { "name": "authorities" },
        }),
    ));
    stage.add(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "namespace": "team", "name": "authorities" }, "data": { "ca.crt": "nothing" },
    }));
    let outcome = stage.interpret();
    let resolved = &outcome.registration("far").resolved;
    assert_eq!(resolved.reason, reason::INVALID_CA);
    assert!(resolved.message.contains("PEM"), "{}", resolved.message);
}

#[test]
fn a_server_outside_is_reached_by_tls() {
    let result = Stage::new().add(registration("far", 1, json!({ "url": "https://mcp.example.net/mcp" }))).interpret();
    let external = External { host: "mcp.example.net".to_owned(), port: 443, tls: true, ca: None };
    assert_eq!(result.main().servers[0].backend, Some(Backend::External(external)));
}

#[test]
fn a_new_module_that_its_registry_does_not_give_leaves_the_old_one_in_force() {
    let mut stage = Stage::new();
    stage.add(json!({
        "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
        "metadata": { "namespace": "gateway-system", "name": "main-mcp-gateway" },
        "spec": { "url": "oci://registry.example/filter:0", "sha256": "11" },
    }));
    stage.modules.insert(MODULE.to_owned(), Err("no answer".to_owned()));
    let result = stage.interpret();
    assert_eq!(result.main().module.as_ref().unwrap().sha256, "11");
    assert!(!result.extension("main").module.as_ref().unwrap().in_force);
    stage.modules.clear();
    stage.without("WasmPlugin");
    assert_eq!(stage.interpret().main().module, None);
}

#[test]
fn a_virtual_server_says_where_clients_can_ask_for_it() {
    let virtual_server = |name: &str, spec: Value| {
        json!({
            "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPVirtualServer",
            "metadata": { "namespace": "team", "name": name }, "spec": spec,
        })
    };
    let mut stage = Stage::new();
    stage.add(virtual_server("all", json!({ "tools": ["*"] })));
    stage.add(virtual_server("elsewhere", json!({ "tools": ["*"], "extensionRefs": [{ "name": "other" }] })));
    stage.add(virtual_server("broken", json!({ "tools": 1 })));
    let judged = stage.interpret().virtual_servers;
    let of = |server: &str| &judged[&name("team", server)];
    assert!(of("all").is_yes() && of("all").message.contains("mcp-system/main"), "{judged:?}");
    assert_eq!(of("elsewhere").reason, reason::NO_MATCHING_PARENT);
    assert_eq!(of("broken").reason, reason::INVALID);
}

#[test]
fn the_mode_is_the_extensions_own() {
    let mut stage = Stage::new();
    stage.without("MCPGatewayExtension");
    stage.add(extension("main", "2026-01-01T00:00:00Z", json!({ "dataPath": { "mode": "EnvoyFilter" } })));
    assert_eq!(stage.interpret().main().mode, Mode::EnvoyFilter);
}

/// A stage with everything that can meet: one prefix, one name, one age.
fn crowd() -> Stage {
    let mut stage = Stage::new();
    stage.add(extension("later", "2026-01-01T00:00:00Z", json!({})));
    stage.add(route("team", "weather", json!({ "backendRefs": [{ "name": "weather", "port": 9000 }] })));
    for (registration, age, prefix) in [("a", 1, "w_"), ("b", 1, "w_"), ("c", 2, ""), ("d", 3, "W-"), ("e", 0, "e_")] {
        stage.add(to_service(registration, age, prefix));
    }
    stage.add(registration("broken", 1, json!({ "prefix": [] })));
    stage
}

proptest! {
    #[test]
    fn the_order_in_which_resources_come_makes_no_difference(
        order in Just((0..crowd().objects.len()).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let crowd = crowd();
        let shuffled = Stage {
            objects: order.into_iter().map(|at| crowd.objects[at].clone()).collect(),
            modules: crowd.modules.clone(),
        };
        prop_assert_eq!(shuffled.interpret(), crowd.interpret());
    }
}

#[test]
fn virtual_servers_belong_to_the_gateways_that_they_name() {
    let virtual_server = |name: &str, spec: Value| {
        json!({
            "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPVirtualServer",
            "metadata": { "namespace": "team", "name": name, "uid": name },
            "spec": spec,
        })
    };
    let mut stage = Stage::new();
    stage
        .add(virtual_server("everyday", json!({ "tools": ["a_*"], "description": "For all." })))
        .add(virtual_server(
            "ours",
            json!({
                "prompts": ["*"], "extensionRefs": [{ "name": "main", "namespace": "mcp-system" }],
            }),
        ))
        .add(virtual_server("theirs", json!({ "tools": ["x"], "extensionRefs": [{ "name": "main" }] })))
        .add(virtual_server("broken", json!({ "tools": 5 })));
    let all = stage.interpret();
    let found = &all.main().virtual_servers;
    let names: Vec<_> = found.iter().map(|virtual_server| virtual_server.name.as_str()).collect();
    assert_eq!(names, ["team/everyday", "team/ours"]);
    assert_eq!((&found[0].tools[..], found[0].description.as_deref()), (&["a_*".to_owned()][..], Some("For all.")));
}
