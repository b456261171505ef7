//! One supervised connection a server.
//!
//! The [`Registry`] follows the configuration and runs a supervisor for each server: it finds out which eras the server
//! speaks (`probe`), fetches its lists (`lists`), listens for changes (`stream`), and begins anew when the server fails. A
//! [`Client`] sends what has to be sent to one server, on a [`Leg`].

mod callers;
mod capabilities;
mod changes;
mod client;
mod connection;
mod error;
mod extensions;
mod facts;
mod fresh;
mod ids;
mod leg;
mod lists;
mod message;
mod position;
mod probe;
mod projected;
mod registry;
mod reply;
mod server;
mod stream;
mod supervisor;
mod table;
mod transport;
mod turn;
mod way;

pub use capabilities::{Capabilities, Declarations, Listing, Tasks};
pub use changes::Changes;
pub(crate) use changes::shown;
pub use client::Client;
pub use error::{ClientError, UpstreamError};
pub use extensions::{Extensions, TASKS, Unowned};
pub use ids::random_id;
pub use leg::{Envelope, Leg, LegacySession, gateway_info};
pub use lists::{ListError, fetch_list};
pub use position::{Cursor, Position};
pub use registry::{Registry, Seen, View};
pub use reply::{ANSWER_LIMIT, Body, EventStream, Reply};
pub use server::{Server, Snapshot, Spoken};
pub use way::Way;
