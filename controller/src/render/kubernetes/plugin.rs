//! The filter's configuration.

use super::config::access;
use super::names::{INTERNAL_PORT, Names};
use crate::model::Instance;
use protocol::config::{Endpoint, FilterMode, Plugin};

/// The plugin configuration for Istio. It does not depend on the servers.
pub(super) fn plugin(instance: &Instance, names: &Names, mode: FilterMode) -> Plugin {
    let cluster = format!("outbound|{INTERNAL_PORT}||{}", names.broker_host());
    plugin_for(instance, names, mode, cluster, names.endpoint_route_prefix())
}

/// The plugin configuration where the broker's cluster and the endpoint's routes have such names in Envoy.
pub(super) fn plugin_for(
    instance: &Instance,
    names: &Names,
    mode: FilterMode,
    broker_cluster: String,
    route_prefix: String,
) -> Plugin {
    Plugin {
        broker_cluster,
        broker_authority: format!("{}:{INTERNAL_PORT}", names.broker_host()),
        key: instance.key.clone(),
        endpoint: Endpoint { route_prefix: Some(route_prefix), ..Endpoint::default() },
        access: access(instance),
        limits: instance.limits.clone(),
        mode,
    }
}
