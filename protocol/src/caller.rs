//! Who calls, as far as servers tell callers apart: by headers of the client that they are sent
//! ([`crate::config::Server::forward_headers`]).

use crate::error::{Refusal, code};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Bytes of the digest that are kept: more than anybody can find two callers for.
const LENGTH: usize = 16;

/// What a request shows of its caller: its values of headers that servers are sent. Credentials, mostly: they are not printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shown(BTreeMap<String, String>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Shown {
    /// Adds a header, its name in lower case.
    ///
    /// # Errors
    /// A value beyond ASCII: those who read it as text would not agree on what it is.
    pub fn add(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii());
        let text = text.ok_or_else(|| {
            Refusal::transport(400, code::TRANSPORT, format!("Header {name} has to be ASCII: correct its value."))
        })?;
        self.0.insert(name.to_owned(), text.to_owned());
        Ok(())
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What of it one server is sent.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Self {
        let sent = self.0.iter().filter(|(name, _)| names.contains(name));
        Self(sent.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Who shows it; `None` if it is nothing. Only who has the `key` can try values out.
    pub fn principal(&self, key: &[u8]) -> Option<Principal> {
        Principal::of(key, self.iter().map(|(name, value)| (name, value.as_bytes())))
    }
}

/// One caller, without what it shows of itself: a keyed digest of that. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Principal(Arc<str>);

impl Principal {
    fn of<'a>(key: &[u8], shown: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<Self> {
        let mut shown = shown.into_iter().peekable();
        shown.peek()?;
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        for (name, value) in shown {
            for part in [name.as_bytes(), value] {
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part);
            }
        }
        let digest = mac.finalize().into_bytes();
        Some(Self(BASE64.encode(digest.get(..LENGTH)?).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn shown(headers: &[(&str, &str)]) -> Shown {
        let mut shown = Shown::default();
        headers.iter().for_each(|(name, value)| shown.add(name, value.as_bytes()).unwrap());
        shown
    }

    fn of(key: &str, headers: &[(&str, &str)]) -> Option<Principal> {
        shown(headers).principal(key.as_bytes())
    }

    #[test]
    fn only_the_same_values_of_the_same_headers_are_the_same_caller() {
        let alice = of("k", &[("x-api-key", "alice")]).unwrap();
        assert_eq!(of("k", &[("x-api-key", "alice")]), Some(alice.clone()));
        assert_eq!(of("k", &[]), None);
        for (key, shown) in [
            ("other", &[("x-api-key", "alice")][..]),
            ("k", &[("x-api-key", "bob")]),
            ("k", &[("x-tenant", "alice")]),
            ("k", &[("x-api-key", "")]),
            ("k", &[("x-api-key", "alice"), ("x-tenant", "")]),
            ("k", &[("x-api-keyalice", "")]),
        ] {
            assert_ne!(of(key, shown).unwrap(), alice, "{shown:?}");
        }
        let text = serde_json::to_string(&alice).unwrap();
        assert!(text.len() < 32 && !text.contains("alice"), "{text}");
    }

    #[test]
    fn a_server_is_sent_only_its_own_headers_and_nobody_reads_them_in_a_log() {
        let all = shown(&[("x-tenant", "t"), ("x-api-key", "secret")]);
        let own = all.only(&["x-api-key".to_owned(), "x-other".to_owned()]);
        assert_eq!(own.iter().collect::<Vec<_>>(), [("x-api-key", "secret")]);
        assert!(all.only(&[]).is_empty() && all.only(&[]).principal(b"k").is_none());
        assert_eq!(format!("{own:?}"), "{\"x-api-key\"}");
        assert_eq!(Shown::default().add("x-api-key", "é".as_bytes()).unwrap_err().status, 400);
    }
}
