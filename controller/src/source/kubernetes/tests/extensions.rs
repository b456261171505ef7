//! Extensions, and the Gateways and listeners that they are for.

use super::*;

#[test]
fn an_extension_needs_the_consent_of_its_gateways_namespace() {
    let result = Stage::new().without("ReferenceGrant").interpret();
    assert_eq!(result.extension("main").resolved.reason, reason::REF_NOT_PERMITTED);
    assert!(result.extension("main").instance.is_none());
}

#[test]
fn of_two_extensions_of_one_listener_the_older_is_in_use() {
    let mut stage = Stage::new();
    stage.add(extension("later", "2026-01-01T00:01:00Z", json!({})));
    let result = stage.interpret();
    let later = result.extension("later");
    assert_eq!(later.accepted.reason, reason::CONFLICTED);
    assert!(later.accepted.message.contains("mcp-system/main"), "{later:?}");
    assert!(later.instance.is_none() && result.extension("main").instance.is_some());
}

/// Makes the Gateway another one.
fn gateway(class: &str, listeners: Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": { "namespace": "gateway-system", "name": "front" },
        "spec": { "gatewayClassName": class, "listeners": listeners },
    })
}

#[test]
fn of_two_extensions_of_listeners_with_one_port_the_older_is_in_use() {
    let listener = |name: &str, port: u16| {
        let all = json!({ "namespaces": { "from": "All" } });
        json!({ "name": name, "port": port, "protocol": "HTTP", "hostname": format!("{name}.example.com"), "allowedRoutes": all })
    };
    let at = |listener: &str, created: &str| {
        let mut extension = extension(listener, created, json!({}));
        extension["spec"]["targetRef"]["sectionName"] = json!(listener);
        extension["spec"]["publicHost"] = json!(format!("{listener}.example.com"));
        extension
    };
    let stage = |second: u16| {
        let mut stage = Stage::new();
        stage.without("Gateway").without("MCPGatewayExtension");
        stage.add(gateway("istio", json!([listener("a", 80), listener("b", second)])));
        stage.add(at("a", "2026-01-01T00:00:00Z")).add(at("b", "2026-01-01T00:01:00Z"));
        stage.interpret()
    };
    let later = &stage(80);
    let verdict = &later.extension("b").accepted;
    assert_eq!(verdict.reason, reason::CONFLICTED);
    assert!(verdict.message.contains("mcp-system/a") && verdict.message.contains("a port of its own"), "{verdict:?}");
    assert!(later.extension("a").instance.is_some() && later.extension("b").instance.is_none());
    assert!(stage(81).extension("b").instance.is_some());
}

#[test]
fn a_public_host_that_two_extensions_have_is_told_at_the_younger() {
    let mut stage = Stage::new();
    let listener = |name: &str, port: u16| json!({ "name": name, "port": port, "protocol": "HTTP", "allowedRoutes": { "namespaces": { "from": "All" } } });
    stage.without("Gateway").without("MCPGatewayExtension");
    stage.add(gateway("istio", json!([listener("a", 80), listener("b", 81)])));
    for (name, created) in [("a", "2026-01-01T00:00:00Z"), ("b", "2026-01-01T00:01:00Z")] {
        let mut extension = extension(name, created, json!({}));
        extension["spec"]["targetRef"]["sectionName"] = json!(name);
        stage.add(extension);
    }
    let result = stage.interpret();
    let (older, younger) = (&result.extension("a").accepted, &result.extension("b").accepted);
    assert!(older.is_yes() && !older.message.contains("publicHost"), "{older:?}");
    assert!(younger.is_yes() && younger.message.contains("publicHost mcp.example.com is also that of"), "{younger:?}");
}

#[test]
fn a_gateway_that_istio_does_not_make_is_refused() {
    let class = |controller: &str| {
        let mut stage = Stage::new();
        stage.without("Gateway");
        let listeners = json!([{ "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": { "namespaces": { "from": "All" } } }]);
        stage.add(gateway("edge", listeners));
        stage.add(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": { "name": "edge" }, "spec": { "controllerName": controller },
        }));
        stage.interpret().extension("main").accepted.clone()
    };
    assert!(class("istio.io/gateway-controller").is_yes());
    assert!(class("openshift.io/gateway-controller/v1").is_yes());
    let refused = class("gateway.envoyproxy.io/gatewayclass-controller");
    assert_eq!((refused.holds, refused.reason), (Some(false), reason::INVALID));
    assert!(refused.message.contains("class edge") && refused.message.contains("targetRef"), "{}", refused.message);
}

#[test]
fn a_listener_without_http_is_refused_with_what_to_name_instead() {
    for (listener, fix) in [
        (json!({ "name": "raw", "port": 80, "protocol": "TCP" }), "HTTP or HTTPS"),
        (
            json!({ "name": "raw", "port": 443, "protocol": "HTTPS", "tls": { "mode": "Passthrough" } }),
            "tls.mode Terminate",
        ),
    ] {
        let mut stage = Stage::new();
        stage.without("Gateway").add(gateway("istio", json!([listener])));
        let accepted = stage.interpret().extension("main").accepted.clone();
        assert_eq!(accepted.reason, reason::INVALID);
        assert!(accepted.message.contains(fix), "{}", accepted.message);
    }
}

#[test]
fn a_module_that_only_istiods_own_extensions_can_pull_is_refused_in_envoy_filter_mode() {
    let with = |mode: &str| {
        let module = json!({ "url": MODULE, "pullSecret": "login" });
        let mut stage = Stage::new();
        stage.without("MCPGatewayExtension");
        let spec = json!({ "dataPath": { "mode": mode }, "module": module });
        stage.add(extension("main", "2026-01-01T00:00:00Z", spec));
        stage.interpret().extension("main").accepted.clone()
    };
    assert!(with("WasmPlugin").is_yes());
    let refused = with("EnvoyFilter");
    assert_eq!(refused.reason, reason::INVALID);
    assert!(
        refused.message.contains("module.pullSecret") && refused.message.contains("WasmPlugin"),
        "{}",
        refused.message
    );
}

#[test]
fn the_port_of_a_gateways_pods_is_that_of_its_service_whatever_names_that() {
    let port = |service: &str, change: &dyn Fn(&mut Value)| {
        let mut stage = Stage::new();
        let all = json!({ "namespaces": { "from": "All" } });
        let listener = json!({ "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": all });
        let mut front = gateway("istio", json!([listener]));
        change(&mut front);
        stage.without("Gateway").add(front).add(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "namespace": "gateway-system", "name": service },
            "spec": { "ports": [{ "port": 80, "targetPort": 8080 }] },
        }));
        stage.interpret().main().listener.port
    };
    let addressed =
        |address: &'static str| move |front: &mut Value| front["spec"]["addresses"] = json!([{ "value": address }]);
    assert_eq!(port("front-istio", &|_| ()), 8080);
    assert_eq!(port("ingress", &addressed("ingress.gateway-system.svc.cluster.local")), 8080);
    assert_eq!(port("ingress", &addressed("ingress")), 8080);
    let named =
        |front: &mut Value| front["metadata"]["annotations"] = json!({ "gateway.istio.io/name-override": "edge" });
    assert_eq!(port("edge", &named), 8080);
    assert_eq!(port("somebody-elses", &|_| ()), 80);
}
