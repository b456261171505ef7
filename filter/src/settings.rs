//! The plugin configuration, ready for use.

use protocol::config::{Plugin, PluginServer};
use protocol::naming::Table;

/// What the controller told this filter.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) plugin: Plugin,
    pub(crate) table: Table,
}

impl Settings {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let plugin: Plugin = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        let table = Table::new(plugin.servers.iter().map(|s| s.prefix.as_str()));
        Ok(Self { plugin, table })
    }

    pub(crate) fn server(&self, name: &str) -> Option<&PluginServer> {
        self.plugin.servers.iter().find(|s| s.name == name)
    }
}
