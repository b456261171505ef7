//! What a modern client says, as a legacy server takes it.
//!
//! The members of `_meta` that stand for a handshake are taken out ([`Said`]); they settle the session that the request is
//! sent in. All other bytes stay as they are.

mod capabilities;
mod inputs;
mod request;

pub use capabilities::{asks_back, capabilities};
pub use inputs::{Answer, answers};
pub use request::Said;
