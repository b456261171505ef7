//! What filter and broker must agree on: JSON-RPC read and edited in place, SSE, MCP headers, naming, routing, errors.
//!
//! No I/O, no clock, no async: the same code runs natively in the broker and as wasm32 inside Envoy.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod answer;
pub mod caller;
pub mod config;
pub mod cors;
pub mod era;
pub mod error;
pub mod http;
pub mod json;
pub mod jsonrpc;
pub mod naming;
pub mod param_header;
pub mod request;
pub mod resolve;
pub mod route;
pub mod sse;
