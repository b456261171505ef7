//! The plugin configuration, ready for use.

use foldhash::fast::FixedState;
use protocol::config::Plugin;
use std::hash::BuildHasher;

/// What the controller told this filter.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) plugin: Plugin,
    /// `node.id` of Envoy.
    pub(crate) instance: String,
    /// What the keys of shared data begin with: filters of several gateways in one Envoy see the same data.
    pub(crate) space: String,
}

impl Settings {
    pub(crate) fn parse(json: &[u8], instance: String) -> Result<Self, String> {
        let plugin: Plugin = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        let gateway = FixedState::default().hash_one((&plugin.broker_cluster, &plugin.broker_authority, &plugin.key));
        Ok(Self { plugin, instance, space: format!("mcp-gateway/{gateway:x}/") })
    }
}
