//! Routes of somebody else that take requests to the endpoint.

use super::Caution;
use crate::model::{Instance, ObjectName};
use crate::render::kubernetes::{MANAGED_BY, Names};
use crate::source::kubernetes::gateway_api::{GROUP, Gateway};
use crate::source::kubernetes::kind::Kind;
use crate::source::kubernetes::listeners::allows;
use crate::source::kubernetes::order;
use crate::source::kubernetes::verdict::reason;
use crate::source::kubernetes::world::{World, spec};
use kube::ResourceExt;
use protocol::http::path;
use serde::Deserialize;
use serde_json::Value;

/// `spec` of an `HTTPRoute`, as far as it says which requests it takes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Route {
    parent_refs: Vec<Parent>,
    hostnames: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parent {
    group: Option<String>,
    kind: Option<String>,
    namespace: Option<String>,
    name: String,
    section_name: Option<String>,
    port: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    #[serde(default)]
    matches: Vec<Match>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    path: Option<Path>,
    method: Option<String>,
    #[serde(default)]
    headers: Vec<Value>,
    #[serde(default)]
    query_params: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Path {
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<String>,
}

/// The routes that come before the endpoint's own, by the precedence of the Gateway API: the more exact match, then the older route.
pub(super) fn of(world: &World, instance: &Instance) -> Option<Caution> {
    let own = world.get(Kind::HttpRoute, &Names::new(instance).endpoint());
    let others = world.all(Kind::HttpRoute).filter(|(_, object)| {
        object.labels().get("app.kubernetes.io/managed-by").is_none_or(|maker| maker != MANAGED_BY)
    });
    let taking: Vec<String> = others
        .filter_map(|(name, object)| {
            let route: Route = spec(object).ok()?;
            if !is_let_in(world, instance, name) {
                return None;
            }
            let is_older = own.is_none_or(|own| order::age(object) < order::age(own));
            let paths = taken(&route, instance, name, is_older);
            (!paths.is_empty()).then(|| format!("HTTPRoute {name} takes {}", paths.join(" and ")))
        })
        .collect();
    let message = format!(
        "{} on host {}, before the endpoint's own route: take that out of its rules, or give one of the two another host.",
        taking.join(", "),
        instance.public_host
    );
    (!taking.is_empty()).then_some(Caution { reason: reason::ROUTE_CONFLICT, message })
}

/// Whether the listener takes routes of the namespace. One that it does not take is in nobody's way.
fn is_let_in(world: &World, instance: &Instance, route: &ObjectName) -> bool {
    let gateway = world.get(Kind::Gateway, &instance.gateway).and_then(|gateway| spec::<Gateway>(gateway).ok());
    let listeners = gateway.into_iter().flat_map(|gateway| gateway.listeners);
    let mut own = listeners.filter(|listener| listener.name == instance.listener.name);
    own.any(|listener| allows(world, &instance.gateway, &listener, &route.namespace))
}

/// The endpoint's paths that `route` takes, or a part of their requests.
fn taken(route: &Route, instance: &Instance, name: &ObjectName, is_older: bool) -> Vec<String> {
    let is_on_listener = route.parent_refs.iter().any(|parent| is_listener(parent, instance, name));
    // A wildcard is less exact than the endpoint's host. Without hostnames a route has its listener's.
    let has_host = if route.hostnames.is_empty() {
        instance.listener.hostname.as_ref() == Some(&instance.public_host)
    } else {
        route.hostnames.contains(&instance.public_host)
    };
    if !is_on_listener || !has_host {
        return Vec::new();
    }
    let matches = route.rules.iter().flat_map(|rule| &rule.matches);
    let mut paths: Vec<String> = matches.filter_map(|one| wins(one, is_older).map(str::to_owned)).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn is_listener(parent: &Parent, instance: &Instance, name: &ObjectName) -> bool {
    parent.group.as_deref().is_none_or(|group| group == GROUP)
        && parent.kind.as_deref().is_none_or(|kind| kind == "Gateway")
        && parent.name == instance.gateway.name
        && *parent.namespace.as_ref().unwrap_or(&name.namespace) == instance.gateway.namespace
        && parent.section_name.as_ref().is_none_or(|section| *section == instance.listener.name)
        && parent.port.is_none_or(|port| port == instance.listener.port)
}

/// The path of a match that comes before the endpoint's own. Istio takes exact paths before prefixes, and these before regular
/// expressions, so none of the last ones does.
fn wins(one: &Match, is_older: bool) -> Option<&str> {
    let Path { kind, value } = one.path.as_ref()?;
    let (kind, value) = (kind.as_deref().unwrap_or("PathPrefix"), value.as_deref().unwrap_or("/"));
    let is_narrower = one.method.is_some() || !one.headers.is_empty() || !one.query_params.is_empty();
    let is_below = value.strip_prefix(path::SSE).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'));
    let takes = match kind {
        "Exact" if value == path::MCP => is_older || is_narrower,
        "Exact" => value == path::SSE || is_below,
        "PathPrefix" if value.trim_end_matches('/') == path::SSE => is_older || is_narrower,
        "PathPrefix" => is_below,
        _ => false,
    };
    takes.then_some(value)
}
