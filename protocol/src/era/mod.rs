//! Revisions of MCP, and the two eras that they fall into.

mod asked;
pub mod from_legacy;
pub mod from_modern;
mod server_info;
mod task;
pub mod to_legacy;
pub mod to_modern;

pub use asked::Asked;
pub use server_info::SERVER_INFO;
pub use task::needs_task;

use serde::{Deserialize, Serialize};

/// The two ways in which MCP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Era {
    /// `2024-11-05` to `2025-11-25`: `initialize`, sessions.
    Legacy,
    /// `2026-07-28`: stateless, `_meta` on every request.
    Modern,
}

impl Era {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Legacy => Self::Modern,
            Self::Modern => Self::Legacy,
        }
    }
}

/// A legacy revision, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Revision {
    /// HTTP+SSE, no structured content.
    #[serde(rename = "2024-11-05")]
    V2024_11_05,
    /// Streamable HTTP, batches.
    #[serde(rename = "2025-03-26")]
    V2025_03_26,
    /// Elicitation, structured content, resource links.
    #[serde(rename = "2025-06-18")]
    V2025_06_18,
    /// URL elicitation, tasks, icons.
    #[serde(rename = "2025-11-25")]
    V2025_11_25,
}

impl Revision {
    /// The newest legacy revision: what a client gets that asks for one that the gateway does not know.
    pub const LATEST: Revision = Revision::V2025_11_25;

    /// The revision that `version` names.
    pub fn parse(version: &str) -> Option<Self> {
        Some(match version {
            "2024-11-05" => Self::V2024_11_05,
            "2025-03-26" => Self::V2025_03_26,
            "2025-06-18" => Self::V2025_06_18,
            "2025-11-25" => Self::V2025_11_25,
            _ => return None,
        })
    }

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }

    /// What `initialize` settles when a client asks for `version` (lifecycle, *Version negotiation*).
    pub fn negotiate(version: &str) -> Self {
        Self::parse(version).unwrap_or(Self::LATEST)
    }
}

/// The modern revision that the gateway speaks.
pub const MODERN: &str = "2026-07-28";

/// The modern revisions that the gateway speaks: `supportedVersions` of `server/discover`, `data.supported` of -32022.
pub const SUPPORTED_MODERN: &[&str] = &[MODERN];
