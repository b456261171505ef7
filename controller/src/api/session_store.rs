//! Where sessions are kept.

use super::references::{CaCertificateRef, SecretKeyRef};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where sessions are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type != 'Redis' || has(self.url) != has(self.urlRef)")
    .message("a Redis needs an address: write either url, as in redis://redis.example:6379/0, or urlRef, the Secret that holds it")
    .field_path(".url"))]
#[x_kube(validation = Rule::new("self.type != 'Memory' || !(has(self.url) || has(self.urlRef) || has(self.username) || has(self.passwordRef) || has(self.caCertificateRef) || has(self.keyPrefix))")
    .message("type Memory has no other fields: write type Redis, or take them away")
    .field_path(".type"))]
pub struct SessionStore {
    /// `Memory`: each broker keeps its own sessions, and requests find their way to the one that has theirs; sessions with servers begin
    /// anew when a broker ends. `Redis`: they are kept in Redis or Valkey too, so that another broker goes on with them.
    #[serde(default, rename = "type")]
    pub kind: SessionStoreType,
    /// Address of the Redis, as redis://redis.example:6379/0, or rediss:// for TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^rediss?://[^/?#@]+(/[0-9]*)?$')")
        .message("url is no address of a Redis: write redis://HOST:PORT/DATABASE, or rediss:// for TLS; user and password belong into username and passwordRef, or the whole into urlRef"))]
    pub url: Option<String>,
    /// Instead of `url`: the Secret that holds the address, which may have a user and a password in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_ref: Option<SecretKeyRef>,
    /// The user to log in as. The default user when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub username: Option<String>,
    /// The Secret that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_ref: Option<SecretKeyRef>,
    /// Whom the certificate has to be issued by, for `rediss://`. The system's authorities when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate_ref: Option<CaCertificateRef>,
    /// What all keys and channels begin with: `mcp-gateway:` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9:._/-]+$')")
        .message("keyPrefix holds other characters than A-Z, a-z, 0-9, :, ., _, / and -: choose another, as mcp-gateway:"))]
    pub key_prefix: Option<String>,
}

/// Kinds of stores for sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SessionStoreType {
    /// The brokers' memory.
    #[default]
    Memory,
    /// Redis or Valkey.
    Redis,
}
