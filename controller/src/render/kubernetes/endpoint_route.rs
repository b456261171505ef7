//! Clients' way to the endpoint: to the broker, unless the filter sends a request elsewhere.

use super::config::PATHS;
use super::names::{INTERNAL_PORT, Names, internal_domain};
use super::object::{Object, Step};
use crate::model::{Instance, ObjectName};
use serde_json::{Value, json};

const HTTP_ROUTE: (&str, &str) = ("gateway.networking.k8s.io/v1", "HTTPRoute");

/// The route of the public host.
pub(super) fn endpoint(instance: &Instance, names: &Names) -> Object {
    let rules: Vec<Value> = PATHS
        .map(|(kind, path)| {
            json!({
                "matches": [{ "path": { "type": kind, "value": path } }],
                "timeouts": no_timeouts(),
                "backendRefs": [broker(names)],
            })
        })
        .into();
    route(instance, names.endpoint(), &instance.public_host, &json!(rules))
}

/// The catch-all of the hosts that are the gateway's own: a request for a server whose route is not there, or not there yet, is
/// the broker's to answer. It never falls through to the route of somebody else.
pub(super) fn unrouted(instance: &Instance, names: &Names) -> Option<Object> {
    let host = format!("*.{}", internal_domain(instance)?);
    let rules = json!([{ "timeouts": no_timeouts(), "backendRefs": [broker(names)] }]);
    Some(route(instance, names.unrouted(), &host, &rules))
}

fn route(instance: &Instance, name: ObjectName, host: &str, rules: &Value) -> Object {
    let spec = json!({ "parentRefs": [parent(instance)], "hostnames": [host], "rules": rules });
    Object::new(Step::Endpoint, HTTP_ROUTE, name, instance, &instance.owner, json!({ "spec": spec }))
}

/// The listener, as a route names it.
pub(super) fn parent(instance: &Instance) -> Value {
    json!({
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "namespace": instance.gateway.namespace,
        "name": instance.gateway.name,
        "sectionName": instance.listener.name,
    })
}

/// A stream of events lasts as long as its client wants; filter and broker set the limits that a request needs.
pub(super) fn no_timeouts() -> Value {
    json!({ "request": "0s", "backendRequest": "0s" })
}

fn broker(names: &Names) -> Value {
    json!({ "group": "", "kind": "Service", "name": names.broker().name, "port": INTERNAL_PORT })
}
