//! The filter's share of the configuration.

use super::{BROKER_CLUSTER, Layout};
use protocol::config::{Endpoint, Gateway, Plugin};

/// The plugin configuration for `gateway`. It does not depend on the servers.
pub fn plugin(gateway: &Gateway, layout: &Layout) -> Plugin {
    Plugin {
        broker_cluster: BROKER_CLUSTER.to_owned(),
        broker_authority: layout.broker.to_string(),
        key: layout.key.clone(),
        endpoint: Endpoint::default(),
        access: gateway.access.clone(),
        limits: gateway.limits.clone(),
        mode: layout.mode,
    }
}
