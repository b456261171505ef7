//! The mesh's own configuration.

use crate::model::ObjectName;
use crate::source::kubernetes::kind::Kind;
use crate::source::kubernetes::world::World;
use serde::Deserialize;

/// Where Istio is, unless somebody has put it elsewhere.
const NAMESPACE: &str = "istio-system";

/// What the mesh's configuration says, as far as it matters here.
pub(super) struct Mesh {
    /// Policies of this namespace hold in all.
    pub(super) root_namespace: String,
    pub(super) connections: Connections,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MeshConfig {
    root_namespace: Option<String>,
    default_config: ProxyConfig,
}

/// `ProxyConfig`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ProxyConfig {
    pub(super) connection_settings: Connections,
}

/// `connectionSettings`: durations in seconds with an `s`.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Connections {
    pub(super) profile: Option<String>,
    pub(super) listener_per_connection_buffer_limit_bytes: Option<i64>,
    pub(super) http_request_timeout: Option<String>,
    pub(super) http_stream_idle_timeout: Option<String>,
    pub(super) http_max_stream_duration: Option<String>,
}

impl Connections {
    /// What holds where `nearer` says nothing.
    pub(super) fn under(&self, nearer: Self) -> Self {
        Self {
            profile: nearer.profile.or_else(|| self.profile.clone()),
            listener_per_connection_buffer_limit_bytes: nearer
                .listener_per_connection_buffer_limit_bytes
                .or(self.listener_per_connection_buffer_limit_bytes),
            http_request_timeout: nearer.http_request_timeout.or_else(|| self.http_request_timeout.clone()),
            http_stream_idle_timeout: nearer.http_stream_idle_timeout.or_else(|| self.http_stream_idle_timeout.clone()),
            http_max_stream_duration: nearer.http_max_stream_duration.or_else(|| self.http_max_stream_duration.clone()),
        }
    }
}

impl Mesh {
    pub(super) fn of(world: &World) -> Self {
        let configured = world.all(Kind::ConfigMap).map(|(name, _)| name).filter(|name| is_mesh_config(name));
        let texts = configured.filter_map(|name| world.value(Kind::ConfigMap, name, "mesh"));
        let config: MeshConfig = texts.filter_map(|text| serde_saphyr::from_str(&text).ok()).next().unwrap_or_default();
        Self {
            root_namespace: config.root_namespace.unwrap_or_else(|| NAMESPACE.to_owned()),
            connections: config.default_config.connection_settings,
        }
    }
}

/// Whether a `ConfigMap` is the mesh's: `istio`, or `istio-REVISION`.
fn is_mesh_config(name: &ObjectName) -> bool {
    name.namespace == NAMESPACE && (name.name == "istio" || name.name.starts_with("istio-"))
}
