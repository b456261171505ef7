//! What a legacy client says, as a modern server takes it.
//!
//! The handshake of the legacy era becomes members of `_meta` that every request carries ([`Envelope`]); all other bytes
//! stay as they are.

mod capabilities;
mod request;

pub use capabilities::capabilities;
pub use request::{Envelope, Retry, kept_meta, request, without_envelope};
