//! The filter's way to a server.

use super::config::{path_match, route};
use super::endpoint_route::{no_timeouts, parent};
use super::names::ServerNames;
use super::object::{Object, Step};
use crate::model::{Backend, Instance, Upstream};
use protocol::http::header;
use serde_json::{Value, json};

/// The `HTTPRoute` of a server that Envoy can reach, in the registration's namespace: references to backends are as good there
/// as in the route that they were taken from.
pub(super) fn server_route(instance: &Instance, upstream: &Upstream) -> Option<Object> {
    let backend = upstream.backend.as_ref()?;
    let way = route(instance, upstream)?;
    let names = ServerNames::new(instance, upstream);
    let mut rule = match backend {
        Backend::Refs { refs, filters, timeouts, host } => json!({
            "filters": with_ours(filters, host),
            "timeouts": timeouts.clone().unwrap_or_else(no_timeouts),
            "backendRefs": refs,
        }),
        Backend::External(external) => json!({
            "filters": with_ours(&[], &external.host),
            "timeouts": no_timeouts(),
            "backendRefs": [{
                "group": "networking.istio.io",
                "kind": "Hostname",
                "name": names.external_host,
                "port": external.port,
            }],
        }),
    };
    if let Some(server) = &way.server_header {
        // An exact path beats the endpoint's own rule, whose path has no such header beside it.
        rule["matches"] = json!([{
            "path": { "type": "Exact", "value": path_match(upstream)? },
            "headers": [{ "type": "Exact", "name": header::SERVER, "value": server }],
        }]);
    }
    let spec = json!({ "parentRefs": [parent(instance)], "hostnames": [way.authority], "rules": [rule] });
    Some(Object::new(
        Step::Server,
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        names.object,
        instance,
        &upstream.owner,
        json!({ "spec": spec }),
    ))
}

/// The target's filters, and ours: the server gets its own host, and no header that is between filter and routes.
///
/// What is the client's own (`Authorization`, `Cookie`, `Origin`) the filter has removed: the route cannot, since the server's
/// credentials come in the same headers.
fn with_ours(filters: &[Value], host: &str) -> Vec<Value> {
    let mut all: Vec<Value> = filters.iter().filter(|filter| filter["type"] != "URLRewrite").cloned().collect();
    all.push(json!({ "type": "URLRewrite", "urlRewrite": { "hostname": host } }));
    // A rule has one filter of a type at most.
    if !all.iter().any(|filter| filter["type"] == "RequestHeaderModifier") {
        all.push(json!({ "type": "RequestHeaderModifier", "requestHeaderModifier": {} }));
    }
    for filter in &mut all {
        if filter["type"] == "RequestHeaderModifier" {
            let removed = &mut filter["requestHeaderModifier"]["remove"];
            match removed {
                Value::Array(names) => names.push(json!(header::SERVER)),
                _ => *removed = json!([header::SERVER]),
            }
        }
    }
    all
}
