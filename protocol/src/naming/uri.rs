//! Resource URIs of prefixed servers.
//!
//! A *key* is made from the prefix. `ui:` and `skill:` URIs carry it on their host (`ui://KEY.host/…`), since MCP Apps hosts
//! look at the scheme; any other URI and template carries it on its scheme (`KEY+file:///a`).

use std::ops::Range;
use std::sync::Arc;

/// Schemes that keep their name; the key goes in front of the host.
const HOST_SCHEMES: [&str; 2] = ["ui://", "skill://"];

/// The key of a prefix: what marks the URIs of one server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UriKey(Arc<str>);

/// What to put into a URI, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Insertion {
    /// Offset in bytes of the decoded URI.
    pub at: usize,
    /// The text to put there. ASCII that needs no escape in JSON.
    pub text: String,
}

impl UriKey {
    /// The key of `prefix`: lower case, without trailing `_`, `-` and `.`, with inner `_` as `.`, anything else outside
    /// `[a-z0-9.-]` as `-`, and with an `x` in front where it would not begin with a letter. `None` for no prefix.
    pub fn of(prefix: &str) -> Option<Self> {
        if prefix.is_empty() {
            return None;
        }
        let lower = prefix.to_ascii_lowercase();
        let trimmed = lower.trim_end_matches(['_', '-', '.']);
        let mut key: String = trimmed
            .chars()
            .map(|c| match c {
                '_' => '.',
                'a'..='z' | '0'..='9' | '.' | '-' => c,
                _ => '-',
            })
            .collect();
        if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
            key.insert(0, 'x');
        }
        Some(Self(key.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How a server's own URI or template becomes the client's.
    pub fn insertion(&self, uri: &str) -> Insertion {
        match host_at(uri) {
            Some(at) => Insertion { at, text: format!("{}.", self.0) },
            None => Insertion { at: 0, text: format!("{}+", self.0) },
        }
    }

    /// A server's own URI or template as the client sees it.
    pub fn encode(&self, uri: &str) -> String {
        let Insertion { at, text } = self.insertion(uri);
        let mut out = uri.to_owned();
        out.insert_str(at, &text);
        out
    }

    /// The bytes that this key added to the client's `uri`; `None` if the URI is not of this server.
    pub fn added(&self, uri: &str) -> Option<Range<usize>> {
        Self::carried(uri).find(|added| {
            uri.get(added.start..added.end.saturating_sub(1)).is_some_and(|key| key.eq_ignore_ascii_case(&self.0))
        })
    }

    /// The bytes that any key can have added to the client's `uri`, with the mark behind it; the longest first.
    pub(super) fn carried(uri: &str) -> impl Iterator<Item = Range<usize>> {
        let (start, mark) = host_at(uri).map_or((0, b'+'), |at| (at, b'.'));
        let tail = uri.as_bytes().get(start..).unwrap_or_default();
        // No key holds a `+`, while a host has dots of its own.
        let end = match mark {
            b'+' => memchr::memchr(b'+', tail).map_or(0, |at| at + 1),
            _ => memchr::memchr3(b'/', b'?', b'#', tail).unwrap_or(tail.len()),
        };
        let marks = memchr::memrchr_iter(mark, tail.get(..end).unwrap_or_default());
        marks.map(move |at| start..start + at + 1)
    }

    /// The server's own form of the client's `uri`; `None` if the URI is not of this server.
    pub fn decode(&self, uri: &str) -> Option<String> {
        let added = self.added(uri)?;
        let mut out = uri.to_owned();
        out.replace_range(added, "");
        Some(out)
    }
}

/// Where the host begins, for the schemes that carry the key there.
fn host_at(uri: &str) -> Option<usize> {
    HOST_SCHEMES.iter().find(|s| uri.get(..s.len()).is_some_and(|head| head.eq_ignore_ascii_case(s))).map(|s| s.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn key(prefix: &str) -> UriKey {
        UriKey::of(prefix).unwrap()
    }

    #[test]
    fn keys_are_legal_scheme_parts() {
        for (prefix, k) in
            [("http_", "http"), ("My_Server__", "my.server"), ("9x-", "x9x"), ("a/b", "a-b"), ("_", "x"), ("é_", "x-")]
        {
            assert_eq!(key(prefix).as_str(), k);
        }
        assert_eq!(UriKey::of(""), None);
    }

    #[test]
    fn uris_and_templates_come_back() {
        for (uri, seen) in [
            ("file:///a", "http+file:///a"),
            ("ui://clock/app.html", "ui://http.clock/app.html"),
            ("UI://Clock", "UI://http.Clock"),
            ("{+uri}", "http+{+uri}"),
            ("ui://{host}/x", "ui://http.{host}/x"),
            ("", "http+"),
        ] {
            assert_eq!(key("http_").encode(uri), seen);
            assert_eq!(key("http_").decode(seen).as_deref(), Some(uri));
        }
        assert_eq!(key("http_").decode("HTTP+file:///a").as_deref(), Some("file:///a"));
        for other in ["http://a", "file:///a", "ui://httpx.clock", "ui://clock", "htt", "ui://"] {
            assert_eq!(key("http_").decode(other), None, "{other}");
        }
    }
}
