//! The plugin configuration, ready for use.

use protocol::answer::Rules;
use protocol::config::{Plugin, PluginServer};
use protocol::naming::Table;

/// What the controller told this filter.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) plugin: Plugin,
    pub(crate) table: Table,
    /// For each server, how its answers are edited.
    rules: Vec<Rules>,
}

impl Settings {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let plugin: Plugin = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        let table = Table::new(plugin.servers.iter().map(|s| s.prefix.as_str()));
        let rules =
            plugin.servers.iter().map(|s| Rules::new(&s.name, &s.prefix, &[]).with_editing(&plugin.editing)).collect();
        Ok(Self { plugin, table, rules })
    }

    /// How a server's answers are edited.
    pub(crate) fn rules(&self, server: &str) -> Option<Rules> {
        self.rules.iter().find(|rules| &*rules.server == server).cloned()
    }

    pub(crate) fn server(&self, name: &str) -> Option<&PluginServer> {
        self.plugin.servers.iter().find(|s| s.name == name)
    }
}
