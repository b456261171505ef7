//! What an `MCPGatewayExtension` comes to, but for its servers.

use super::declared::Extension;
use super::gateway_api::{GROUP, Gateway, GatewayClass};
use super::grants::{Referrer, permitted};
use super::kind::Kind;
use super::listeners::{allows, covers, envoy_port};
use super::verdict::{Verdict, reason};
use super::virtual_servers;
use super::world::{World, spec};
use crate::model::{Instance, Listener, Mode, Module, ObjectName};
use protocol::config::{Editing, SessionStore};

/// The listener of a gateway that an extension is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) gateway: ObjectName,
    pub(super) listener: String,
}

/// The gateway that an extension is for, and which of its listeners.
pub(super) fn place(world: &World, extension: &Extension) -> Result<(Gateway, Place), Verdict> {
    let name = &extension.gateway;
    let from =
        Referrer { group: Kind::Extension.group(), kind: Kind::Extension.kind(), namespace: &extension.name.namespace };
    if !permitted(world, &from, (GROUP, "Gateway"), name) {
        let message = format!(
            "Gateway {name} is in another namespace: a ReferenceGrant there has to allow {} of namespace {}",
            from.kind, from.namespace
        );
        return Err(Verdict::no(reason::REF_NOT_PERMITTED, message));
    }
    let object = world.get(Kind::Gateway, name).ok_or_else(|| missing(format!("there is no Gateway {name}")))?;
    let gateway: Gateway =
        spec(object).map_err(|error| Verdict::no(reason::INVALID, format!("Gateway {name}: {error}")))?;
    foreign_class(world, name, &gateway)?;
    let listener = match &extension.listener {
        Some(wanted) => gateway.listeners.iter().find(|listener| listener.name == *wanted).map(|l| l.name.clone()),
        None if gateway.listeners.len() == 1 => gateway.listeners.first().map(|listener| listener.name.clone()),
        None => {
            let message = format!("Gateway {name} has several listeners: name one in targetRef.sectionName");
            return Err(Verdict::no(reason::NO_MATCHING_PARENT, message));
        }
    };
    let listener = listener.ok_or_else(|| {
        let wanted = extension.listener.as_deref().unwrap_or_default();
        Verdict::no(reason::NO_MATCHING_PARENT, format!("Gateway {name} has no listener `{wanted}`"))
    })?;
    Ok((gateway, Place { gateway: name.clone(), listener }))
}

/// What controllers of Istio call themselves, in its distributions too.
const ISTIO_CONTROLLERS: [&str; 2] = ["istio", "openshift.io/gateway-controller"];

/// Refuses a gateway that others than Istio make: servers' routes would be there, and no filter to keep clients from using them.
fn foreign_class(world: &World, name: &ObjectName, gateway: &Gateway) -> Result<(), Verdict> {
    let class = ObjectName { namespace: String::new(), name: gateway.gateway_class_name.clone() };
    let declared = world.get(Kind::GatewayClass, &class).and_then(|class| spec::<GatewayClass>(class).ok());
    // Of a class that is not there nobody makes a gateway, and the status says so.
    let Some(GatewayClass { controller_name }) = declared else { return Ok(()) };
    if ISTIO_CONTROLLERS.iter().any(|known| controller_name.contains(known)) {
        return Ok(());
    }
    let message = format!(
        "Gateway {name} is of class {}, which {controller_name} makes: name a Gateway of Istio's in targetRef (docs: Envoy Gateway)",
        class.name
    );
    Err(Verdict::no(reason::INVALID, message))
}

fn missing(message: String) -> Verdict {
    Verdict::no(reason::TARGET_NOT_FOUND, message)
}

/// The instance, without servers and session store.
pub(super) fn instance(
    world: &World,
    extension: &Extension,
    gateway: &Gateway,
    place: &Place,
) -> Result<Instance, Verdict> {
    let namespace = &extension.name.namespace;
    let listener = gateway.listeners.iter().find(|listener| listener.name == place.listener);
    let listener = listener.ok_or_else(|| missing(format!("Gateway {} has no such listener", place.gateway)))?;
    if !["HTTP", "HTTPS"].contains(&listener.protocol.as_str()) {
        let message = format!("listener `{}` speaks {}: name one for HTTP or HTTPS", listener.name, listener.protocol);
        return Err(Verdict::no(reason::INVALID, message));
    }
    if listener.tls.mode.as_deref() == Some("Passthrough") {
        let message = format!(
            "listener `{}` passes TLS through, so that nobody sees requests: name one with tls.mode Terminate",
            listener.name
        );
        return Err(Verdict::no(reason::INVALID, message));
    }
    if let (Mode::EnvoyFilter, Some(_)) = (extension.mode, &extension.module_pull_secret) {
        let message = "module.pullSecret cannot be used in dataPath.mode EnvoyFilter, as istiod hands secrets to its own \
                       extensions only: choose WasmPlugin, or put the module where it needs no login and take pullSecret away";
        return Err(Verdict::no(reason::INVALID, message));
    }
    if !allows(world, &place.gateway, listener, namespace) {
        let message =
            format!("listener `{}` takes no HTTPRoutes of namespace {namespace} (allowedRoutes)", listener.name);
        return Err(Verdict::no(reason::NOT_ALLOWED, message));
    }
    let hostname = listener.hostname.as_deref();
    let public_host = match (&extension.public_host, hostname) {
        (Some(host), _) => host.clone(),
        (None, Some(hostname)) if !hostname.starts_with('*') => hostname.to_owned(),
        _ => {
            let message = format!("listener `{}` has no hostname of its own: write publicHost", listener.name);
            return Err(Verdict::no(reason::HOSTNAME, message));
        }
    };
    if !covers(hostname, &public_host) {
        let message = format!(
            "publicHost {public_host} is not under the hostname of listener `{}`, {}",
            listener.name,
            hostname.unwrap_or_default()
        );
        return Err(Verdict::no(reason::HOSTNAME, message));
    }
    let mut access = extension.access.clone();
    if !access.allowed_hosts.contains(&public_host) {
        access.allowed_hosts.push(public_host.clone());
    }
    Ok(Instance {
        owner: extension.owner.clone(),
        gateway: place.gateway.clone(),
        listener: Listener {
            name: listener.name.clone(),
            port: envoy_port(world, &place.gateway, gateway, listener),
            hostname: listener.hostname.clone(),
            https: listener.protocol == "HTTPS",
        },
        public_host,
        mode: extension.mode,
        module: module(world, extension),
        broker: extension.broker.clone(),
        access,
        limits: extension.limits.clone(),
        editing: Editing {
            uri_meta_keys: extension.uri_meta_keys.clone(),
            label_elicitations: extension.label_elicitations.unwrap_or_default(),
        },
        session_store: SessionStore::Memory,
        key: world.value(Kind::Secret, &key_secret(&extension.name), "key").unwrap_or_default(),
        cluster: world.defaults.cluster.clone(),
        servers: Vec::new(),
        virtual_servers: virtual_servers::of(world, &extension.name),
    })
}

/// The secret with the keys of an extension.
pub(super) fn key_secret(extension: &ObjectName) -> ObjectName {
    ObjectName { namespace: extension.namespace.clone(), name: format!("{}-broker-key", extension.name) }
}

/// The module: the one in force if that is the one that is wanted, as a tag that has moved changes nothing by itself; else what
/// the registry has; else what was in force before.
fn module(world: &World, extension: &Extension) -> Option<Module> {
    let in_force = in_force(world, extension);
    let wanted = |module: &Module| module.url == extension.module;
    if in_force.as_ref().is_some_and(wanted) {
        return in_force.map(|module| Module { pull_secret: extension.module_pull_secret.clone(), ..module });
    }
    let found = world.modules.get(&extension.module).and_then(|found| found.as_ref().ok()).cloned();
    found.map(|module| Module { pull_secret: extension.module_pull_secret.clone(), ..module }).or(in_force)
}

/// The module that the gateway's `WasmPlugin` names.
pub(super) fn in_force(world: &World, extension: &Extension) -> Option<Module> {
    let name = ObjectName {
        namespace: extension.gateway.namespace.clone(),
        name: format!("{}-mcp-gateway", extension.name.name),
    };
    let plugin = world.get(Kind::WasmPlugin, &name)?;
    let text = |field: &str| plugin.data["spec"][field].as_str().map(str::to_owned);
    Some(Module { url: text("url")?, sha256: text("sha256")?, pull_secret: text("imagePullSecret") })
}
