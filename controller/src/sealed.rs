//! The broker's configuration, as it lies in its `Secret`: sealed, so that who may read Secrets but has not the key that is mounted into
//! the broker learns no server's credentials, and can change nothing.
//!
//! The base64 of a nonce and of an AEAD box (XChaCha20-Poly1305), which belongs to the Secret's name.

use crate::model::ObjectName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use protocol::config::Gateway;
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 24;

/// The key of the configuration in its `Secret`.
pub const CONFIG: &str = "config";

/// Why a configuration cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It was sealed with another key, for another Secret, or was altered.
    #[error("it was not sealed with this key for this Secret")]
    Sealed,
    /// It is from another version of the gateway.
    #[error("it is no configuration of this version: {0}")]
    Content(String),
}

/// Seals configurations of one gateway, and opens them.
pub struct Seal {
    cipher: XChaCha20Poly1305,
    secret: String,
}

impl Seal {
    /// `key` is the content of the key file, `secret` the Secret that the configuration lies in.
    pub fn new(key: &str, secret: &ObjectName) -> Self {
        let digest: [u8; 32] =
            Sha256::new_with_prefix("mcp-gateway broker config v1\0").chain_update(key.trim()).finalize().into();
        Self { cipher: XChaCha20Poly1305::new(&digest.into()), secret: secret.to_string() }
    }

    /// A configuration, sealed. `None` if there are no random numbers.
    pub fn seal(&self, gateway: &Gateway) -> Option<String> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).ok()?;
        let plain = serde_json::to_vec(gateway).ok()?;
        let payload = Payload { msg: &plain, aad: self.secret.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(BASE64.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What was sealed.
    pub fn open(&self, sealed: &str) -> Result<Gateway, Unreadable> {
        let bytes = BASE64.decode(sealed.trim()).map_err(|_| Unreadable::Sealed)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(Unreadable::Sealed)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Unreadable::Sealed)?;
        let payload = Payload { msg: sealed, aad: self.secret.as_bytes() };
        let plain = self.cipher.decrypt(&nonce, payload).map_err(|_| Unreadable::Sealed)?;
        serde_json::from_slice(&plain).map_err(|error| Unreadable::Content(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ObjectName {
        ObjectName { namespace: "ns".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn what_is_sealed_for_one_secret_opens_there_alone_and_with_its_key_alone() {
        let gateway = Gateway::default();
        let sealed = Seal::new("key", &name("a")).seal(&gateway).unwrap();
        assert_eq!(Seal::new("key\n", &name("a")).open(&sealed), Ok(gateway));
        assert_eq!(Seal::new("key", &name("b")).open(&sealed), Err(Unreadable::Sealed));
        assert_eq!(Seal::new("other", &name("a")).open(&sealed), Err(Unreadable::Sealed));
    }
}
