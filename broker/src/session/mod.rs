//! Sessions of legacy clients.

pub mod id;
