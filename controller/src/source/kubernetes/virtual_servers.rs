//! The `MCPVirtualServer`s of a gateway.

use super::kind::Kind;
use super::world::{World, name_of, spec};
use crate::api::VirtualServerSpec;
use crate::model::ObjectName;
use protocol::config::VirtualServer;

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
