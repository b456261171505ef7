//! Session ids that carry what `initialize` settled, sealed.
//!
//! An id is a sealed box ([`Seal`]) around [`Claims`]: visible ASCII, at most [`MAX_LEN`] bytes. Whoever holds the key can
//! honour an id that it never saw, so that a restarted broker that is given the same secret goes on with its clients'
//! sessions.

use crate::seal::{Seal, random};
use protocol::caller::Principal;
use protocol::era::Revision;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::net::SocketAddr;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of the longest id: Node's HTTP servers take 16 KiB of headers in all.
pub const MAX_LEN: usize = 1024;

/// How long an id is honoured that no session in memory stands behind.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// What tells one session from another inside the broker: random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Handle(u128);

impl Handle {
    /// A new one.
    pub fn random() -> Self {
        Self(u128::from_ne_bytes(random()))
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Handle {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// What an id says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Which session.
    #[serde(rename = "h")]
    pub handle: Handle,
    /// The revision that was negotiated.
    #[serde(rename = "r")]
    pub revision: Revision,
    /// When it was made, in seconds since 1970.
    #[serde(rename = "t")]
    pub issued: u64,
    /// Until when it is honoured without a session in memory, in seconds since 1970.
    #[serde(rename = "e")]
    pub expires: u64,
    /// The internal port of the replica that made it, if others can reach that.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub home: Option<SocketAddr>,
    /// Whose it is, if it showed something of itself.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// What the client said of itself; `None` if that is too long for an id, so that only memory has it.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientSaid>,
}

/// What a client says of itself in `initialize`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientSaid {
    /// `params.capabilities`.
    #[serde(rename = "c")]
    pub capabilities: Box<RawValue>,
    /// `params.clientInfo`.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Box<RawValue>>,
}

/// What ids are sealed with.
pub struct Key(Seal);

impl Key {
    const PURPOSE: &str = "session id";

    /// See [`Seal::from_environment`].
    pub fn from_environment() -> Self {
        Self(Seal::from_environment(Self::PURPOSE))
    }

    /// A key that nobody else has.
    pub fn random() -> Self {
        Self(Seal::random())
    }

    /// The key of a secret.
    pub fn derive(secret: &str) -> Self {
        Self(Seal::derive(Self::PURPOSE, secret))
    }

    /// The id of a session. What the client said is left out of it if it would be longer than [`MAX_LEN`].
    pub fn seal(&self, claims: &mut Claims) -> String {
        let id = self.0.seal(claims);
        if id.len() <= MAX_LEN {
            return id;
        }
        claims.client = None;
        self.0.seal(claims)
    }

    /// What an id says; `None` if it was not sealed with this key, or was altered.
    pub fn open(&self, id: &str) -> Option<Claims> {
        if id.len() > MAX_LEN {
            return None;
        }
        self.0.open(id)
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(capabilities: &str) -> Claims {
        Claims {
            handle: Handle(7),
            revision: Revision::V2025_06_18,
            issued: 1,
            expires: 2,
            home: None,
            principal: None,
            client: Some(ClientSaid {
                capabilities: RawValue::from_string(capabilities.to_owned()).unwrap(),
                info: Some(RawValue::from_string(r#"{"name":"é"}"#.to_owned()).unwrap()),
            }),
        }
    }

    #[test]
    fn an_id_says_what_was_sealed_and_needs_no_escape_in_a_header() {
        let key = Key::random();
        let id = key.seal(&mut claims(r#"{"roots":{}}"#));
        assert!(id.len() <= MAX_LEN && id.bytes().all(|b| b.is_ascii_graphic()), "{id}");
        let opened = key.open(&id).unwrap();
        assert_eq!((opened.handle, opened.revision), (Handle(7), Revision::V2025_06_18));
        let client = opened.client.unwrap();
        assert_eq!(client.capabilities.get(), r#"{"roots":{}}"#);
        assert_eq!(client.info.unwrap().get(), r#"{"name":"é"}"#);
    }

    #[test]
    fn large_capabilities_stay_out_of_the_id() {
        let key = Key::random();
        let mut long = claims(&format!(r#"{{"experimental":{{"x":"{}"}}}}"#, "y".repeat(2000)));
        let id = key.seal(&mut long);
        assert!(id.len() <= MAX_LEN);
        assert!(key.open(&id).unwrap().client.is_none());
    }

    #[test]
    fn altered_and_foreign_ids_are_not_opened() {
        let key = Key::derive("0123456789abcdef0123456789abcdef");
        let id = key.seal(&mut claims("{}"));
        assert!(Key::derive("0123456789abcdef0123456789abcdef").open(&id).is_some());
        assert!(Key::random().open(&id).is_none());
        let mut altered = id.clone().into_bytes();
        altered[40] ^= 1;
        assert!(key.open(&String::from_utf8(altered).unwrap()).is_none());
        for junk in ["", "x", "é", &id[..id.len() - 4], &"A".repeat(5000)] {
            assert!(key.open(junk).is_none(), "{junk}");
        }
    }

    #[test]
    fn two_seals_of_the_same_differ() {
        let key = Key::random();
        assert_ne!(key.seal(&mut claims("{}")), key.seal(&mut claims("{}")));
    }
}
