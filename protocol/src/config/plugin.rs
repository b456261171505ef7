//! The filter's configuration.

use super::gateway::{Access, Limits};
use serde::{Deserialize, Serialize};

/// The plugin configuration: JSON, made by the controller. It stays as it is when servers change: the filter asks the broker for
/// those ([`crate::resolve::ServerTable`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plugin {
    /// Envoy cluster of the broker's internal port.
    pub broker_cluster: String,
    /// `:authority` of requests to the broker.
    pub broker_authority: String,
    /// Proves to the broker that a request comes from the filter. Grants nothing else.
    pub key: String,
    /// Which requests are the gateway's.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// Who may come in.
    pub access: Access,
    /// Bounds.
    pub limits: Limits,
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
