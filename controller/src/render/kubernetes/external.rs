//! Servers outside of the mesh: where they are, and whose certificates count.

use super::config::route;
use super::names::ServerNames;
use super::object::{Object, Step};
use crate::model::{Backend, External, Instance, Upstream};
use serde_json::{Value, json};
use std::net::IpAddr;

/// Servers of several SDKs close an idle connection after 5 s. One that is used in that moment fails, so Envoy goes first.
const IDLE: &str = "4s";
const CONNECT: &str = "5s";

/// The objects that the route of a server outside of the mesh needs.
pub(super) fn external(instance: &Instance, upstream: &Upstream) -> Vec<Object> {
    let Some(Backend::External(server)) = &upstream.backend else { return Vec::new() };
    if route(instance, upstream).is_none() {
        return Vec::new();
    }
    let names = ServerNames::new(instance, upstream);
    let entry = json!({ "spec": service_entry(instance, server, &names) });
    let mut objects = vec![object(instance, upstream, ("networking.istio.io/v1", "ServiceEntry"), entry)];
    if server.tls {
        let target = json!({ "group": "networking.istio.io", "kind": "ServiceEntry", "name": names.object.name });
        objects.extend(tls(instance, upstream, server, &target));
    } else {
        // Istio would no longer heed the policy for TLS beside it.
        let rule = json!({ "spec": destination_rule(instance, &names.external_host) });
        objects.push(object(instance, upstream, ("networking.istio.io/v1", "DestinationRule"), rule));
    }
    objects
}

/// The server's address, if it is known by that.
pub(super) fn address(server: &External) -> Option<IpAddr> {
    server.host.trim_matches(['[', ']']).parse().ok()
}

/// An object that is called as the server's route.
pub(super) fn object(instance: &Instance, upstream: &Upstream, kind: (&str, &str), rest: Value) -> Object {
    let name = ServerNames::new(instance, upstream).object;
    Object::new(Step::Backend, kind, name, instance, &upstream.owner, rest)
}

/// Whose certificates count for the server behind `target`.
pub(super) fn tls(instance: &Instance, upstream: &Upstream, server: &External, target: &Value) -> Vec<Object> {
    let names = ServerNames::new(instance, upstream);
    let policy = json!({ "spec": tls_policy(server, &names, target) });
    let mut objects = vec![object(instance, upstream, ("gateway.networking.k8s.io/v1", "BackendTLSPolicy"), policy)];
    if let Some(ca) = &server.ca {
        objects.push(object(instance, upstream, ("v1", "ConfigMap"), json!({ "data": { "ca.crt": ca } })));
    }
    objects
}

/// Seen by the gateway's namespace alone.
fn service_entry(instance: &Instance, server: &External, names: &ServerNames) -> Value {
    let (resolution, address) = match address(server) {
        Some(address) => ("STATIC", address.to_string()),
        None => ("DNS", server.host.clone()),
    };
    json!({
        "hosts": [names.external_host],
        "exportTo": visible(instance, names),
        "location": "MESH_EXTERNAL",
        "resolution": resolution,
        "ports": [{ "name": "http", "number": server.port, "protocol": "HTTP" }],
        "endpoints": [{ "address": address }],
    })
}

fn destination_rule(instance: &Instance, host: &str) -> Value {
    json!({
        "host": host,
        "exportTo": [instance.gateway.namespace],
        "trafficPolicy": {
            "connectionPool": { "tcp": { "connectTimeout": CONNECT }, "http": { "idleTimeout": IDLE } },
        },
    })
}

/// The gateway's namespace, and the route's own, since istiod looks the host up from there.
fn visible(instance: &Instance, names: &ServerNames) -> Value {
    if names.object.namespace == instance.gateway.namespace {
        json!([instance.gateway.namespace])
    } else {
        json!([instance.gateway.namespace, names.object.namespace])
    }
}

fn tls_policy(server: &External, names: &ServerNames, target: &Value) -> Value {
    let authorities = match &server.ca {
        Some(_) => json!({ "caCertificateRefs": [{ "group": "", "kind": "ConfigMap", "name": names.object.name }] }),
        None => json!({ "wellKnownCACertificates": "System" }),
    };
    let mut validation = json!({
        "hostname": server.host,
        // By itself Istio takes the hostname for SNI alone, and any certificate of the authorities.
        "subjectAltNames": [{ "type": "Hostname", "hostname": server.host }],
    });
    if let (Value::Object(validation), Value::Object(authorities)) = (&mut validation, authorities) {
        validation.extend(authorities);
    }
    json!({
        "targetRefs": [target],
        "validation": validation,
    })
}
