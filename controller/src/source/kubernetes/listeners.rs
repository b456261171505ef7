//! What a gateway's listeners let routes do.

use super::gateway_api::{GROUP, Gateway, Listener, Service};
use super::kind::Kind;
use super::world::{World, spec};
use crate::model::ObjectName;
use kube::ResourceExt as _;
use serde_json::Value;
use std::collections::BTreeMap;

/// Istio's annotation that gives the Deployment and Service of a Gateway another name.
const NAME_OVERRIDE: &str = "gateway.istio.io/name-override";

/// Whether a listener of `gateway` takes `HTTPRoute`s of `namespace` (`allowedRoutes`).
pub(super) fn allows(world: &World, gateway: &ObjectName, listener: &Listener, namespace: &str) -> bool {
    let allowed = &listener.allowed_routes;
    let kinds = &allowed.kinds;
    let takes_routes = kinds.is_empty()
        || kinds
            .iter()
            .any(|kind| kind.kind == "HTTPRoute" && kind.group.as_deref().is_none_or(|group| group == GROUP));
    takes_routes
        && match allowed.namespaces.from.as_deref().unwrap_or("Same") {
            "All" => true,
            "Same" => namespace == gateway.namespace,
            "Selector" => allowed.namespaces.selector.matches(&labels(world, namespace)),
            _ => false,
        }
}

fn labels(world: &World, namespace: &str) -> BTreeMap<String, String> {
    let name = ObjectName { namespace: String::new(), name: namespace.to_owned() };
    let labels = world.get(Kind::Namespace, &name).and_then(|namespace| namespace.metadata.labels.clone());
    labels.unwrap_or_default()
}

/// Whether a listener's hostname, which may begin with `*.`, has `host`.
pub(super) fn covers(hostname: Option<&str>, host: &str) -> bool {
    match hostname {
        None | Some("" | "*") => true,
        Some(hostname) => match hostname.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => hostname == host,
        },
    }
}

/// The port that Envoy listens on for a listener: the gateway's `Service` may map it to another.
pub(super) fn envoy_port(world: &World, name: &ObjectName, gateway: &Gateway, listener: &Listener) -> u16 {
    let domain = &world.defaults.cluster.domain;
    let addressed = gateway.addresses.iter().filter_map(|address| {
        // Istio takes a name without dots for a Service beside the Gateway.
        let Some((service, rest)) = address.value.split_once('.') else {
            return Some(ObjectName { namespace: name.namespace.clone(), name: address.value.clone() });
        };
        let namespace = rest.strip_suffix(domain)?.strip_suffix(".svc.")?;
        Some(ObjectName { namespace: namespace.to_owned(), name: service.to_owned() })
    });
    // What Istio makes by itself.
    let given = world.get(Kind::Gateway, name).and_then(|gateway| gateway.annotations().get(NAME_OVERRIDE).cloned());
    let own = given.unwrap_or_else(|| format!("{}-{}", name.name, gateway.gateway_class_name));
    let own = ObjectName { namespace: name.namespace.clone(), name: own };
    let mut services = addressed.chain([own]).filter_map(|service| world.get(Kind::Service, &service));
    let mapped = services.find_map(|service| {
        let ports = spec::<Service>(service).ok()?.ports;
        let port = ports.into_iter().find(|port| port.port == listener.port)?;
        port.target_port.as_ref().and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok())
    });
    mapped.unwrap_or(listener.port)
}
