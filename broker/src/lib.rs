//! The truth about servers, catalogues and sessions; answers what no single server can.
//!
//! * [`upstream`]: one supervised connection a server;
//! * [`catalog`]: what all servers offer, merged;
//! * [`session`]: what legacy clients' sessions hold;
//! * [`status`]: how each server is.

pub mod catalog;
pub mod session;
pub mod status;
pub mod upstream;
