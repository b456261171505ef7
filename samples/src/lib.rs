//! Sample MCP servers, to be put behind the gateway.
//!
//! [`tools`] holds a server of plain tools (binary `sample-tools`), [`features`] one that uses what MCP has beside tools
//! (binary `sample-features`). [`serve`] puts either on a Streamable HTTP endpoint. [`classic`] holds a server of the first
//! revision, on HTTP+SSE (binary `sample-sse`).

pub mod classic;
pub mod era;
pub mod features;
pub mod serve;
pub mod tools;
