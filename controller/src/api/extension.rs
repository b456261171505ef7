//! `MCPGatewayExtension`.

use super::limits::Limits;
use super::quantities::Resources;
use super::schema;
use super::session_store::SessionStore;
use super::status::Instances;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which Gateway is extended, and how.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "mcpgateway.dev",
    version = "v1alpha1",
    kind = "MCPGatewayExtension",
    plural = "mcpgatewayextensions",
    shortname = "mcpge",
    category = "mcp-gateway",
    namespaced,
    status = "ExtensionStatus",
    derive = "PartialEq",
    doc = "Makes an MCP gateway of a listener of a Gateway: an MCP endpoint for all servers that are registered with it.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether clients can use the endpoint now"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why that is so"
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        json_path = ".status.urls[0]",
        description = "The endpoint, as clients write it"
    ),
    printcolumn(
        name = "Mode",
        type_ = "string",
        json_path = ".status.mode",
        description = "How the filter comes into Istio's Envoy"
    ),
    printcolumn(
        name = "Ready Servers",
        type_ = "integer",
        json_path = ".status.servers.ready",
        description = "Servers that clients can call"
    ),
    printcolumn(
        name = "Servers",
        type_ = "integer",
        json_path = ".status.servers.total",
        description = "Servers that are registered"
    ),
    printcolumn(
        name = "Gateway",
        type_ = "string",
        json_path = ".spec.targetRef.name",
        description = "The Gateway that is extended",
        priority = "1"
    ),
    printcolumn(
        name = "Session Store",
        type_ = "string",
        json_path = ".spec.sessionStore.type",
        description = "Where sessions are kept",
        priority = "1"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        description = "Why the endpoint is ready or not, in full",
        priority = "1"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 40")
        .message("metadata.name has more than 40 characters: choose a shorter one, as names of other resources are made of it")
)]
#[x_kube(validation = Rule::new("!(has(self.module) && has(self.module.pullSecret)) || self.dataPath.mode != 'EnvoyFilter'")
    .message("module.pullSecret cannot be used in dataPath.mode EnvoyFilter, as istiod hands secrets to its own extensions only: choose WasmPlugin, or put the module where it needs no login and take pullSecret away")
    .field_path(".module.pullSecret"))]
#[serde(rename_all = "camelCase")]
pub struct ExtensionSpec {
    /// The listener of a Gateway that clients come in by. Cannot be changed: the endpoint would vanish from where clients look for it.
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("targetRef cannot be changed, as clients would lose their endpoint: make another MCPGatewayExtension for the other Gateway or listener, and delete this one when clients have moved"))]
    pub target_ref: GatewayRef,
    /// Host name of the endpoint, as clients write it, without scheme and port. The listener's hostname when left out; needed where that
    /// is not there or begins with `*.`, and under it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("publicHost is no host name: write it in lower case, without scheme, port, path and *, as in mcp.example.com"))]
    #[x_kube(validation = Rule::new("!self.contains('mcp-gateway-internal')")
        .message("publicHost holds mcp-gateway-internal, which the gateway's own hosts end with: choose another"))]
    pub public_host: Option<String>,
    /// What runs beside Envoy, and answers what no single server can.
    #[serde(default)]
    pub broker: Broker,
    /// Where sessions are kept.
    #[serde(default)]
    pub session_store: SessionStore,
    /// Bounds on what the gateway keeps and waits for.
    #[serde(default)]
    pub limits: Limits,
    /// Who may come in.
    #[serde(default)]
    pub access: Access,
    /// How servers' messages are changed, beside what routing needs.
    #[serde(default)]
    pub editing: Editing,
    /// How the filter comes into Istio's Envoy.
    #[serde(default)]
    pub data_path: DataPath,
    /// The filter's module. The controller's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<Module>,
}

/// A listener of a `Gateway`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// API group of the Gateway.
    #[serde(default = "GatewayRef::default_group")]
    #[x_kube(validation = Rule::new("self == 'gateway.networking.k8s.io'")
        .message("group has to be gateway.networking.k8s.io: correct it or leave it out"))]
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind of the resource: `Gateway`.
    #[serde(default = "GatewayRef::default_kind")]
    #[x_kube(validation = Rule::new("self == 'Gateway'").message("kind has to be Gateway: correct it or leave it out"))]
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Name of the Gateway.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the Gateway. The extension's own when left out; another one has to allow it with a ReferenceGrant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Name of the listener. Needed where the Gateway has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
}

impl GatewayRef {
    fn default_group() -> String {
        "gateway.networking.k8s.io".to_owned()
    }

    fn default_kind() -> String {
        "Gateway".to_owned()
    }
}

/// The broker's Deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Broker {
    /// Image of `mcp-gateway`. The controller's own when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9._:/@-]*$')")
        .message("image is no image's name: write REGISTRY/REPOSITORY:TAG without a scheme, as in ghcr.io/example/mcp-gateway:1.0.0"))]
    pub image: Option<String>,
    /// When the image is pulled. Kubernetes' own default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Names of Secrets, in the extension's namespace, that the image is pulled with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub image_pull_secrets: Vec<String>,
    /// How many brokers run. From two on there is a PodDisruptionBudget.
    #[serde(default = "Broker::default_replicas")]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: u16,
    /// What each broker gets and may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

impl Broker {
    fn default_replicas() -> u16 {
        1
    }
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            image: None,
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            replicas: Self::default_replicas(),
            resources: None,
        }
    }
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// At each start.
    Always,
    /// Where it is not there.
    IfNotPresent,
    /// Not at all.
    Never,
}

impl ImagePullPolicy {
    /// As a container's `imagePullPolicy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// Who may come in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Values of `Origin` that are let in beside those of loopback hosts, as https://app.example.com; `*` for all. Requests without one
    /// always are.
    #[serde(default)]
    #[schemars(length(max = 256), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(origin, origin == '*' || origin.matches('^[a-z][a-z0-9+.-]*://[^/?#@* ]+$'))")
        .message("allowedOrigins holds something that is no origin: write scheme and host, as in https://app.example.com, or \"*\" alone for all, without a path"))]
    pub allowed_origins: Vec<String>,
    /// Names in `Host` that are let in beside `publicHost`, without port; `*` for all.
    #[serde(default)]
    #[schemars(length(max = 256), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(host, host == '*' || host.matches('^([A-Za-z0-9._-]+|[[][0-9a-fA-F:.]+[]])$'))")
        .message("allowedHosts holds something that is no host name: write it without scheme and port, as in mcp.example.com, or \"*\" for all"))]
    pub allowed_hosts: Vec<String>,
}

/// How servers' messages are changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Editing {
    /// Members of `_meta` that hold a URI of the server, beside those of MCP Apps.
    #[serde(default = "Editing::default_uri_meta_keys")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub uri_meta_keys: Vec<String>,
    /// Whether the server's name stands before the message of its elicitations: a client can only show that the gateway asks. When left
    /// out it does from two servers on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_elicitations: Option<bool>,
}

impl Default for Editing {
    fn default() -> Self {
        Self { uri_meta_keys: Self::default_uri_meta_keys(), label_elicitations: None }
    }
}

impl Editing {
    fn default_uri_meta_keys() -> Vec<String> {
        protocol::config::Editing::default().uri_meta_keys
    }
}

/// How the filter comes into Istio's Envoy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct DataPath {
    /// `WasmPlugin`: by Istio's own resource; modern calls go straight to their servers, legacy calls through the broker. `EnvoyFilter`:
    /// every call goes straight to its server; the EnvoyFilter depends on the version of Istio.
    #[serde(default)]
    pub mode: DataPathMode,
}

/// Ways of the filter into Istio's Envoy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DataPathMode {
    /// By Istio's own resource.
    #[default]
    WasmPlugin,
    /// By a change of Envoy's configuration.
    EnvoyFilter,
}

/// The filter's module in an OCI registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// Where it is, as oci://ghcr.io/example/mcp-gateway-wasm:1.0.0.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^oci://[A-Za-z0-9.:-]+/[a-z0-9][a-z0-9._/-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$')")
        .message("url has to name a module in a registry: write oci://HOST/REPOSITORY:TAG, as in oci://ghcr.io/example/mcp-gateway-wasm:1.0.0"))]
    pub url: String,
    /// Name of a Secret (kubernetes.io/dockerconfigjson), in the Gateway's namespace, that it is pulled with. Not in mode `EnvoyFilter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub pull_secret: Option<String>,
}

/// What became of a gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionStatus {
    /// `Accepted`: the extension may be what it says. `ResolvedRefs`: what it refers to is there. `Compatible`: no policy and no setting of
    /// the mesh is known to stand against it. `Programmed`: its resources have been made. `Ready`: clients can use the endpoint now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How the filter comes into Istio's Envoy at this moment: `WasmPlugin` or `EnvoyFilter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The endpoint, as clients write it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The servers that are registered with the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Instances>,
    /// The proxies of the Gateway that have reported to the brokers; ready are those that go by the servers of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxies: Option<Instances>,
    /// The brokers; ready are those that go by the configuration of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brokers: Option<Instances>,
    /// The brokers that keep sessions in a store outside of them; ready are those that can use it now. Left out with `Memory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_store: Option<Instances>,
    /// The filter's module that is in force, with its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}
