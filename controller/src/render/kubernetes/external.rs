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
    let object = |kind, rest| Object::new(Step::Backend, kind, names.object.clone(), instance, &upstream.owner, rest);
    let mut objects = vec![object(
        ("networking.istio.io/v1", "ServiceEntry"),
        json!({ "spec": service_entry(instance, server, &names) }),
    )];
    if server.tls {
        objects.push(object(
            ("gateway.networking.k8s.io/v1", "BackendTLSPolicy"),
            json!({ "spec": tls_policy(server, &names) }),
        ));
    } else {
        // Istio would no longer heed the policy beside it.
        objects.push(object(
            ("networking.istio.io/v1", "DestinationRule"),
            json!({ "spec": destination_rule(instance, &names.external_host) }),
        ));
    }
    if let (true, Some(ca)) = (server.tls, &server.ca) {
        objects.push(object(("v1", "ConfigMap"), json!({ "data": { "ca.crt": ca } })));
    }
    objects
}

/// Seen by the gateway's namespace alone.
fn service_entry(instance: &Instance, server: &External, names: &ServerNames) -> Value {
    let address = server.host.trim_matches(['[', ']']);
    let resolution = if address.parse::<IpAddr>().is_ok() { "STATIC" } else { "DNS" };
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

fn tls_policy(server: &External, names: &ServerNames) -> Value {
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
        "targetRefs": [{ "group": "networking.istio.io", "kind": "ServiceEntry", "name": names.object.name }],
        "validation": validation,
    })
}
