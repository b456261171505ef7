//! Session ids that carry what `initialize` settled, sealed.
//!
//! An id is the base64url of a nonce and of an AEAD box (XChaCha20-Poly1305) around [`Claims`]: visible ASCII, at most
//! [`MAX_LEN`] bytes. Whoever holds the key can honour an id that it never saw, so that a restarted broker that is given the
//! same key ([`Key::ENV`]) goes on with its clients' sessions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use protocol::era::Revision;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of the longest id: Node's HTTP servers take 16 KiB of headers in all.
pub const MAX_LEN: usize = 1024;

const NONCE_LEN: usize = 24;

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

/// What an id says.
#[derive(Debug, Serialize, Deserialize)]
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
pub struct Key(XChaCha20Poly1305);

impl Key {
    /// The environment variable with the secret to derive the key from: at least [`Self::MIN_SECRET`] bytes. Without it the
    /// key is random, and ids do not outlive the process.
    pub const ENV: &str = "MCP_GATEWAY_SESSION_KEY";

    /// Bytes of the shortest secret that is taken.
    pub const MIN_SECRET: usize = 32;

    /// The key from [`Self::ENV`], or a random one.
    pub fn from_environment() -> Self {
        match std::env::var(Self::ENV) {
            Ok(secret) if secret.len() >= Self::MIN_SECRET => Self::derive(&secret),
            Ok(secret) => {
                tracing::error!(
                    "{} has {} bytes, at least {} are needed: it is ignored and sessions end with this process",
                    Self::ENV,
                    secret.len(),
                    Self::MIN_SECRET
                );
                Self::random()
            }
            Err(_) => Self::random(),
        }
    }

    /// A key that nobody else has.
    pub fn random() -> Self {
        Self(XChaCha20Poly1305::new(&random::<32>().into()))
    }

    /// The key of a secret.
    pub fn derive(secret: &str) -> Self {
        let digest: [u8; 32] =
            Sha256::new_with_prefix(b"mcp-gateway session id v1\0").chain_update(secret).finalize().into();
        Self(XChaCha20Poly1305::new(&digest.into()))
    }

    /// The id of a session. What the client said is left out of it if it would be longer than [`MAX_LEN`].
    pub fn seal(&self, claims: &mut Claims) -> String {
        let id = self.seal_as_it_is(claims);
        if id.len() <= MAX_LEN {
            return id;
        }
        claims.client = None;
        self.seal_as_it_is(claims)
    }

    fn seal_as_it_is(&self, claims: &Claims) -> String {
        let nonce = random::<NONCE_LEN>();
        let plain = serde_json::to_vec(claims).unwrap_or_default();
        let sealed = self.0.encrypt(&XNonce::from(nonce), plain.as_slice()).unwrap_or_default();
        BASE64.encode([nonce.as_slice(), &sealed].concat())
    }

    /// What an id says; `None` if it was not sealed with this key, or was altered.
    pub fn open(&self, id: &str) -> Option<Claims> {
        if id.len() > MAX_LEN {
            return None;
        }
        let bytes = BASE64.decode(id).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let plain = self.0.decrypt(&XNonce::try_from(nonce).ok()?, sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// Random bytes of the operating system. Without them no session can be kept apart from another, so that ends the process;
/// Linux has them from the first moment on.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
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
