//! What objects are called.

use crate::model::{Instance, ObjectName, Upstream};
use protocol::http::INTERNAL_HOST;
use sha2::{Digest, Sha256};

/// The broker's port for the controller: status, and the endpoint without the filter.
pub(super) const HTTP_PORT: u16 = 8090;
/// The broker's port for the filter.
pub(super) const INTERNAL_PORT: u16 = 8091;
/// The broker's port for Prometheus.
pub(super) const METRICS_PORT: u16 = 8092;

/// Names of the objects of one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    namespace: String,
    extension: String,
    domain: String,
}

impl Names {
    /// Those of `instance`.
    pub fn new(instance: &Instance) -> Self {
        Self {
            namespace: instance.owner.object.namespace.clone(),
            extension: instance.owner.object.name.clone(),
            domain: instance.cluster.domain.clone(),
        }
    }

    /// The broker's deployment, service, account, role, role binding, disruption budget and network policy.
    pub fn broker(&self) -> ObjectName {
        self.with("broker")
    }

    /// The secret with the keys: `key`, `session` and `config`.
    pub fn key_secret(&self) -> ObjectName {
        self.with("broker-key")
    }

    /// The secret with the broker's configuration, sealed.
    pub fn config_secret(&self) -> ObjectName {
        self.with("broker-config")
    }

    /// The route of the endpoint.
    pub fn endpoint(&self) -> ObjectName {
        self.with("mcp")
    }

    /// The route of hosts that are the gateway's own and no server's.
    pub(super) fn unrouted(&self) -> ObjectName {
        self.with("mcp-unrouted")
    }

    /// Host name of the broker's service.
    pub fn broker_host(&self) -> String {
        format!("{}.{}.svc.{}", self.broker().name, self.namespace, self.domain)
    }

    /// What Istio calls the routes of the endpoint, up to their number: `NAMESPACE.NAME.NUMBER`.
    pub(super) fn endpoint_route_prefix(&self) -> String {
        format!("{}.{}.", self.namespace, self.endpoint().name)
    }

    fn with(&self, suffix: &str) -> ObjectName {
        ObjectName { namespace: self.namespace.clone(), name: format!("{}-{suffix}", self.extension) }
    }
}

/// Names of what is rendered for one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNames {
    /// The route, in the registration's namespace. For servers outside of the mesh so are the `ServiceEntry`, the
    /// `DestinationRule`, the `BackendTLSPolicy` and the `ConfigMap` with the authorities.
    pub object: ObjectName,
    /// The mesh's host for a server outside of it. Of this gateway alone, so that it meets nobody's own `ServiceEntry`.
    pub(super) external_host: String,
}

impl ServerNames {
    /// Those of one of `instance`'s servers. A registration may be in several gateways, so the gateway is part of the name.
    pub fn new(instance: &Instance, upstream: &Upstream) -> Self {
        let extension = &instance.owner.object;
        let hash = Sha256::digest(format!("{}/{}", extension.namespace, extension.name));
        let gateway: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let label = &upstream.label;
        Self {
            object: ObjectName {
                namespace: upstream.owner.object.namespace.clone(),
                name: format!("mcp-{label}-{gateway}"),
            },
            external_host: format!("{label}.{gateway}.mcp-gateway-external"),
        }
    }
}

/// The domain that the hosts of servers' routes are under. `None` where the listener's hostname leaves no room for one.
pub(super) fn internal_domain(instance: &Instance) -> Option<String> {
    match instance.listener.hostname.as_deref() {
        None | Some("*") => Some(INTERNAL_HOST.to_owned()),
        Some(hostname) => hostname.strip_prefix("*.").map(|domain| format!("{INTERNAL_HOST}.{domain}")),
    }
}

/// What the filter's resources are called behind the extension's name.
pub(super) const FILTER_SUFFIX: &str = "-mcp-gateway";
