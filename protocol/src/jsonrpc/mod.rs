//! JSON-RPC 2.0, as MCP uses it.

mod id;

pub use id::Id;
