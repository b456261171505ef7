//! The URL of a Redis, and what belongs to it.

use percent_encoding::percent_decode_str;
use url::Url;

const EXAMPLE: &str = "write it as in redis://redis.example:6379/0, or rediss:// for TLS";
/// Where a Redis listens if nothing else is said.
const PORT: u16 = 6379;
/// Bytes of the longest prefix of keys.
const PREFIX_BYTES: usize = 128;

/// A URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `redis` or `rediss`, host, port and database. It can be shown.
    pub(crate) url: String,
    /// Whether TLS is spoken.
    pub(crate) tls: bool,
    /// The user.
    pub(crate) username: Option<String>,
    /// The password.
    pub(crate) password: Option<String>,
}

impl Address {
    /// Reads a URL. The error says what is wrong, and shows no part that may be secret.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text.trim()).map_err(|error| format!("is no URL ({error}): {EXAMPLE}"))?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            other => return Err(format!("has the scheme `{other}`: {EXAMPLE}")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| format!("has no host: {EXAMPLE}"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("has something behind the database (`?` or `#`): {EXAMPLE}"));
        }
        if url.port() == Some(0) {
            return Err(format!("has port 0: {EXAMPLE}"));
        }
        let database = match url.path().trim_start_matches('/') {
            "" => 0,
            number => number.parse::<u32>().map_err(|_| format!("names a database that is no number: {EXAMPLE}"))?,
        };
        let shown = format!("{}://{host}:{}/{database}", url.scheme(), url.port().unwrap_or(PORT));
        let username = decoded(url.username())?;
        let password = url.password().map(decoded).transpose()?.flatten();
        Ok(Self { url: shown, tls, username, password })
    }
}

/// A part of a URL as it was before it was encoded; `None` if it is empty.
fn decoded(part: &str) -> Result<Option<String>, String> {
    let decoded = percent_decode_str(part).decode_utf8();
    let decoded = decoded.map_err(|_| "holds a user or password that is not UTF-8: write it elsewhere".to_owned())?;
    Ok((!decoded.is_empty()).then(|| decoded.into_owned()))
}

/// What keys are to begin with.
pub(super) fn key_prefix(text: &str) -> Result<String, String> {
    let legal = !text.is_empty() && text.len() <= PREFIX_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    if legal && !text.contains(['*', '?', '[', ']', '{', '}', '\\']) {
        return Ok(text.to_owned());
    }
    Err(format!("is `{text}`: write 1 to {PREFIX_BYTES} letters, digits and signs such as : and -, as in mcp-gateway:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_of_what_is_shown() {
        let read = |text| Address::parse(text).unwrap();
        let plain = read("redis://cache");
        assert_eq!(
            (plain.url.as_str(), plain.tls, plain.username, plain.password),
            ("redis://cache:6379/0", false, None, None)
        );
        let full = read("rediss://me:p%40ss%3Aword@cache.example:6380/3");
        assert_eq!((full.url.as_str(), full.tls), ("rediss://cache.example:6380/3", true));
        assert_eq!((full.username.as_deref(), full.password.as_deref()), (Some("me"), Some("p@ss:word")));
        assert_eq!(read("redis://:secret@[::1]:1").url, "redis://[::1]:1/0");
    }

    #[test]
    fn what_is_no_address_of_a_redis_is_refused_without_telling_the_password() {
        for (text, told) in [
            ("cache:6379", "scheme `cache`"),
            ("http://:secret@cache", "scheme `http`"),
            ("redis://:secret@", "no URL"),
            ("redis:///0", "no host"),
            ("redis://:secret@cache/zero", "no number"),
            ("redis://:secret@cache?timeout=1", "behind the database"),
            ("redis://cache:0", "port 0"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(told) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn prefixes_hold_no_pattern() {
        assert!(key_prefix("tenant-a:").is_ok());
        for text in ["", "a b", "a*", "{a}", "é"] {
            assert!(key_prefix(text).is_err(), "{text}");
        }
    }
}
