//! Parts of statuses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A gateway that a server is registered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayStatus {
    /// Namespace of the MCPGatewayExtension.
    pub namespace: String,
    /// Name of the MCPGatewayExtension.
    pub name: String,
    /// What the gateway calls the server, in its own status, metrics and logs.
    pub server: String,
}

/// How many there are of something, and how many of them are as they should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Instances {
    /// How many are as they should be.
    pub ready: i64,
    /// How many there are.
    pub total: i64,
}
