//! The filter's configuration.

use super::config::access;
use super::names::{INTERNAL_PORT, Names};
use crate::model::Instance;
use protocol::config::{Endpoint, FilterMode, Plugin};

/// The plugin configuration. It does not depend on the servers.
pub(super) fn plugin(instance: &Instance, names: &Names, mode: FilterMode) -> Plugin {
    let host = names.broker_host();
    Plugin {
        // Istio's name for it.
        broker_cluster: format!("outbound|{INTERNAL_PORT}||{host}"),
        broker_authority: format!("{host}:{INTERNAL_PORT}"),
        key: instance.key.clone(),
        endpoint: Endpoint { route_prefix: Some(names.endpoint_route_prefix()), ..Endpoint::default() },
        access: access(instance),
        limits: instance.limits.clone(),
        mode,
    }
}
