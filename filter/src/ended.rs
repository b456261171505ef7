//! Sessions that ended, told to all workers at once.
//!
//! Shared data has a counter for each of a fixed number of slots; a session's slot moves on when it ends. What a worker knows
//! of a session holds only while the slot is where it was. Two sessions in one slot cost a further question to the broker.

use crate::host;
use std::hash::{DefaultHasher, Hash, Hasher};

const SLOTS: u64 = 4096;

fn key(session: &str) -> String {
    let mut hasher = DefaultHasher::new();
    session.hash(&mut hasher);
    format!("mcp-gateway/ended/{}", hasher.finish() % SLOTS)
}

/// Where the slot of `session` is.
pub(crate) fn mark(session: &str) -> u32 {
    let (_, version) = host::shared(&key(session));
    version.unwrap_or(0)
}

/// Ends `session` for all workers.
pub(crate) fn end(session: &str) {
    // Any write moves the version on, which is all that counts.
    host::set_shared(&key(session), b"1", None);
}
