//! The truth about servers, catalogues and sessions; answers what no single server can.
//!
//! * [`upstream`]: one supervised connection a server;
//! * [`catalog`]: what all servers offer, merged;
//! * [`session`]: what legacy clients' sessions hold;
//! * [`status`]: how each server is;
//! * `downstream`: the ports that clients, filter and operators use;
//! * `resolve`: which server has a name;
//! * [`caller`]: who calls, for servers that tell callers apart;
//! * `bridge`: calls that the broker carries itself;
//! * `crossing`: those between the eras;
//! * `peers`: other replicas of the gateway;
//! * `reaper`: what ends servers' processes when the broker cannot.

mod bridge;
pub mod caller;
pub mod catalog;
mod crossing;
mod downstream;
mod peers;
mod reaper;
mod resolve;
mod run;
mod seal;
pub mod session;
pub mod status;
pub mod upstream;

pub use reaper::{reap, reap_with};
pub use run::{Broker, Options, listen, start};
pub use status::Status;
