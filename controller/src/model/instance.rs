//! One gateway.

use super::broker::{BrokerSpec, Module};
use super::upstream::Upstream;
use protocol::config::{Access, Editing, Limits, SessionStore, VirtualServer};

/// What one `MCPGatewayExtension` comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The extension. It owns what is made in its namespace.
    pub owner: Owner,
    /// The `Gateway` that it extends.
    pub gateway: ObjectName,
    /// That of the gateway's listeners which clients come in by.
    pub listener: Listener,
    /// Host of the endpoint, as clients write it.
    pub public_host: String,
    /// How the filter comes into Istio's Envoy.
    pub mode: Mode,
    /// The filter's module. `None` until it has been found in its registry: no resource names one that was not.
    pub module: Option<Module>,
    /// What the broker runs with.
    pub broker: BrokerSpec,
    /// Who may come in.
    pub access: Access,
    /// Bounds.
    pub limits: Limits,
    /// How servers' messages are changed.
    pub editing: Editing,
    /// Where sessions are kept.
    pub session_store: SessionStore,
    /// What the filter proves itself with to the broker.
    pub key: String,
    /// The cluster that all of it is in.
    pub cluster: Cluster,
    /// The servers, oldest first: the order of lists, and who wins where two claim one name.
    pub servers: Vec<Upstream>,
    /// Selections of what they offer: each is named `NAMESPACE/NAME`.
    pub virtual_servers: Vec<VirtualServer>,
}

/// A Kubernetes cluster, as far as its objects depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What the host names of services end with, as `cluster.local`.
    pub domain: String,
    /// The controller's own namespace: brokers let it ask for their status.
    pub controller_namespace: String,
}

/// How the filter comes into Istio's Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// By Istio's own resource. Routes are chosen by headers: modern calls take the fast path, legacy calls the broker's.
    WasmPlugin,
    /// By an `EnvoyFilter` that adds the extension with `allow_on_headers_stop_iteration`: every call takes the fast path.
    EnvoyFilter,
}

/// A listener of a `Gateway`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Listener {
    /// Its name (`sectionName`).
    pub name: String,
    /// The port that Envoy listens on for it: the listener's own, unless the gateway's `Service` maps that to another.
    pub port: u16,
    /// Its hostname, which may begin with `*.`; `None` for any.
    pub hostname: Option<String>,
    /// Whether clients come in by TLS.
    pub https: bool,
}

/// The name of an object in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An object that owns others in its own namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// Its API version, as `GROUP/VERSION`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Where it is.
    pub object: ObjectName,
    /// Its UID. Empty where objects are for somebody to apply by hand: then nothing owns them.
    pub uid: String,
}
