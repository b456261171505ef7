//! Request ids, kept as the bytes in which they came.

use crate::json::unquote;
use std::borrow::Cow;
use std::hash::{Hash, Hasher};

/// A JSON-RPC id: a string or an integer, as raw JSON.
///
/// Two are equal when they mean the same: a server may write the id `"\u00e9"` of a request as `"é"` in its answer.
#[derive(Debug, Clone)]
pub struct Id(Box<str>);

impl Id {
    /// Takes a raw JSON value. `None` unless it is a string or an integer (MCP forbids `null`, JSON-RPC fractions).
    pub fn from_raw(raw: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(raw).ok()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let string = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
        (integer || string).then(|| Self(text.into()))
    }

    /// An id of the gateway's own.
    pub fn own(text: &str) -> Self {
        Self(crate::json::quote(text).into())
    }

    /// The id as JSON text, byte for byte as it came.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// What it says. A string that cannot be decoded says its raw text; there is one zero.
    fn meaning(&self) -> (bool, Cow<'_, str>) {
        let decoded = unquote(self.0.as_bytes());
        let raw = if &*self.0 == "-0" { "0" } else { &self.0 };
        (self.0.starts_with('"'), decoded.unwrap_or(Cow::Borrowed(raw)))
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.meaning() == other.meaning()
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.meaning().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn id(raw: &str) -> Id {
        Id::from_raw(raw.as_bytes()).unwrap()
    }

    #[test]
    fn ids_are_strings_and_integers() {
        for raw in ["null", "1.0", "1e3", "true", "-", "", "\"", "[1]"] {
            assert!(Id::from_raw(raw.as_bytes()).is_none(), "{raw}");
        }
        assert_eq!(id("-7").raw(), "-7");
    }

    #[test]
    fn ids_that_mean_the_same_are_equal() {
        assert_eq!(id(r#""\u00e9""#), id("\"é\""));
        assert_eq!(id(r#""a\/b""#), id("\"a/b\""));
        assert_ne!(id("\"5\""), id("5"));
        assert_eq!(id("-0"), id("0"));
        assert_ne!(id("9007199254740993"), id("9007199254740992"));
        assert_ne!(id(r#""\ud800""#), id(r#""\ud801""#));
        assert_eq!(id(r#""\ud800""#), id(r#""\ud800""#));
    }

    #[test]
    fn equal_ids_have_one_hash() {
        let set = std::collections::HashSet::from([id(r#""\u00e9""#)]);
        assert!(set.contains(&id("\"é\"")));
        assert_eq!(id(r#""\u00e9""#).raw(), r#""\u00e9""#);
    }
}
