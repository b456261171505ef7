//! By scenario: what stands against a gateway is told, and what does not is not.

use super::super::tests::{Stage, to_service};
use super::super::{Interpretation, Verdict, reason};
use serde_json::{Value, json};

/// A gateway with one server.
fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.add(to_service("weather", 1, "w_"));
    stage
}

fn of_gateway(result: &Interpretation) -> &Verdict {
    &result.extension("main").compatible
}

fn policy(namespace: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": { "namespace": namespace, "name": "policy" }, "spec": spec,
    })
}

/// A policy for the gateway's pods, with one rule for `operation`.
fn for_gateway(action: &str, operation: Value) -> Value {
    let target = json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "front" });
    policy(
        "gateway-system",
        json!({ "targetRefs": [target], "action": action, "rules": [{ "to": [{ "operation": operation }] }] }),
    )
}

fn mesh(config: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "namespace": "istio-system", "name": "istio" }, "data": { "mesh": config },
    })
}

fn namespace(name: &str, labels: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
}

#[test]
fn a_cluster_without_policies_stands_against_nothing() {
    let result = stage().interpret();
    assert!(of_gateway(&result).is_yes() && result.registration("weather").compatible.is_yes(), "{result:?}");
}

#[test]
fn a_denial_by_host_or_path_is_told_since_calls_pass_it_by() {
    for operation in [
        json!({ "hosts": ["mcp.example.com"] }),
        json!({ "hosts": ["MCP.example.com:*"] }),
        json!({ "hosts": ["*.example.com"], "methods": ["POST"] }),
    ] {
        let result = stage().add(for_gateway("DENY", operation.clone())).interpret();
        let verdict = of_gateway(&result);
        assert_eq!((verdict.holds, verdict.reason), (Some(false), reason::AUTHORIZATION_POLICY), "{operation}");
        for part in ["gateway-system/policy", "mcp.example.com", "*.mcp-gateway-internal", "CUSTOM"] {
            assert!(verdict.message.contains(part), "{part}: {}", verdict.message);
        }
        assert!(result.extension("main").accepted.is_yes(), "it is told, and nothing is refused");
    }
}

#[test]
fn a_denial_that_holds_for_calls_too_is_not_told() {
    for operation in [
        json!({}),
        json!({ "methods": ["DELETE"] }),
        json!({ "paths": ["/admin*"] }),
        json!({ "hosts": ["mcp.example.com", "*.mcp-gateway-internal"] }),
        json!({ "hosts": ["other.example.com"] }),
        json!({ "paths": ["/mcp"] }),
    ] {
        let result = stage().add(for_gateway("DENY", operation.clone())).interpret();
        assert!(of_gateway(&result).is_yes(), "{operation}: {}", of_gateway(&result).message);
    }
}

#[test]
fn a_denial_of_all_but_the_public_host_is_told_since_it_refuses_calls() {
    let result = stage().add(for_gateway("DENY", json!({ "notHosts": ["mcp.example.com"] }))).interpret();
    let verdict = of_gateway(&result);
    assert!(verdict.message.contains("refuses calls") && verdict.message.contains("notHosts"), "{}", verdict.message);
}

#[test]
fn an_allowance_for_the_public_host_alone_is_told_since_calls_are_refused() {
    let alone = stage().add(for_gateway("ALLOW", json!({ "hosts": ["mcp.example.com"] }))).interpret();
    let verdict = of_gateway(&alone);
    assert_eq!(verdict.reason, reason::AUTHORIZATION_POLICY);
    assert!(verdict.message.contains("operation.hosts"), "{}", verdict.message);
    let hosts = json!({ "hosts": ["mcp.example.com", "*.mcp-gateway-internal"] });
    assert!(of_gateway(&stage().add(for_gateway("ALLOW", hosts)).interpret()).is_yes());
}

#[test]
fn policies_of_other_workloads_and_those_that_see_the_request_as_it_was_sent_are_passed_over() {
    let operation = json!({ "to": [{ "operation": { "hosts": ["mcp.example.com"] } }] });
    let target = json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "other" });
    for other in [
        for_gateway("CUSTOM", json!({ "hosts": ["mcp.example.com"] })),
        policy("team", json!({ "action": "DENY", "rules": [operation] })),
        policy("gateway-system", json!({ "action": "DENY", "targetRefs": [target], "rules": [operation] })),
        policy(
            "gateway-system",
            json!({ "action": "DENY", "selector": { "matchLabels": { "app": "web" } }, "rules": [operation] }),
        ),
    ] {
        let result = stage().add(other.clone()).interpret();
        assert!(of_gateway(&result).is_yes(), "{other}");
    }
    let everywhere = policy("istio-system", json!({ "action": "DENY", "rules": [operation] }));
    assert!(!of_gateway(&stage().add(everywhere).interpret()).is_yes(), "the mesh's own are for all");
}

#[test]
fn limits_of_istios_edge_profile_are_told_with_the_fields_that_lift_them() {
    let edge = stage().add(mesh("defaultConfig: { connectionSettings: { profile: EDGE } }")).interpret();
    let verdict = of_gateway(&edge);
    assert_eq!(verdict.reason, reason::CONNECTION_LIMITS);
    for field in ["httpStreamIdleTimeout", "httpRequestTimeout", "listenerPerConnectionBufferLimitBytes", "300s"] {
        assert!(verdict.message.contains(field), "{field}: {}", verdict.message);
    }
    let lifted = "defaultConfig: { connectionSettings: { profile: EDGE, httpStreamIdleTimeout: 0s, httpRequestTimeout: 0s, \
                  listenerPerConnectionBufferLimitBytes: 1048576 } }";
    assert!(of_gateway(&stage().add(mesh(lifted)).interpret()).is_yes());
}

#[test]
fn a_gateways_own_limits_are_found_at_the_gateway() {
    let mut stage = stage();
    stage.without("Gateway").add(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": { "namespace": "gateway-system", "name": "front" },
        "spec": {
            "gatewayClassName": "istio",
            "infrastructure": { "annotations": {
                "proxy.istio.io/config": "connectionSettings:\n  httpMaxStreamDuration: 60s\n",
            } },
            "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": { "namespaces": { "from": "All" } } }],
        },
    }));
    let result = stage.interpret();
    assert!(of_gateway(&result).message.contains("every stream is cut after 60s"), "{:?}", of_gateway(&result));
}

fn strict(namespace: &str, mode: &str) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": { "namespace": namespace, "name": "default" }, "spec": { "mtls": { "mode": mode } },
    })
}

#[test]
fn a_server_that_insists_on_mutual_tls_is_told_while_the_broker_is_not_of_the_mesh() {
    let mut stage = stage();
    stage.add(namespace("team", json!({ "istio-injection": "enabled" }))).add(strict("istio-system", "STRICT"));
    let verdict = stage.interpret().registration("weather").compatible.clone();
    assert_eq!((verdict.holds, verdict.reason), (Some(false), reason::MUTUAL_TLS));
    for part in ["istio-system/default", "team/weather", "namespace mcp-system", "istio-injection=enabled"] {
        assert!(verdict.message.contains(part), "{part}: {}", verdict.message);
    }
    stage.add(namespace("mcp-system", json!({ "istio.io/dataplane-mode": "ambient" })));
    assert!(stage.interpret().registration("weather").compatible.is_yes());
}

#[test]
fn the_nearer_peer_authentication_holds() {
    let mut stage = stage();
    stage.add(namespace("team", json!({ "istio-injection": "enabled" }))).add(strict("istio-system", "STRICT"));
    stage.add(strict("team", "PERMISSIVE"));
    assert!(stage.interpret().registration("weather").compatible.is_yes());
    stage.add(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "namespace": "team", "name": "weather" },
        "spec": { "selector": { "app": "weather" }, "ports": [{ "port": 9000, "targetPort": 9001 }] },
    }));
    stage.add(json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": { "namespace": "team", "name": "weather" },
        "spec": {
            "selector": { "matchLabels": { "app": "weather" } }, "portLevelMtls": { "9001": { "mode": "STRICT" } },
        },
    }));
    let verdict = stage.interpret().registration("weather").compatible.clone();
    assert!(verdict.message.contains("team/weather is STRICT"), "{}", verdict.message);
}

#[test]
fn servers_outside_of_the_mesh_insist_on_nothing() {
    let result = stage().add(strict("istio-system", "STRICT")).interpret();
    assert!(result.registration("weather").compatible.is_yes());
}

/// An `HTTPRoute` of somebody else on the gateway, created before or after the endpoint's.
fn other(hostname: &str, created: &str, one: Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": { "namespace": "gateway-system", "name": "theirs", "creationTimestamp": created },
        "spec": { "parentRefs": [{ "name": "front" }], "hostnames": [hostname], "rules": [{ "matches": [one] }] },
    })
}

const BEFORE: &str = "2026-01-01T00:00:00Z";
const AFTER: &str = "2026-03-01T00:00:00Z";

fn beside(other: Value) -> Verdict {
    let mut own = other.clone();
    own["metadata"] = json!({
        "namespace": "mcp-system", "name": "main-mcp", "creationTimestamp": "2026-02-01T00:00:00Z",
        "labels": { "app.kubernetes.io/managed-by": "mcp-gateway" },
    });
    of_gateway(&stage().add(own).add(other).interpret()).clone()
}

#[test]
fn a_route_of_somebody_else_that_takes_requests_to_the_endpoint_is_told_by_its_name() {
    let exact = |path: &str| json!({ "path": { "type": "Exact", "value": path } });
    let below = |path: &str| json!({ "path": { "type": "PathPrefix", "value": path } });
    let mut posts = exact("/mcp");
    posts["method"] = json!("POST");
    for (created, one) in [
        (BEFORE, exact("/mcp")),
        (BEFORE, below("/sse")),
        (AFTER, posts),
        (AFTER, exact("/sse")),
        (AFTER, below("/sse/messages")),
    ] {
        let verdict = beside(other("mcp.example.com", created, one.clone()));
        assert_eq!((verdict.holds, verdict.reason), (Some(false), reason::ROUTE_CONFLICT), "{one}");
        let path = one["path"]["value"].as_str().unwrap();
        let told = format!("HTTPRoute gateway-system/theirs takes {path} on host mcp.example.com");
        assert!(verdict.message.contains(&told), "{}", verdict.message);
    }
}

#[test]
fn a_route_that_the_listener_does_not_take_is_in_nobodys_way() {
    let exact = json!({ "path": { "type": "Exact", "value": "/mcp" } });
    let told = |labelled: &[&str]| {
        let mut stage = stage();
        stage.without("Gateway").add(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": { "namespace": "gateway-system", "name": "front" },
            "spec": { "gatewayClassName": "istio", "listeners": [{
                "name": "http", "port": 80, "protocol": "HTTP",
                "allowedRoutes": { "namespaces": { "from": "Selector", "selector": { "matchLabels": { "mcp": "yes" } } } },
            }] },
        }));
        for namespace in labelled {
            let metadata = json!({ "name": namespace, "labels": { "mcp": "yes" } });
            stage.add(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }));
        }
        of_gateway(&stage.add(other("mcp.example.com", BEFORE, exact.clone())).interpret()).clone()
    };
    assert_eq!(told(&["mcp-system", "team", "gateway-system"]).reason, reason::ROUTE_CONFLICT);
    assert!(told(&["mcp-system", "team"]).is_yes());
}

#[test]
fn a_route_that_leaves_the_endpoints_requests_alone_is_not_told() {
    let exact = json!({ "path": { "type": "Exact", "value": "/mcp" } });
    let mut elsewhere = other("mcp.example.com", BEFORE, exact.clone());
    elsewhere["spec"]["parentRefs"][0]["sectionName"] = json!("another");
    for other in [
        other("mcp.example.com", AFTER, exact.clone()),
        other("other.example.com", BEFORE, exact.clone()),
        other("*.example.com", BEFORE, exact),
        other("mcp.example.com", BEFORE, json!({ "path": { "type": "RegularExpression", "value": "/mcp|/sse" } })),
        other("mcp.example.com", BEFORE, json!({ "path": { "type": "PathPrefix", "value": "/mcp" } })),
        other("mcp.example.com", BEFORE, json!({ "path": { "type": "PathPrefix", "value": "/" } })),
        elsewhere,
    ] {
        let verdict = beside(other.clone());
        assert!(verdict.is_yes(), "{other}: {}", verdict.message);
    }
}
