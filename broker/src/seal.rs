//! What clients keep for the gateway: they can neither read nor change it.
//!
//! The base64url of a nonce and of an AEAD box (XChaCha20-Poly1305) around JSON: visible ASCII.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::sync::Once;

const NONCE_LEN: usize = 24;

/// What seals boxes of one purpose, and opens them.
pub(crate) struct Seal(XChaCha20Poly1305);

impl Seal {
    /// The environment variable with the secret to derive the keys from: at least [`Self::MIN_SECRET`] bytes. Without it the
    /// keys are random, and nothing that is sealed outlives the process.
    pub(crate) const ENV: &str = "MCP_GATEWAY_SESSION_KEY";

    /// Bytes of the shortest secret that is taken.
    pub(crate) const MIN_SECRET: usize = 32;

    /// The seal of the secret in [`Self::ENV`], or a random one. Those of different purposes do not open one another's boxes.
    pub(crate) fn from_environment(purpose: &str) -> Self {
        Self(XChaCha20Poly1305::new(&Self::key_from_environment(purpose).into()))
    }

    /// The key of a purpose by the secret in [`Self::ENV`], or a random one.
    pub(crate) fn key_from_environment(purpose: &str) -> [u8; 32] {
        match std::env::var(Self::ENV) {
            Ok(secret) if secret.len() >= Self::MIN_SECRET => derive(purpose, &secret),
            Ok(secret) => {
                static TOLD: Once = Once::new();
                TOLD.call_once(|| {
                    tracing::error!(
                        "{} has {} bytes, at least {} are needed: it is ignored and sessions end with this process",
                        Self::ENV,
                        secret.len(),
                        Self::MIN_SECRET
                    );
                });
                random()
            }
            Err(_) => random(),
        }
    }

    /// Whether [`Self::from_environment`] finds a secret.
    pub(crate) fn has_secret() -> bool {
        std::env::var(Self::ENV).is_ok_and(|secret| secret.len() >= Self::MIN_SECRET)
    }

    /// A seal that nobody else has.
    pub(crate) fn random() -> Self {
        Self(XChaCha20Poly1305::new(&random::<32>().into()))
    }

    /// The seal of a secret.
    pub(crate) fn derive(purpose: &str, secret: &str) -> Self {
        Self(XChaCha20Poly1305::new(&derive(purpose, secret).into()))
    }

    /// A box around `value`.
    pub(crate) fn seal(&self, value: &impl Serialize) -> String {
        let nonce = random::<NONCE_LEN>();
        let plain = serde_json::to_vec(value).unwrap_or_default();
        let sealed = self.0.encrypt(&XNonce::from(nonce), plain.as_slice()).unwrap_or_default();
        BASE64.encode([nonce.as_slice(), &sealed].concat())
    }

    /// What is in a box; `None` if it was not sealed so, or was altered.
    pub(crate) fn open<T: DeserializeOwned>(&self, sealed: &str) -> Option<T> {
        let bytes = BASE64.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let plain = self.0.decrypt(&XNonce::try_from(nonce).ok()?, sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

fn derive(purpose: &str, secret: &str) -> [u8; 32] {
    let prefix = format!("mcp-gateway {purpose} v1\0");
    Sha256::new_with_prefix(prefix).chain_update(secret).finalize().into()
}

/// Random bytes of the operating system. Without them no session can be kept apart from another, so that ends the process;
/// Linux has them from the first moment on.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_of_one_purpose_is_no_box_of_another() {
        let secret = "0123456789abcdef0123456789abcdef";
        let sealed = Seal::derive("a", secret).seal(&7);
        assert_eq!(Seal::derive("a", secret).open::<u8>(&sealed), Some(7));
        assert_eq!(Seal::derive("b", secret).open::<u8>(&sealed), None);
        assert_eq!(Seal::derive("a", secret).open::<u8>(&format!("{sealed}AAAA")), None);
    }
}
