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

/// Something that a server offers and that no client sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// What it is: `tool`, `prompt`, `resource`, `resource template`, or a declaration in `extensions` or `experimental`.
    pub kind: String,
    /// Its name or URI; empty if it has none.
    pub name: String,
    /// Why, as a word for programs: `NameCollision`, `PrefixOfOther`, `ListedTwice`, `Invalid`, `NotForLegacyClients`,
    /// `NotForModernClients` or `SettingsDiffer`.
    pub reason: String,
    /// The servers that it collides with, as the gateway calls them: see `gateways` of their registrations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// Why, in words, and what to do.
    pub message: String,
}

/// How many there are of something, and how many of them are as they should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Instances {
    /// How many are as they should be.
    pub ready: i64,
    /// How many there are.
    pub total: i64,
}
