//! The broker as clients, filter and operators see it, over real HTTP, with small servers behind it.

extern crate mcp_gateway_broker as broker;

mod batches;
mod bridge;
mod client;
mod errors;
mod extensions;
mod fake;
mod handshake;
mod input_from_legacy;
mod internal;
mod legacy_on_modern;
mod legacy_only;
mod lists;
mod modern;
mod modern_on_legacy;
mod modern_server;
mod operator;
mod projected;
mod resume;
mod rewrites;
mod rig;
mod scale;
mod scripted;
mod sessions;
mod sse;
mod streams;
mod tasks;
mod virtual_servers;
