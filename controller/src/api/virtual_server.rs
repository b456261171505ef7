//! `MCPVirtualServer`.

use super::references::ExtensionRef;
use super::schema;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a virtual server selects.
#[derive(Debug, Clone, Default, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "mcpgateway.dev",
    version = "v1alpha1",
    kind = "MCPVirtualServer",
    plural = "mcpvirtualservers",
    shortname = "mcpvs",
    category = "mcp-gateway",
    namespaced,
    status = "VirtualServerStatus",
    derive = "PartialEq",
    doc = "A selection of what a gateway's servers offer. Clients ask for it with the header `X-Mcp-Virtualserver: NAMESPACE/NAME`.",
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status",
        description = "Whether clients can ask for it"
    ),
    printcolumn(
        name = "Resolved",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='ResolvedRefs')].status",
        description = "Whether there is something of each name that it selects"
    ),
    printcolumn(name = "Tools", type_ = "integer", json_path = ".status.tools", description = "Tools in it"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].reason",
        description = "Why it is accepted or not"
    ),
    printcolumn(
        name = "Missing",
        type_ = "string",
        json_path = ".status.unmatched",
        description = "What it selects and no server lists",
        priority = "1"
    ),
    printcolumn(
        name = "Description",
        type_ = "string",
        json_path = ".spec.description",
        description = "What it is for",
        priority = "1"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("size(self.tools) + size(self.prompts) + size(self.resources) > 0")
    .message("the virtual server selects nothing: name something in tools, prompts or resources, or write [\"*\"] for all of a kind"))]
#[serde(rename_all = "camelCase")]
pub struct VirtualServerSpec {
    /// What it is for. Clients get it as instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
    /// Tools, by the names that clients see, prefix included. `*` at the end stands for any rest: `weather_*` are all of one server, `*` is
    /// all that there are.
    #[serde(default)]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(name, name.indexOf('*') == -1 || name.indexOf('*') == size(name) - 1)")
        .message("tools holds a * that is not at the end, where alone it stands for any rest: write whole names, or beginnings as in weather_*"))]
    pub tools: Vec<String>,
    /// Prompts, in the same way.
    #[serde(default)]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(name, name.indexOf('*') == -1 || name.indexOf('*') == size(name) - 1)")
        .message("prompts holds a * that is not at the end, where alone it stands for any rest: write whole names, or beginnings as in weather_*"))]
    pub prompts: Vec<String>,
    /// Resources and resource templates, by the URIs that clients see, in the same way.
    #[serde(default)]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 2048)), extend("x-kubernetes-list-type" = "set"))]
    pub resources: Vec<String>,
    /// The gateways that have it. All of the cluster when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub extension_refs: Vec<ExtensionRef>,
}

/// What became of a virtual server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServerStatus {
    /// `Accepted`: clients can ask for it. `ResolvedRefs`: there is something of each name that it selects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// How many tools there are in it; of several gateways, at the one with the most, and so are the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<i64>,
    /// How many prompts there are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<i64>,
    /// How many resources there are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<i64>,
    /// How many resource templates there are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<i64>,
    /// What it selects and no server lists, each after what it would be: `tool weather_nwo`. 50 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<String>,
    /// `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
