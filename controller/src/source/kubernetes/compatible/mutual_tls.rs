//! Servers that insist on mutual TLS, while the broker is no part of the mesh.

use super::mesh::Mesh;
use super::workloads::{Labels, Workloads, is_in_mesh, service};
use super::{Caution, reason};
use crate::model::{Backend, Instance, ObjectName, Upstream};
use crate::source::kubernetes::kind::Kind;
use crate::source::kubernetes::world::{World, spec};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// `spec` of a `PeerAuthentication`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PeerAuthentication {
    selector: Workloads,
    mtls: MutualTls,
    port_level_mtls: BTreeMap<String, MutualTls>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MutualTls {
    mode: String,
}

pub(super) fn of(world: &World, mesh: &Mesh, instance: &Instance, upstream: &Upstream) -> Option<Caution> {
    let own = &instance.owner.object.namespace;
    let Some(Backend::Refs { refs, .. }) = &upstream.backend else { return None };
    let reference = refs.iter().find(|reference| reference["kind"].as_str().is_none_or(|kind| kind == "Service"))?;
    let text = |field: &str| reference[field].as_str().map(str::to_owned);
    let name = ObjectName { namespace: text("namespace")?, name: text("name")? };
    if is_in_mesh(world, own) || !is_in_mesh(world, &name.namespace) {
        return None;
    }
    let by = insisting(world, mesh, &name, reference["port"].as_u64())?;
    let message = format!(
        "PeerAuthentication {by} is STRICT for Service {name}, and the broker is no part of the mesh, so it cannot reach the \
         server: label namespace {own} istio-injection=enabled or istio.io/dataplane-mode=ambient and restart the broker, or \
         let the server take plain text (PERMISSIVE)."
    );
    Some(Caution { reason: reason::MUTUAL_TLS, message })
}

/// The `PeerAuthentication` that makes a service's port insist on mutual TLS.
fn insisting(world: &World, mesh: &Mesh, name: &ObjectName, port: Option<u64>) -> Option<ObjectName> {
    let service = service(world, name)?;
    let target = service.ports.iter().find(|known| port.is_none_or(|port| u64::from(known.port) == port))?;
    let target = match &target.target_port {
        None => target.port.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        // A name, which only the pods know.
        Some(_) => String::new(),
    };
    // The nearer says it: for the workload, its namespace, the mesh.
    let said = by_workload(world, &name.namespace, &service.selector, &target)
        .or_else(|| by_namespace(world, &name.namespace))
        .or_else(|| by_namespace(world, &mesh.root_namespace));
    said.and_then(|(by, mode)| (mode == "STRICT").then_some(by))
}

fn policies<'a>(world: &'a World, namespace: &'a str) -> impl Iterator<Item = (&'a ObjectName, PeerAuthentication)> {
    let own = world.all(Kind::PeerAuthentication).filter(move |(name, _)| name.namespace == namespace);
    own.map(|(name, policy)| (name, spec(policy).unwrap_or_default()))
}

fn by_workload(world: &World, namespace: &str, labels: &Labels, port: &str) -> Option<(ObjectName, String)> {
    let selecting = policies(world, namespace).filter(|(_, policy)| !policy.selector.is_all());
    let (name, policy) = selecting.into_iter().find(|(_, policy)| policy.selector.select(labels))?;
    let of_port = policy.port_level_mtls.get(port).map(|tls| tls.mode.clone()).filter(|mode| is_set(mode));
    let mode = of_port.or_else(|| Some(policy.mtls.mode).filter(|mode| is_set(mode)))?;
    Some((name.clone(), mode))
}

fn by_namespace(world: &World, namespace: &str) -> Option<(ObjectName, String)> {
    let (name, policy) = policies(world, namespace).find(|(_, policy)| policy.selector.is_all())?;
    is_set(&policy.mtls.mode).then(|| (name.clone(), policy.mtls.mode))
}

fn is_set(mode: &str) -> bool {
    !matches!(mode, "" | "UNSET")
}
