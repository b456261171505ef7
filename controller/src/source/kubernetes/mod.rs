//! From a cluster's resources to gateways.
//!
//! [`interpret`] asks nobody anything: equal worlds give equal gateways, in whatever order resources came, and a resource that cannot
//! be used harms no other. Where two claim the same, the older one has it.

mod compatible;
mod declared;
mod extension;
mod gateway_api;
mod grants;
mod kind;
mod listeners;
mod order;
mod registration;
mod secrets;
mod servers;
mod session_store;
mod target;
#[cfg(test)]
mod tests;
mod verdict;
mod virtual_servers;
mod world;

pub use kind::Kind;
pub use registration::RegistrationId;
pub use verdict::{Verdict, reason};
pub use world::{Asked, Defaults, Objects, World, name_of};

use crate::model::{Instance, ObjectName};
use declared::Extension;
use extension::Place;
use gateway_api::Gateway;
use registration::Registration;
use servers::Candidate;
use std::collections::{BTreeMap, BTreeSet};
use target::Found;

/// What a cluster's resources come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interpretation {
    /// Each extension, by name.
    pub extensions: BTreeMap<ObjectName, ExtensionOutcome>,
    /// Each registration.
    pub registrations: BTreeMap<RegistrationId, RegistrationOutcome>,
    /// Of each virtual server: whether clients can ask for it.
    pub virtual_servers: BTreeMap<ObjectName, Verdict>,
}

/// What became of an `MCPGatewayExtension`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtensionOutcome {
    /// Whether it may be what it says.
    pub accepted: Verdict,
    /// Whether everything is there that it refers to.
    pub resolved: Verdict,
    /// Whether nothing else in the cluster is known to stand against it.
    pub compatible: Verdict,
    /// URL of the module that it wants.
    pub module: Option<WantedModule>,
    /// The gateway; `None` if it is not accepted.
    pub instance: Option<Instance>,
}

/// A module that is to be looked up in its registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedModule {
    /// `oci://HOST/REPOSITORY:TAG`.
    pub url: String,
    /// The secret with the registry's credentials.
    pub pull_secret: Option<ObjectName>,
    /// Whether it is the one in force already, so that nobody has to be asked.
    pub in_force: bool,
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationOutcome {
    /// Whether it may be what it says.
    pub accepted: Verdict,
    /// Whether everything is there that it refers to.
    pub resolved: Verdict,
    /// Whether nothing else in the cluster is known to stand against it.
    pub compatible: Verdict,
    /// By gateway: what its server is called there.
    pub servers: BTreeMap<ObjectName, String>,
}

/// What `world` comes to.
pub fn interpret(world: &World) -> Interpretation {
    let mut result = Interpretation::default();
    let mut gateways = Vec::new();
    for extension in extensions(world, &mut result) {
        let (outcome, accepted) = extended(world, &extension, &gateways);
        result.extensions.insert(extension.name, outcome);
        gateways.extend(accepted);
    }
    for registration in registrations(world, &mut result) {
        let outcome = registered(world, &registration, &gateways, &mut result.extensions);
        result.registrations.insert(registration.id, outcome);
    }
    for extended in gateways.iter().filter(|extended| extended.label_elicitations.is_none()) {
        if let Some(instance) = result.extensions.get_mut(&extended.name).and_then(|outcome| outcome.instance.as_mut())
        {
            // A client of one server knows who asks.
            instance.editing.label_elicitations = instance.servers.len() > 1;
        }
    }
    let in_use = result.extensions.iter().filter_map(|(name, outcome)| Some((name, outcome.instance.as_ref()?)));
    let having = in_use.map(|(name, instance)| (name, instance.virtual_servers.as_slice()));
    result.virtual_servers = virtual_servers::judge(world, having);
    compatible::judge(world, &mut result);
    result
}

/// An extension that was accepted.
struct Extended {
    name: ObjectName,
    gateway: Gateway,
    place: Place,
    /// That of its listener in Envoy.
    port: u16,
    public_host: String,
    label_elicitations: Option<bool>,
}

/// All extensions that can be read, oldest first.
fn extensions(world: &World, result: &mut Interpretation) -> Vec<Extension> {
    let mut objects: Vec<_> = world.all(Kind::Extension).map(|(_, object)| object).collect();
    objects.sort_by_cached_key(|object| order::age(object));
    let mut extensions = Vec::new();
    // One that is going has nothing any more, nor is it an obstacle to others.
    for object in objects.into_iter().filter(|object| object.metadata.deletion_timestamp.is_none()) {
        match declared::extension(object, &world.defaults) {
            Ok(extension) => extensions.push(extension),
            Err(error) => {
                let outcome = ExtensionOutcome {
                    accepted: Verdict::no(reason::INVALID, error),
                    resolved: not_looked_up(),
                    compatible: not_looked_up(),
                    module: None,
                    instance: None,
                };
                result.extensions.insert(name_of(object), outcome);
            }
        }
    }
    extensions
}

/// All registrations that can be read, oldest first.
fn registrations(world: &World, result: &mut Interpretation) -> Vec<Registration> {
    let of = |kind| world.all(kind).map(move |(_, object)| (kind, object));
    let mut objects: Vec<_> = of(Kind::Registration).chain(of(Kind::KagentiRegistration)).collect();
    objects.sort_by_cached_key(|(kind, object)| (order::age(object), *kind));
    let mut registrations = Vec::new();
    for (kind, object) in objects.into_iter().filter(|(_, object)| object.metadata.deletion_timestamp.is_none()) {
        match declared::registration(kind, object) {
            Ok(registration) => registrations.push(registration),
            Err(error) => {
                let outcome = RegistrationOutcome {
                    accepted: Verdict::no(reason::INVALID, error),
                    resolved: not_looked_up(),
                    compatible: not_looked_up(),
                    servers: BTreeMap::new(),
                };
                result.registrations.insert(RegistrationId { kind, name: name_of(object) }, outcome);
            }
        }
    }
    registrations
}

fn not_looked_up() -> Verdict {
    Verdict::unknown(reason::PENDING, "It has to be accepted first.")
}

fn extended(world: &World, extension: &Extension, others: &[Extended]) -> (ExtensionOutcome, Option<Extended>) {
    let refused = |accepted, resolved| ExtensionOutcome {
        accepted,
        resolved,
        compatible: not_looked_up(),
        module: None,
        instance: None,
    };
    let (gateway, place) = match extension::place(world, extension) {
        Ok(found) => found,
        Err(verdict) => return (refused(verdict.clone(), verdict), None),
    };
    let resolved = Verdict::yes(reason::RESOLVED_REFS, "The Gateway and its listener are there.");
    let mut instance = match extension::instance(world, extension, &gateway, &place) {
        Ok(instance) => instance,
        Err(verdict) => return (refused(verdict, resolved), None),
    };
    let port = instance.listener.port;
    if let Some(other) = others.iter().find(|other| other.place.gateway == place.gateway && other.port == port) {
        return (refused(conflict(&place, port, other), resolved), None);
    }
    let same_host = others.iter().find(|other| other.public_host == instance.public_host);
    let also = same_host.map_or_else(String::new, |other| {
        let host = &instance.public_host;
        format!(
            " But publicHost {host} is also that of MCPGatewayExtension {} (Gateway {}): clients use the one that DNS and port lead to.",
            other.name, other.place.gateway
        )
    });
    let resolved = match session_store::find(world, &extension.name, &extension.session_store) {
        Ok(store) => {
            instance.session_store = store;
            resolved
        }
        Err(verdict) => verdict,
    };
    let note = session_store::note(&extension.session_store, extension.broker.replicas);
    let in_force = extension::in_force(world, extension);
    let module = WantedModule {
        url: extension.module.clone(),
        pull_secret: extension
            .module_pull_secret
            .clone()
            .map(|name| ObjectName { namespace: extension.gateway.namespace.clone(), name }),
        in_force: in_force.is_some_and(|module| module.url == extension.module),
    };
    let accepted = Extended {
        name: extension.name.clone(),
        gateway,
        place,
        port,
        public_host: instance.public_host.clone(),
        label_elicitations: extension.label_elicitations,
    };
    let outcome = ExtensionOutcome {
        accepted: Verdict::yes(reason::ACCEPTED, format!("The extension is in use.{also}{note}")),
        resolved,
        compatible: not_looked_up(),
        module: Some(module),
        instance: Some(instance),
    };
    (outcome, Some(accepted))
}

/// The filter is bound to a port of a gateway, and two of them in one chain would take each other's requests for a client's.
fn conflict(place: &Place, port: u16, other: &Extended) -> Verdict {
    let (Place { gateway, listener }, theirs) = (place, &other.place.listener);
    let message = if listener == theirs {
        format!(
            "listener `{listener}` of Gateway {gateway} is extended by the older MCPGatewayExtension {}: name another in targetRef.sectionName",
            other.name
        )
    } else {
        format!(
            "listener `{listener}` of Gateway {gateway} has the port of listener `{theirs}` ({port}), which the older \
             MCPGatewayExtension {} extends: give each a port of its own",
            other.name
        )
    };
    Verdict::no(reason::CONFLICTED, message)
}

fn registered(
    world: &World,
    registration: &Registration,
    gateways: &[Extended],
    extensions: &mut BTreeMap<ObjectName, ExtensionOutcome>,
) -> RegistrationOutcome {
    let mut outcome = RegistrationOutcome {
        accepted: Verdict::yes(reason::ACCEPTED, "The registration is in use."),
        resolved: not_looked_up(),
        compatible: not_looked_up(),
        servers: BTreeMap::new(),
    };
    if !registration.enabled {
        outcome.accepted = Verdict::no(reason::DISABLED, "state is Disabled: clients do not see the server.");
        return outcome;
    }
    let looked_up = secrets::authorities(world, registration).and_then(|ca| {
        let credential = secrets::headers(world, registration)?;
        let found = target::find(world, registration, ca.as_deref())?;
        let mut headers = found.headers.clone();
        headers.retain(|name, _| !registration.forward_headers.contains(name));
        headers.extend(credential);
        Ok((found, headers, ca))
    });
    let (found, headers, ca) = match looked_up {
        Ok(looked_up) => looked_up,
        Err(verdict) => {
            outcome.accepted = Verdict::no(verdict.reason, verdict.message.clone());
            outcome.resolved = verdict;
            return outcome;
        }
    };
    let notes = if found.notes.is_empty() { String::new() } else { format!(" But {}.", found.notes.join("; ")) };
    outcome.resolved = Verdict::yes(reason::RESOLVED_REFS, format!("Everything that it names is there.{notes}"));
    let mut refusals = BTreeSet::new();
    for extended in gateways.iter().filter(|extended| belongs(registration, &found, extended)) {
        let Some(instance) = extensions.get_mut(&extended.name).and_then(|outcome| outcome.instance.as_mut()) else {
            continue;
        };
        let ca = ca.clone().or_else(|| found.ca.clone());
        let candidate = Candidate { registration, found: &found, headers: headers.clone(), ca };
        match servers::add(world, instance, (&extended.gateway, &extended.place), candidate) {
            Ok(name) => _ = outcome.servers.insert(extended.name.clone(), name),
            Err(verdict) => _ = refusals.insert((verdict.reason, verdict.message)),
        }
    }
    let is_anywhere = registration.extensions.is_empty() && found.gateways.is_none();
    if is_anywhere && (!outcome.servers.is_empty() || refusals.iter().any(|(why, _)| *why != reason::NOT_ALLOWED)) {
        // It names no gateway: those that take nothing of its namespace are none that it is meant for.
        refusals.retain(|(why, _)| *why != reason::NOT_ALLOWED);
    }
    let also = refusals.iter().map(|(_, message)| message.as_str()).collect::<Vec<_>>().join("; ");
    if let (true, Some((reason, _))) = (outcome.servers.is_empty(), refusals.first()) {
        outcome.accepted = Verdict::no(reason, also);
    } else if outcome.servers.is_empty() {
        outcome.accepted = Verdict::no(reason::NO_MATCHING_PARENT, nowhere(registration, &found));
    } else if !refusals.is_empty() {
        outcome.accepted.message = format!("The registration is in use, but not everywhere: {also}");
    }
    outcome
}

/// Whether a server is one of a gateway's.
fn belongs(registration: &Registration, found: &Found, extended: &Extended) -> bool {
    let wanted = &registration.extensions;
    if !wanted.is_empty() {
        return wanted.contains(&extended.name);
    }
    found.gateways.as_ref().is_none_or(|gateways| gateways.contains(&extended.place.gateway))
}

fn nowhere(registration: &Registration, found: &Found) -> String {
    if !registration.extensions.is_empty() {
        return "no MCPGatewayExtension of extensionRefs is in use".to_owned();
    }
    match &found.gateways {
        Some(gateways) if gateways.is_empty() => {
            "the HTTPRoute has no Gateway as a parent: write one into its parentRefs, or gateways into extensionRefs"
                .to_owned()
        }
        Some(gateways) => {
            let names: Vec<_> = gateways.iter().map(ToString::to_string).collect();
            format!("no MCPGatewayExtension that is in use extends the HTTPRoute's Gateway ({})", names.join(", "))
        }
        None => "no MCPGatewayExtension is in use".to_owned(),
    }
}
