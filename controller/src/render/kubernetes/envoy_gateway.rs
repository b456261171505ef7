//! The same data path for Envoy Gateway: an `EnvoyExtensionPolicy` with the filter's module, and the routes.
//!
//! Its schema (v1.9) has no `allow_on_headers_stop_iteration`, so the filter runs in header mode. The broker is not among these
//! objects; the controller does not apply them.

use super::endpoint_route;
use super::names::{Names, ServerNames};
use super::object::{Object, Step, filter_name};
use super::plugin::plugin_for;
use super::server_route::server_route;
use crate::model::{Backend, External, Instance, Module, ObjectName, Owner, Upstream};
use protocol::config::FilterMode;
use protocol::http::header;
use serde_json::{Value, json};

const GROUP: &str = "gateway.envoyproxy.io/v1alpha1";
/// Envoy Gateway keeps Envoy's default of 1,024, which breaks under a storm of first calls.
const MANY: u32 = 100_000;
/// What a stream may hold beside a request body.
const BUFFER_MARGIN_BYTES: u32 = 64 << 10;

/// The data path of `instance`, in the order in which it is to be applied. Empty without a module.
pub fn render_envoy_gateway(instance: &Instance) -> Vec<Object> {
    let names = Names::new(instance);
    let Some(module) = &instance.module else { return Vec::new() };
    let mut objects = vec![
        extension_policy(instance, &names, module),
        client_policy(instance),
        endpoint_route::endpoint(instance, &names),
        backend_policy(instance, Step::Endpoint, names.endpoint(), &instance.owner, true),
    ];
    if let Some(unrouted) = endpoint_route::unrouted(instance, &names) {
        objects.push(unrouted);
        objects.push(backend_policy(instance, Step::Endpoint, names.unrouted(), &instance.owner, true));
    }
    for upstream in &instance.servers {
        let Some(mut route) = server_route(instance, upstream) else { continue };
        let object = route.name();
        if let Some(Backend::External(server)) = &upstream.backend {
            objects.extend(external(instance, upstream, server));
            route.value["spec"]["rules"][0]["backendRefs"] =
                json!([{ "group": "gateway.envoyproxy.io", "kind": "Backend", "name": object.name }]);
        }
        objects.push(route);
        objects.push(backend_policy(instance, Step::Server, object, &upstream.owner, false));
    }
    objects.sort_by_cached_key(|object| (object.step, object.kind().to_owned(), object.name()));
    objects
}

/// The listener, as a policy names it. All of its routes get the filter: those of servers too, which clients must not reach by
/// themselves.
fn listener(instance: &Instance) -> Value {
    json!([{
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": instance.gateway.name,
        "sectionName": instance.listener.name,
    }])
}

fn extension_policy(instance: &Instance, names: &Names, module: &Module) -> Object {
    let route = format!("httproute/{}/{}/rule/", instance.owner.object.namespace, names.endpoint().name);
    // Envoy Gateway has a cluster a rule; that of the endpoint's first is the broker's.
    let plugin = plugin_for(instance, names, FilterMode::Header, format!("{route}0"), route);
    let mut image = json!({ "url": module.url.trim_start_matches("oci://"), "sha256": module.sha256 });
    if let Some(secret) = &module.pull_secret {
        image["pullSecretRef"] = json!({ "name": secret });
    }
    let spec = json!({
        "targetRefs": listener(instance),
        "wasm": [{
            "name": "mcp-gateway",
            "code": { "type": "Image", "image": image },
            "failOpen": false,
            "config": plugin,
        }],
    });
    Object::new(
        Step::Filter,
        (GROUP, "EnvoyExtensionPolicy"),
        filter_name(instance),
        instance,
        &instance.owner,
        json!({ "spec": spec }),
    )
}

/// Streams have no idle limit, and a body may be held up to its limit: the defaults are 5 minutes and 32 KiB.
fn client_policy(instance: &Instance) -> Object {
    let buffer = instance.limits.held_body_bytes.saturating_add(BUFFER_MARGIN_BYTES);
    let spec = json!({
        "targetRefs": listener(instance),
        "timeout": { "http": { "streamIdleTimeout": "0s" } },
        "connection": { "bufferLimit": buffer.to_string() },
    });
    Object::new(
        Step::Filter,
        (GROUP, "ClientTrafficPolicy"),
        filter_name(instance),
        instance,
        &instance.owner,
        json!({ "spec": spec }),
    )
}

/// What holds for the clusters of a route.
fn backend_policy(instance: &Instance, step: Step, route: ObjectName, owner: &Owner, of_broker: bool) -> Object {
    let mut spec = json!({
        "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": route.name }],
        "circuitBreaker": {
            "maxConnections": MANY,
            "maxPendingRequests": MANY,
            "maxParallelRequests": MANY,
        },
    });
    if of_broker && instance.broker.replicas > 1 {
        spec["loadBalancer"] = json!({
            "type": "ConsistentHash",
            "consistentHash": { "type": "Header", "header": { "name": header::SESSION_ID } },
        });
    }
    Object::new(step, (GROUP, "BackendTrafficPolicy"), route, instance, owner, json!({ "spec": spec }))
}

fn external(instance: &Instance, upstream: &Upstream, server: &External) -> Vec<Object> {
    let endpoint = match super::external::address(server) {
        Some(ip) => json!({ "ip": { "address": ip.to_string(), "port": server.port } }),
        None => json!({ "fqdn": { "hostname": server.host, "port": server.port } }),
    };
    let backend = json!({ "spec": { "endpoints": [endpoint] } });
    let mut objects = vec![super::external::object(instance, upstream, (GROUP, "Backend"), backend)];
    if server.tls {
        let name = ServerNames::new(instance, upstream).object.name;
        let target = json!({ "group": "gateway.envoyproxy.io", "kind": "Backend", "name": name });
        objects.extend(super::external::tls(instance, upstream, server, &target));
    }
    objects
}
