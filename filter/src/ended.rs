//! Sessions that ended, told to all workers at once.
//!
//! Shared data has a counter for each of a fixed number of slots; a session's slot moves on when it ends. What a worker knows
//! of a session holds only while the slot is where it was. Two sessions in one slot cost a further question to the broker.

use crate::host;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

const SLOTS: u64 = 4096;

fn key(session: &str) -> String {
    let slot = FixedState::default().hash_one(session) % SLOTS;
    let digit = |shift: u32| char::from_digit((slot >> shift) as u32 & 0xf, 16).unwrap_or_default();
    // Made at every call, where `format!` would be felt.
    [
        "mcp-gateway/ended/",
        digit(8).encode_utf8(&mut [0; 4]),
        digit(4).encode_utf8(&mut [0; 4]),
        digit(0).encode_utf8(&mut [0; 4]),
    ]
    .concat()
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
