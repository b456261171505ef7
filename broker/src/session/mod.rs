//! Sessions of legacy clients: what `initialize` settled, and the upstream sessions that stand behind it.
//!
//! * [`id`]: the sealed ids that clients hold;
//! * [`Store`]: all sessions in this broker's memory, bounded and expiring;
//! * [`shared`]: what is kept of them for other brokers;
//! * [`Session`]: one client's session;
//! * [`Upstream`]: one of its sessions with a server, opened by the first call that needs it;
//! * [`Streams`]: its GET streams.

mod ends;
pub mod id;
mod listen;
mod place;
mod projection;
pub mod shared;
mod state;
mod store;
mod streams;
mod upstream;

pub use state::{InFlight, Session};
pub use store::Store;
pub use streams::{Reading, Streams};
pub use upstream::Upstream;
pub(crate) use upstream::{Slot, failed};
