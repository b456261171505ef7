//! The filter's configuration.

use super::gateway::{Access, Editing, Limits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The plugin configuration: JSON, made by the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plugin {
    /// Envoy cluster of the broker's internal port.
    pub broker_cluster: String,
    /// `:authority` of requests to the broker.
    pub broker_authority: String,
    /// Proves to the broker that a request comes from the filter. Grants nothing else.
    pub key: String,
    /// Servers that calls are sent to; the broker answers for any other.
    pub servers: Vec<PluginServer>,
    /// Which requests are the gateway's.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// Who may come in.
    pub access: Access,
    /// Bounds.
    pub limits: Limits,
    /// How servers' messages are changed.
    #[serde(default)]
    pub editing: Editing,
    /// How Envoy runs the filter.
    #[serde(default)]
    pub mode: FilterMode,
}

/// Which requests are the gateway's: those to its paths, and to its routes where other traffic comes by the same listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Path of the MCP endpoint.
    pub path: String,
    /// What the name of Envoy's route (`xds.route_name`) begins with. `None` where the paths tell enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_prefix: Option<String>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { path: crate::http::path::MCP.to_owned(), route_prefix: None }
    }
}

/// How Envoy runs the filter, which decides what it can route by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterMode {
    /// With `allow_on_headers_stop_iteration`: headers can wait for the body, so every call is routed by what its body names.
    #[default]
    Body,
    /// Without it, as Istio's `WasmPlugin` does: a modern call is routed by what its headers name, anything else goes to the
    /// broker.
    Header,
}

/// A server, as the filter sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginServer {
    /// Its name in the configuration.
    pub name: String,
    /// Its prefix; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Where Envoy sends calls for it; `None` if only the broker can reach it.
    #[serde(flatten)]
    pub address: Option<Address>,
    /// Milliseconds until its answer has to begin.
    pub timeout_ms: u64,
}

/// How Envoy reaches a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Envoy cluster.
    pub cluster: String,
    /// `:authority` that the server expects: host, and port unless it is the scheme's own.
    pub authority: String,
    /// `:path` of its endpoint, query included.
    pub path: String,
    /// Headers to set on requests to it. Names in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}
