//! What in a cluster stands against a gateway or a server, though each resource is right by itself.
//!
//! Nothing is refused for it: whether it matters depends on what is meant. It is told in the condition `Compatible`.

mod connections;
mod mesh;
mod mutual_tls;
mod other_routes;
mod policies;
#[cfg(test)]
mod tests;
mod workloads;

use super::world::World;
use super::{Interpretation, Verdict, reason};
use mesh::Mesh;

/// Something that stands against it: a reason for programs, and what to do for people.
struct Caution {
    reason: &'static str,
    message: String,
}

/// Says of every gateway and server in use what stands against it.
pub(super) fn judge(world: &World, result: &mut Interpretation) {
    let mesh = Mesh::of(world);
    for outcome in result.extensions.values_mut() {
        let Some(instance) = &outcome.instance else { continue };
        let mut cautions = connections::of(world, &mesh, instance);
        cautions.extend(policies::of(world, &mesh, instance));
        cautions.extend(other_routes::of(world, instance));
        outcome.compatible = verdict(cautions);
    }
    for outcome in result.registrations.values_mut().filter(|outcome| !outcome.servers.is_empty()) {
        let servers = outcome.servers.iter().filter_map(|(extension, server)| {
            let instance = result.extensions.get(extension)?.instance.as_ref()?;
            Some((instance, instance.servers.iter().find(|upstream| upstream.server.name == *server)?))
        });
        outcome.compatible = verdict(
            servers.filter_map(|(instance, upstream)| mutual_tls::of(world, &mesh, instance, upstream)).collect(),
        );
    }
}

fn verdict(cautions: Vec<Caution>) -> Verdict {
    match cautions.first() {
        None => Verdict::yes(reason::COMPATIBLE, "Nothing in the cluster is known to stand against it."),
        Some(first) => {
            let reason = first.reason;
            let messages: Vec<_> = cautions.into_iter().map(|caution| caution.message).collect();
            Verdict::no(reason, messages.join(" "))
        }
    }
}
