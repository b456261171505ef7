//! The truth about servers, catalogues and sessions; answers what no single server can.
//!
//! * [`upstream`]: one supervised connection a server;
//! * [`catalog`]: what all servers offer, merged;
//! * [`status`]: how each server is.

pub mod catalog;
pub mod status;
pub mod upstream;
