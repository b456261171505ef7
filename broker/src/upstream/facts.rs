//! What the filter's decisions depend on, and the number that tells one state of it from another.

use super::server::{Server, Snapshot};
use crate::catalog::Catalog;
use protocol::config::Route;
use protocol::era::Era;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What the way to a server depends on beside names.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Facts {
    /// This process's own count.
    #[serde(skip)]
    incarnation: u64,
    route: Option<Route>,
    eras: Vec<Era>,
    streamable_http: bool,
    revision: Option<String>,
    sessions: bool,
}

impl Facts {
    pub(super) fn new(server: &Server, snapshot: &Snapshot, route: Option<Route>) -> Self {
        let legacy = snapshot.spoken(Era::Legacy);
        Self {
            incarnation: server.start.incarnation,
            route,
            eras: snapshot.eras(),
            streamable_http: server.client().is_streamable_http(),
            revision: legacy.map(|s| s.leg.protocol_version().to_owned()),
            sessions: legacy.is_some_and(|s| s.has_sessions()),
        }
    }
}

/// A number made of the content alone, so that replicas which see the same say the same. Below 2^53: whoever reads JSON numbers as
/// doubles sees the same.
pub(super) fn epoch(servers: &[Arc<Server>], facts: &[Facts], catalog: &Catalog) -> u64 {
    let configs: Vec<_> = servers.iter().map(|server| server.config()).collect();
    let content = serde_json::to_vec(&(configs, facts, catalog.ways())).unwrap_or_default();
    Sha256::digest(content).iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
