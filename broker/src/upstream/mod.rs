//! One supervised connection a server.

mod capabilities;
mod client;
mod error;
mod ids;
mod leg;
mod message;
mod reply;

pub use capabilities::{Capabilities, Listing};
pub use client::Client;
pub use error::{ClientError, UpstreamError};
pub use ids::random_id;
pub use leg::{Envelope, Leg, LegacySession, gateway_info};
pub use reply::{ANSWER_LIMIT, Body, EventStream, Reply};
