//! Limits of the gateway's Envoy that cut MCP's streams, or bodies shorter than what `limits.heldBody` promises.

use super::mesh::{Connections, Mesh, ProxyConfig};
use super::{Caution, reason};
use crate::model::{Instance, Mode};
use crate::source::kubernetes::kind::Kind;
use crate::source::kubernetes::world::World;
use kube::ResourceExt;

/// What `profile: EDGE` sets where nothing else is said.
const EDGE: &str = "EDGE";
const EDGE_TIMEOUT: &str = "300s";
const EDGE_BUFFER: i64 = 32 << 10;
/// Holds a `ProxyConfig` for one gateway.
const ANNOTATION: &str = "proxy.istio.io/config";

pub(super) fn of(world: &World, mesh: &Mesh, instance: &Instance) -> Vec<Caution> {
    let settings = mesh.connections.under(own(world, instance));
    let is_edge = settings.profile.as_deref() == Some(EDGE);
    let limit = |set: &Option<String>| {
        let set = set.clone().or_else(|| is_edge.then(|| EDGE_TIMEOUT.to_owned()))?;
        is_limit(&set).then_some(set)
    };
    // In the other mode the endpoint's routes have limits of their own.
    let is_listeners = instance.mode == Mode::WasmPlugin;
    let mut found = Vec::new();
    if let Some(after) = limit(&settings.http_stream_idle_timeout).filter(|_| is_listeners) {
        found.push(format!("streams that are idle for {after} are cut (httpStreamIdleTimeout: set 0s)"));
    }
    if let Some(after) = limit(&settings.http_request_timeout) {
        found.push(format!("requests that take {after} to come in are cut (httpRequestTimeout: set 0s)"));
    }
    if let Some(after) = settings.http_max_stream_duration.filter(|set| is_limit(set)) {
        found.push(format!("every stream is cut after {after} (httpMaxStreamDuration: take it away)"));
    }
    let buffer = settings.listener_per_connection_buffer_limit_bytes.or(is_edge.then_some(EDGE_BUFFER));
    let held = i64::from(instance.limits.held_body_bytes);
    if let Some(buffer) = buffer.filter(|buffer| is_listeners && *buffer < held) {
        found.push(format!(
            "bodies are held up to {buffer} bytes and not {held} (listenerPerConnectionBufferLimitBytes: set {held})"
        ));
    }
    if found.is_empty() {
        return Vec::new();
    }
    let message = format!(
        "Istio's connectionSettings for Gateway {} limit what MCP needs: {}. They are in the mesh's defaultConfig, or in the \
         Gateway's spec.infrastructure.annotations[{ANNOTATION}].",
        instance.gateway,
        found.join("; ")
    );
    vec![Caution { reason: reason::CONNECTION_LIMITS, message }]
}

/// What the `Gateway` says itself.
fn own(world: &World, instance: &Instance) -> Connections {
    let text = world.get(Kind::Gateway, &instance.gateway).and_then(|gateway| {
        let infrastructure = gateway.data["spec"]["infrastructure"]["annotations"][ANNOTATION].as_str();
        infrastructure.or_else(|| gateway.annotations().get(ANNOTATION).map(String::as_str)).map(str::to_owned)
    });
    let config: Option<ProxyConfig> = text.and_then(|text| serde_saphyr::from_str(&text).ok());
    config.unwrap_or_default().connection_settings
}

/// Whether a duration is one: 0 means without end.
fn is_limit(duration: &str) -> bool {
    duration.trim_end_matches('s').parse::<f64>().is_ok_and(|seconds| seconds > 0.0)
}
