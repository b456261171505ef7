//! The broker's side towards servers, against small servers in this process.

extern crate mcp_gateway_broker as broker;

mod channel;
mod client;
mod failures;
mod fake;
mod manners;
mod registry;
mod support;
mod tls;
