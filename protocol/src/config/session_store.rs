//! Where sessions are kept.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where sessions are kept, beside the memory of the broker that they are used in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum SessionStore {
    /// Nowhere else.
    #[default]
    Memory,
    /// In Redis, Valkey, or what speaks the same protocol.
    Redis(Redis),
}

impl SessionStore {
    /// Whether there is no store outside of the broker.
    pub fn is_memory(&self) -> bool {
        *self == Self::Memory
    }
}

/// A Redis, and how it is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redis {
    /// `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS. Without credentials, so that it can be shown.
    pub url: String,
    /// The user to log in as; the default user if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password; none is sent if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The certificate authorities to trust for `rediss` instead of the system's, in PEM form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// What all keys and channels begin with.
    pub key_prefix: String,
}

impl Redis {
    /// What keys begin with if nothing else is said.
    pub const DEFAULT_KEY_PREFIX: &str = "mcp-gateway:";
}

impl fmt::Debug for Redis {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("url", &self.url).field("username", &self.username).finish_non_exhaustive()
    }
}
