//! The binary `mcp-gateway`.
fn main() {}
