//! `MCPServerRegistration` of the group `mcp.kagenti.com`, as clusters have it: fields, defaults, columns and status are a contract.
//!
//! Its short name `mcpsr` is left to the kind of [`GROUP`](super::GROUP): of two kinds with one short name `kubectl` takes the group that
//! sorts first, so nobody would see the other. A category shows both.

use super::schema;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an MCP server is.
#[derive(Debug, Clone, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "mcp.kagenti.com",
    version = "v1alpha1",
    kind = "MCPServerRegistration",
    plural = "mcpserverregistrations",
    category = "mcp-gateway",
    namespaced,
    status = "RegistrationStatus",
    derive = "PartialEq",
    doc = "An MCP server whose tools, prompts and resources clients of a gateway get.",
    printcolumn(
        name = "Prefix",
        type_ = "string",
        json_path = ".spec.toolPrefix",
        description = "In front of the names of its tools and prompts"
    ),
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".spec.targetRef.name",
        description = "The HTTPRoute that leads to the server"
    ),
    printcolumn(
        name = "Path",
        type_ = "string",
        json_path = ".spec.path",
        description = "Path of the server's MCP endpoint"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether a client can call the server now"
    ),
    printcolumn(
        name = "Tools",
        type_ = "integer",
        json_path = ".status.discoveredTools",
        description = "Tools that clients see"
    ),
    printcolumn(name = "Credentials", type_ = "string", json_path = ".spec.credentialRef.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationSpec {
    /// The HTTPRoute that leads to the server.
    pub target_ref: TargetRef,
    /// Stands in front of the names of the server's tools and prompts, as in `weather_`. Cannot be changed once it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("toolPrefix is immutable once set"))]
    pub tool_prefix: Option<String>,
    /// Path of the server's MCP endpoint.
    #[serde(default = "RegistrationSpec::default_path")]
    pub path: String,
    /// A credential that is sent to the server with every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_ref: Option<SecretRef>,
}

impl RegistrationSpec {
    fn default_path() -> String {
        "/mcp".to_owned()
    }
}

/// An `HTTPRoute`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct TargetRef {
    /// API group of the resource: `gateway.networking.k8s.io`.
    #[serde(default = "TargetRef::default_group")]
    #[schemars(extend("enum" = ["gateway.networking.k8s.io"]))]
    pub group: String,
    /// Kind of the resource: `HTTPRoute`.
    #[serde(default = "TargetRef::default_kind")]
    #[schemars(extend("enum" = ["HTTPRoute"]))]
    pub kind: String,
    /// Name of the HTTPRoute.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Namespace of the HTTPRoute. The registration's own when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl TargetRef {
    fn default_group() -> String {
        "gateway.networking.k8s.io".to_owned()
    }

    fn default_kind() -> String {
        "HTTPRoute".to_owned()
    }
}

/// A value in a `Secret`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct SecretRef {
    /// Name of the Secret, in the registration's namespace.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Key of the Secret's data that holds the credential.
    #[serde(default = "SecretRef::default_key")]
    pub key: String,
}

impl SecretRef {
    fn default_key() -> String {
        "token".to_owned()
    }
}

/// What was seen of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationStatus {
    /// How the server is. `Ready`: a client can call it now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Tools that clients see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovered_tools: Option<i32>,
}
