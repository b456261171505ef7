//! The kinds of resources that gateways are made of.

use kube::api::ApiResource;

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `MCPGatewayExtension`.
    Extension,
    /// `MCPServerRegistration`.
    Registration,
    /// `MCPServerRegistration` of the group `mcp.kagenti.com`.
    KagentiRegistration,
    /// `MCPVirtualServer`.
    VirtualServer,
    /// `Gateway`.
    Gateway,
    /// `GatewayClass`.
    GatewayClass,
    /// `HTTPRoute`.
    HttpRoute,
    /// `ReferenceGrant`.
    ReferenceGrant,
    /// `BackendTLSPolicy`.
    BackendTlsPolicy,
    /// `Namespace`.
    Namespace,
    /// `Service`.
    Service,
    /// `Secret`.
    Secret,
    /// `ConfigMap`.
    ConfigMap,
    /// `ServiceAccount`.
    ServiceAccount,
    /// `EndpointSlice`.
    EndpointSlice,
    /// `Deployment`.
    Deployment,
    /// `PodDisruptionBudget`.
    DisruptionBudget,
    /// `NetworkPolicy`.
    NetworkPolicy,
    /// `Role`.
    Role,
    /// `RoleBinding`.
    RoleBinding,
    /// `ServiceEntry`.
    ServiceEntry,
    /// `DestinationRule`.
    DestinationRule,
    /// `WasmPlugin`.
    WasmPlugin,
    /// `EnvoyFilter`.
    EnvoyFilter,
    /// `AuthorizationPolicy`.
    AuthorizationPolicy,
    /// `PeerAuthentication`.
    PeerAuthentication,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::Extension,
        Self::Registration,
        Self::KagentiRegistration,
        Self::VirtualServer,
        Self::Gateway,
        Self::GatewayClass,
        Self::HttpRoute,
        Self::ReferenceGrant,
        Self::BackendTlsPolicy,
        Self::Namespace,
        Self::Service,
        Self::Secret,
        Self::ConfigMap,
        Self::ServiceAccount,
        Self::EndpointSlice,
        Self::Deployment,
        Self::DisruptionBudget,
        Self::NetworkPolicy,
        Self::Role,
        Self::RoleBinding,
        Self::ServiceEntry,
        Self::DestinationRule,
        Self::WasmPlugin,
        Self::EnvoyFilter,
        Self::AuthorizationPolicy,
        Self::PeerAuthentication,
    ];

    /// Group, version, kind and plural.
    const fn names(self) -> [&'static str; 4] {
        const OURS: &str = "mcpgateway.dev";
        const GATEWAY: &str = "gateway.networking.k8s.io";
        const ACCESS: &str = "rbac.authorization.k8s.io";
        const ISTIO: &str = "networking.istio.io";
        const SECURITY: &str = "security.istio.io";
        match self {
            Self::Extension => [OURS, "v1alpha1", "MCPGatewayExtension", "mcpgatewayextensions"],
            Self::Registration => [OURS, "v1alpha1", "MCPServerRegistration", "mcpserverregistrations"],
            Self::KagentiRegistration => {
                ["mcp.kagenti.com", "v1alpha1", "MCPServerRegistration", "mcpserverregistrations"]
            }
            Self::VirtualServer => [OURS, "v1alpha1", "MCPVirtualServer", "mcpvirtualservers"],
            Self::GatewayClass => [GATEWAY, "v1", "GatewayClass", "gatewayclasses"],
            Self::Gateway => [GATEWAY, "v1", "Gateway", "gateways"],
            Self::HttpRoute => [GATEWAY, "v1", "HTTPRoute", "httproutes"],
            Self::ReferenceGrant => [GATEWAY, "v1beta1", "ReferenceGrant", "referencegrants"],
            Self::BackendTlsPolicy => [GATEWAY, "v1", "BackendTLSPolicy", "backendtlspolicies"],
            Self::Namespace => ["", "v1", "Namespace", "namespaces"],
            Self::Service => ["", "v1", "Service", "services"],
            Self::Secret => ["", "v1", "Secret", "secrets"],
            Self::ConfigMap => ["", "v1", "ConfigMap", "configmaps"],
            Self::ServiceAccount => ["", "v1", "ServiceAccount", "serviceaccounts"],
            Self::EndpointSlice => ["discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"],
            Self::Deployment => ["apps", "v1", "Deployment", "deployments"],
            Self::DisruptionBudget => ["policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"],
            Self::NetworkPolicy => ["networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"],
            Self::Role => [ACCESS, "v1", "Role", "roles"],
            Self::RoleBinding => [ACCESS, "v1", "RoleBinding", "rolebindings"],
            Self::ServiceEntry => [ISTIO, "v1", "ServiceEntry", "serviceentries"],
            Self::DestinationRule => [ISTIO, "v1", "DestinationRule", "destinationrules"],
            Self::WasmPlugin => ["extensions.istio.io", "v1alpha1", "WasmPlugin", "wasmplugins"],
            Self::EnvoyFilter => [ISTIO, "v1alpha3", "EnvoyFilter", "envoyfilters"],
            Self::AuthorizationPolicy => [SECURITY, "v1", "AuthorizationPolicy", "authorizationpolicies"],
            Self::PeerAuthentication => [SECURITY, "v1", "PeerAuthentication", "peerauthentications"],
        }
    }

    /// Its API group; empty for the core's.
    pub const fn group(self) -> &'static str {
        self.names()[0]
    }

    /// What resources say as `kind`.
    pub const fn kind(self) -> &'static str {
        self.names()[2]
    }

    /// What resources say as `apiVersion`.
    pub fn api_version(self) -> String {
        self.api_resource().api_version
    }

    /// The kind that an object is of, by its `apiVersion` and `kind`. Versions of one group are one kind.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self::ALL.into_iter().find(|known| known.group() == group && known.kind() == kind)
    }

    /// Whether objects of it are many, long and none of the gateway's business, all but a few: their data is fetched one by one, when
    /// somebody wants it.
    pub const fn is_fetched(self) -> bool {
        matches!(self, Self::Secret | Self::ConfigMap)
    }

    /// How the API server is asked for it.
    pub fn api_resource(self) -> ApiResource {
        let [group, version, kind, plural] = self.names();
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        }
    }
}
