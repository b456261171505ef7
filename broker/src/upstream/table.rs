//! What names mean to the filter.

use super::server::Server;
use protocol::config::Editing;
use protocol::resolve::{ServerEntry, ServerTable};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The table of these servers.
pub(super) fn table(servers: &[Arc<Server>], editing: &Editing) -> ServerTable {
    let entry = |server: &Arc<Server>| {
        let config = server.config();
        ServerEntry {
            name: config.name.as_str().into(),
            prefix: config.prefix.clone(),
            timeout_ms: config.timeout_ms,
            forward_headers: config.forward_headers.clone(),
        }
    };
    let mut table =
        ServerTable { version: String::new(), servers: servers.iter().map(entry).collect(), editing: editing.clone() };
    let content = serde_json::to_vec(&table).unwrap_or_default();
    table.version = Sha256::digest(content).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    table
}
