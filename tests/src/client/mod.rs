//! Clients that send every byte as the test says.

mod events;
mod http;
mod modern;
mod raw;
mod session;

pub use self::http::{Body, Http, Open, Reply, Request};
pub use events::Events;
pub use modern::{ENVELOPE, Modern};
pub use raw::{Raw, raw};
pub use session::{Session, initialize};
