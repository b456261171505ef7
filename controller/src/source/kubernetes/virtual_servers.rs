//! The `MCPVirtualServer`s of a gateway.

use super::kind::Kind;
use super::verdict::{Verdict, reason};
use super::world::{World, name_of, spec};
use crate::api::VirtualServerSpec;
use crate::model::ObjectName;
use protocol::config::VirtualServer;
use std::collections::BTreeMap;

/// Whether clients can ask for it, of each virtual server. `extensions` are those in use, with the virtual servers that they have.
pub(super) fn judge<'a>(
    world: &World,
    extensions: impl Iterator<Item = (&'a ObjectName, &'a [VirtualServer])> + Clone,
) -> BTreeMap<ObjectName, Verdict> {
    let present = world.all(Kind::VirtualServer).filter(|(_, object)| object.metadata.deletion_timestamp.is_none());
    let judged = present.map(|(name, object)| {
        let is_it = |known: &VirtualServer| known.name == name.to_string();
        let having = extensions.clone().filter(|(_, known)| known.iter().any(is_it));
        let having: Vec<_> = having.map(|(extension, _)| extension.to_string()).collect();
        let verdict = match spec::<VirtualServerSpec>(object) {
            Err(error) => Verdict::no(reason::INVALID, error),
            Ok(_) if having.is_empty() => {
                Verdict::no(reason::NO_MATCHING_PARENT, "No MCPGatewayExtension that it is for is in use.")
            }
            Ok(_) => Verdict::yes(reason::ACCEPTED, format!("Clients can ask for it at {}.", having.join(", "))),
        };
        (name.clone(), verdict)
    });
    judged.collect()
}

/// The virtual servers of an extension, by their names. One that cannot be read harms no other.
pub(super) fn of(world: &World, extension: &ObjectName) -> Vec<VirtualServer> {
    let objects = world.all(Kind::VirtualServer).map(|(_, object)| object);
    let present = objects.filter(|object| object.metadata.deletion_timestamp.is_none());
    let mut found: Vec<_> = present
        .filter_map(|object| {
            let (own, spec) = (name_of(object), spec::<VirtualServerSpec>(object).ok()?);
            let is_meant = spec.extension_refs.is_empty()
                || spec.extension_refs.iter().any(|reference| {
                    let namespace = reference.namespace.as_ref().unwrap_or(&own.namespace);
                    reference.name == extension.name && *namespace == extension.namespace
                });
            is_meant.then(|| VirtualServer {
                name: format!("{}/{}", own.namespace, own.name),
                description: spec.description,
                tools: spec.tools,
                prompts: spec.prompts,
                resources: spec.resources,
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
