//! What is kept of a session, sealed.

use crate::seal::Seal;
use crate::session::id::Handle;
use crate::upstream::{Capabilities, LegacySession, Server};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

/// Bytes of the largest entry. What is larger is not kept.
pub(crate) const LONGEST: usize = 256 << 10;

/// Subscriptions by server, in the server's own form of the URIs.
pub(crate) type Subscriptions = HashMap<String, BTreeSet<String>>;

/// An entry as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw(pub(super) String);

/// One of the entries of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// What the client said of itself.
    Client,
    /// Its log level.
    Level,
    /// Its [`Subscriptions`].
    Subscriptions,
    /// Its session with the server of this name.
    Server(String),
}

impl Field {
    const SERVER: &str = "server:";

    /// As it is called in the store.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Client => "client".to_owned(),
            Self::Level => "level".to_owned(),
            Self::Subscriptions => "subscriptions".to_owned(),
            Self::Server(name) => format!("{}{name}", Self::SERVER),
        }
    }

    /// `None` for what another version of the gateway keeps.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "client" => Some(Self::Client),
            "level" => Some(Self::Level),
            "subscriptions" => Some(Self::Subscriptions),
            other => Some(Self::Server(other.strip_prefix(Self::SERVER)?.to_owned())),
        }
    }

    pub(super) fn server(&self) -> Option<&str> {
        match self {
            Self::Server(name) => Some(name),
            _ => None,
        }
    }
}

/// A session with a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeptUpstream {
    /// `Mcp-Session-Id`.
    #[serde(rename = "i")]
    id: String,
    /// The revision that the server chose.
    #[serde(rename = "r")]
    protocol_version: String,
    /// The server's capabilities, as sent.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    capabilities: Option<Box<RawValue>>,
    /// Of which server, as it was reached: see [`of`].
    #[serde(rename = "o")]
    of: String,
    /// Whether what the server lists in it is its own.
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) own_lists: bool,
    /// The last event of the server's GET stream that went on to the client.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_event: Option<String>,
}

impl KeptUpstream {
    /// What is to be kept of a session. `None` for one that nobody else could go on with.
    pub(crate) fn new(server: &Server, session: &LegacySession) -> Option<Self> {
        if !server.client().is_streamable_http() || session.is_crossed() {
            return None;
        }
        Some(Self {
            id: session.id.clone()?,
            protocol_version: session.protocol_version.clone(),
            capabilities: session.capabilities.raw.as_deref().map(ToOwned::to_owned),
            of: of(server),
            own_lists: false,
            last_event: None,
        })
    }

    /// Whether it is a session with this server, reached as now.
    pub(crate) fn is_of(&self, server: &Server) -> bool {
        server.client().is_streamable_http() && self.of == of(server)
    }

    /// The session, to go on with.
    pub(crate) fn session(&self) -> LegacySession {
        let capabilities = self.capabilities.as_deref().map(Capabilities::parse).unwrap_or_default();
        LegacySession::resumed(self.id.clone(), self.protocol_version.clone(), capabilities)
    }

    /// Its `Mcp-Session-Id`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// What a session depends on: where its server is, and what it is sent with.
fn of(server: &Server) -> String {
    let config = server.config();
    let parts = serde_json::to_vec(&(&config.url, &config.headers, &config.address)).unwrap_or_default();
    Sha256::digest(parts).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Seals what is kept.
pub(super) struct Vault {
    seal: Seal,
    is_shared: bool,
}

/// A value that belongs to one place.
#[derive(Serialize, Deserialize)]
struct Bound<T> {
    #[serde(rename = "h")]
    handle: Handle,
    #[serde(rename = "f")]
    field: String,
    #[serde(rename = "v")]
    value: T,
}

impl Vault {
    const PURPOSE: &str = "session store";

    /// See [`Seal::from_environment`].
    pub(super) fn from_environment() -> Self {
        Self { seal: Seal::from_environment(Self::PURPOSE), is_shared: Seal::has_secret() }
    }

    /// Whether others can have the key.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// `None` if it is too large.
    pub(super) fn seal<T: Serialize>(&self, handle: Handle, field: &Field, value: &T) -> Option<Raw> {
        let sealed = self.seal.seal(&Bound { handle, field: field.name(), value });
        if sealed.len() > LONGEST {
            tracing::debug!(field = field.name(), bytes = sealed.len(), "too large for the session store");
            return None;
        }
        Some(Raw(sealed))
    }

    /// `None` if it was not sealed with this key for this place.
    pub(super) fn open<T: DeserializeOwned>(&self, handle: Handle, field: &Field, raw: &Raw) -> Option<T> {
        if raw.0.len() > LONGEST {
            return None;
        }
        let bound: Bound<T> = self.seal.open(&raw.0)?;
        (bound.handle == handle && bound.field == field.name()).then_some(bound.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_opens_in_its_place_alone() {
        let vault = |seal| Vault { seal, is_shared: true };
        let strange = vault(Seal::random());
        let vault = vault(Seal::derive(Vault::PURPOSE, "a secret that is long enough for a key"));
        let (mine, other) = (Handle::random(), Handle::random());
        let field = Field::Server("a".to_owned());
        let raw = vault.seal(mine, &field, &"kept").unwrap();
        assert!(!raw.0.contains("kept"));
        assert_eq!(vault.open::<String>(mine, &field, &raw).as_deref(), Some("kept"));
        assert_eq!(vault.open::<String>(other, &field, &raw), None);
        assert_eq!(vault.open::<String>(mine, &Field::Server("b".to_owned()), &raw), None);
        assert_eq!(strange.open::<String>(mine, &field, &raw), None);
        assert_eq!(vault.seal(mine, &field, &"x".repeat(LONGEST)), None);
    }

    #[test]
    fn fields_are_found_again_by_name() {
        for field in [Field::Client, Field::Level, Field::Subscriptions, Field::Server("level".to_owned())] {
            assert_eq!(Field::parse(&field.name()), Some(field));
        }
        assert_eq!(Field::parse("later"), None);
    }
}
