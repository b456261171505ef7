//! Sessions that ended, told to all workers.
//!
//! Shared data has a counter for each of a fixed number of slots; a session's slot moves on when it ends. What a worker knows
//! of a session holds only while the slot is where it was. Two sessions in one slot cost a further question to the broker.
//!
//! A slot is not read at every call, which would be felt, but where some session has ended since it was last read: a further counter
//! says that, which each worker reads at each tick.

use crate::host;
use crate::settings::Settings;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

const SLOTS: u64 = 4096;

fn slot(settings: &Settings, session: &str) -> String {
    format!("{}ended/{:x}", settings.space, FixedState::default().hash_one(session) % SLOTS)
}

fn any(settings: &Settings) -> String {
    format!("{}ended", settings.space)
}

/// Where the slot of `session` is.
pub(crate) fn mark(settings: &Settings, session: &str) -> u32 {
    let (_, version) = host::shared(&slot(settings, session));
    version.unwrap_or(0)
}

/// Changes whenever a session ends.
pub(crate) fn generation(settings: &Settings) -> u32 {
    let (_, version) = host::shared(&any(settings));
    version.unwrap_or(0)
}

/// Ends `session` for all workers.
pub(crate) fn end(settings: &Settings, session: &str) {
    // Any write moves the version on, which is all that counts.
    host::set_shared(&slot(settings, session), b"1", None);
    host::set_shared(&any(settings), b"1", None);
}
