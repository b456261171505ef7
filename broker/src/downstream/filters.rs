//! The filters that ask for the table, as `/status` tells them.

use protocol::resolve::Report;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A filter that has not asked for so long is gone: it does each second.
const GONE: Duration = Duration::from_secs(10);
/// Proxies that are remembered at once.
const MOST: usize = 1024;
/// Bytes of a proxy's name that count.
const NAME_BYTES: usize = 256;

/// The filters that have asked lately.
#[derive(Default)]
pub(crate) struct Filters(Mutex<BTreeMap<String, Seen>>);

struct Seen {
    table: Option<String>,
    at: Instant,
}

/// A proxy whose filter asks this broker.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct FilterStatus {
    /// `node.id` of Envoy.
    instance: String,
    /// Version of the table that it goes by; absent before its first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    /// Seconds since it asked.
    seen: u64,
}

impl Filters {
    /// A filter has asked.
    pub(super) fn saw(&self, report: Report) {
        let mut instance = report.instance;
        instance.truncate(instance.floor_char_boundary(NAME_BYTES));
        let mut filters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        filters.retain(|_, seen| seen.at.elapsed() < GONE);
        if filters.len() < MOST || filters.contains_key(&instance) {
            filters.insert(instance, Seen { table: report.table, at: Instant::now() });
        }
    }

    /// Those that have asked lately.
    pub(super) fn all(&self) -> Vec<FilterStatus> {
        let filters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = filters.iter().map(|(instance, seen)| (instance, seen, seen.at.elapsed()));
        lately
            .filter(|(.., ago)| *ago < GONE)
            .map(|(instance, seen, ago)| FilterStatus {
                instance: instance.clone(),
                table: seen.table.clone(),
                seen: ago.as_secs(),
            })
            .collect()
    }
}
