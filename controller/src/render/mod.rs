//! Envoy's configuration, from a declared gateway: pure functions, one module an output.
//!
//! The listener is static, since nothing in it depends on the servers. Clusters ([`clusters`]), routes ([`routes`]) and the filter
//! with its plugin configuration ([`extension`]) are files that Envoy watches, so that a change drains no connection.

mod bootstrap;
mod clusters;
mod extension;
pub mod kubernetes;
mod listener;
mod local_replies;
mod plugin;
mod routes;
#[cfg(test)]
mod tests;
mod version;

pub use plugin::plugin;
pub use routes::{Routes, routed};

use protocol::config::{FilterMode, Gateway};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Name of the filter, as an extension that Envoy discovers.
pub const FILTER: &str = "mcp-gateway";
/// Cluster of the broker's internal port.
pub const BROKER_CLUSTER: &str = "mcp-broker";
/// The bootstrap's file name.
pub const BOOTSTRAP_FILE: &str = "envoy.yaml";
/// The clusters' file name.
pub const CLUSTERS_FILE: &str = "clusters.json";
/// The routes' file name.
pub const ROUTES_FILE: &str = "routes.json";
/// The filter's file name.
pub const EXTENSION_FILE: &str = "filter.json";

/// Where the parts of the gateway are.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Where clients come in.
    pub listen: SocketAddr,
    /// The broker's internal port.
    pub broker: SocketAddr,
    /// What the filter proves itself with to the broker.
    pub key: String,
    /// The filter's module, as Envoy finds it.
    pub wasm: PathBuf,
    /// How Envoy runs the filter.
    pub mode: FilterMode,
    /// The folder of the rendered files, as Envoy finds it.
    pub directory: PathBuf,
    /// Socket of Envoy's administration interface, if it is to have one.
    pub admin: Option<PathBuf>,
    /// PEM file of the certificate authorities that are trusted where a server names none.
    pub system_ca: PathBuf,
}

/// Envoy's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// For `envoy -c`.
    pub bootstrap: Value,
    /// What the cluster discovery file holds.
    pub clusters: Resources,
    /// What leads to the servers.
    pub routes: Routes,
    /// What the extension discovery file holds.
    pub extension: Resources,
}

/// A discovery response (`envoy.service.discovery.v3.DiscoveryResponse`).
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    /// Changes with the content, and only with it.
    pub version: String,
    /// Each with its `@type`.
    pub resources: Vec<Value>,
}

impl Resources {
    fn new(resources: Vec<Value>) -> Self {
        Self { version: version::of(&resources), resources }
    }

    /// These and those of `other` that have other names.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut resources = self.resources.clone();
        resources.extend(
            other.resources.iter().filter(|o| self.resources.iter().all(|own| own["name"] != o["name"])).cloned(),
        );
        Self::new(resources)
    }

    /// As the text of the file.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", serde_json::json!({ "version_info": self.version, "resources": self.resources }))
    }
}

/// The configuration of an Envoy that serves `gateway`, whose servers have their routes already ([`routed`]).
pub fn render(gateway: &Gateway, layout: &Layout) -> Rendered {
    let clusters = clusters::clusters(gateway, layout);
    Rendered {
        bootstrap: bootstrap::bootstrap(&gateway.limits, layout),
        clusters: Resources::new(clusters),
        routes: Routes::new(gateway, layout),
        extension: Resources::new(vec![extension::extension(&plugin(gateway, layout), layout)]),
    }
}
