//! What registrations come to on one gateway.

use super::extension::Place;
use super::gateway_api::Gateway;
use super::listeners::allows;
use super::registration::Registration;
use super::target::Found;
use super::verdict::{Verdict, reason};
use super::world::World;
use crate::model::{Instance, Upstream};
use protocol::config::Server;
use protocol::naming::UriKey;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Bytes of the longest server's name.
const NAME_BYTES: usize = 63;

/// A registration that is to be a server.
pub(super) struct Candidate<'a> {
    pub(super) registration: &'a Registration,
    pub(super) found: &'a Found,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) ca: Option<String>,
}

/// Makes a server of `candidate` on a gateway whose servers are all older. An error says why it is none.
pub(super) fn add(
    world: &World,
    instance: &mut Instance,
    (gateway, place): (&Gateway, &Place),
    candidate: Candidate<'_>,
) -> Result<String, Verdict> {
    let Candidate { registration, found, headers, ca } = candidate;
    let namespace = &registration.id.name.namespace;
    let listener = gateway.listeners.iter().find(|listener| listener.name == place.listener);
    if !listener.is_some_and(|listener| allows(world, &place.gateway, listener, namespace)) {
        let message = format!(
            "listener `{}` of Gateway {} takes no HTTPRoutes of namespace {namespace} (allowedRoutes)",
            place.listener, place.gateway
        );
        return Err(Verdict::no(reason::NOT_ALLOWED, message));
    }
    if let Some(other) = instance.servers.iter().find(|other| same_prefix(&other.server.prefix, &registration.prefix)) {
        let (own, theirs) = (&registration.prefix, &other.server.prefix);
        let message = if own == theirs {
            format!("prefix `{own}` is that of the older registration {}: give each its own", other.owner.object)
        } else {
            format!(
                "resource URIs with prefix `{own}` could not be told from those of the older registration {} (`{theirs}`): choose a \
                 prefix with other letters or digits",
                other.owner.object
            )
        };
        return Err(Verdict::no(reason::PREFIX_CONFLICT, message));
    }
    let name = server_name(registration, instance);
    instance.servers.push(Upstream {
        owner: registration.owner.clone(),
        label: Upstream::label(&name),
        server: Server {
            name: name.clone(),
            prefix: registration.prefix.clone(),
            transport: registration.transport.clone(),
            url: found.url.clone(),
            address: found.address.clone(),
            headers,
            forward_headers: registration.forward_headers.clone(),
            cache: registration.cache,
            ca,
            era: registration.era,
            on_session_loss: registration.on_session_loss,
            timeout_ms: registration.timeout_ms,
            route: None,
        },
        backend: found.backend.clone(),
    });
    Ok(name)
}

/// Whether names or resource URIs of the two could not be told apart.
fn same_prefix(a: &str, b: &str) -> bool {
    UriKey::of(a).is_some_and(|key| UriKey::of(b).is_some_and(|other| a == b || key == other))
}

/// `NAMESPACE.NAME`, cut if it is too long, and told apart from others'.
fn server_name(registration: &Registration, instance: &Instance) -> String {
    let id = &registration.id;
    let full = format!("{}.{}", id.name.namespace, id.name.name);
    let taken = |name: &str| instance.servers.iter().any(|other| other.server.name == name);
    if full.len() <= NAME_BYTES && !taken(&full) {
        return full;
    }
    let hash = Sha256::digest(format!("{}/{full}", id.kind.group()));
    let hash: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let kept: String = full.chars().take(NAME_BYTES - hash.len() - 1).collect();
    format!("{kept}-{hash}")
}
