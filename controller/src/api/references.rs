//! What a registration refers to.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kinds of resources that an MCP server is found by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetKind {
    /// The rule of a route that leads to it.
    #[default]
    #[allow(clippy::upper_case_acronyms, reason = "the kind's name")]
    HTTPRoute,
    /// A service of the cluster.
    Service,
    /// A host that the mesh knows.
    ServiceEntry,
}

/// The resource that leads to the MCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.group) || self.group == (self.kind == 'HTTPRoute' ? 'gateway.networking.k8s.io' : self.kind == 'Service' ? '' : 'networking.istio.io')")
    .message("group does not go with kind: leave it out, or write gateway.networking.k8s.io for an HTTPRoute, \"\" for a Service, networking.istio.io for a ServiceEntry")
    .field_path(".group"))]
#[x_kube(validation = Rule::new("self.kind != 'HTTPRoute' || !has(self.port)")
    .message("port is for a Service or ServiceEntry: take it away, as an HTTPRoute's backendRefs have their own")
    .field_path(".port"))]
#[x_kube(validation = Rule::new("self.kind == 'HTTPRoute' || !has(self.sectionName)")
    .message("sectionName names a rule of an HTTPRoute: take it away, or name the port in port")
    .field_path(".sectionName"))]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// API group of the resource. Follows from `kind` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind of the resource. `HTTPRoute`: the rule for `path` leads to the server; its backends, timeouts and filters are taken over.
    /// `Service`: a service of the cluster. `ServiceEntry`: the first host of an Istio ServiceEntry.
    #[serde(default)]
    pub kind: TargetKind,
    /// Name of the resource.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the resource. The registration's own when left out; another one has to allow it with a ReferenceGrant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Port of the Service or ServiceEntry. Needed where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Name of the HTTPRoute's rule that leads to the server. When left out it is the first rule that takes `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
}

/// Kinds of resources that hold a credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialKind {
    /// A secret.
    #[default]
    Secret,
}

/// A credential that is sent to the MCP server with every request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct CredentialRef {
    /// Kind of the resource that holds the credential.
    #[serde(default)]
    pub kind: CredentialKind,
    /// Name of the Secret, in the registration's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key of the Secret's data that holds the credential.
    #[serde(default = "CredentialRef::default_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
    /// Header that the credential is sent in. In `Authorization`, a value of one word is sent as a bearer token; anything else is sent
    /// as it stands.
    #[serde(default = "CredentialRef::default_header")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9-]+$')")
        .message("header is no name of a header: use letters, digits and -, as in Authorization or X-Api-Key"))]
    #[x_kube(validation = Rule::new("!self.matches('(?i)^((mcp-|x-mcp-|x-envoy-).*|accept|accept-encoding|connection|content-length|content-type|expect|host|keep-alive|last-event-id|proxy-connection|te|trailer|transfer-encoding|upgrade)$')")
        .message("header is one that the gateway sets itself: name the one that the server takes its credential from, as Authorization"))]
    pub header: String,
}

impl CredentialRef {
    fn default_key() -> String {
        "token".to_owned()
    }

    fn default_header() -> String {
        "Authorization".to_owned()
    }
}

/// Kinds of resources that hold certificate authorities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CaKind {
    /// A config map.
    #[default]
    ConfigMap,
    /// A secret.
    Secret,
}

/// Certificate authorities, in PEM form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct CaCertificateRef {
    /// Kind of the resource that holds the certificates.
    #[serde(default)]
    pub kind: CaKind,
    /// Name of the ConfigMap or Secret, in the namespace of the resource that refers to it.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key of its data that holds the certificates.
    #[serde(default = "CaCertificateRef::default_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

impl CaCertificateRef {
    fn default_key() -> String {
        "ca.crt".to_owned()
    }
}

/// A value in a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct SecretKeyRef {
    /// Name of the Secret, in the namespace of the resource that refers to it.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key of its data that holds the value.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// An `MCPGatewayExtension`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct ExtensionRef {
    /// Name of the MCPGatewayExtension.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the MCPGatewayExtension. The namespace of the resource that refers to it when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}
