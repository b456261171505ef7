//! MCP over HTTP: header names, media types, `Mcp-Name`, `Origin` and `Host`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::borrow::Cow;

/// Header names, in lower case.
pub mod header {
    /// The session of a legacy client, or of the gateway with a legacy server.
    pub const SESSION_ID: &str = "mcp-session-id";
    /// The revision in use.
    pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
    /// Modern: the method of the body.
    pub const METHOD: &str = "mcp-method";
    /// Modern: `params.name` or `params.uri` of the body.
    pub const NAME: &str = "mcp-name";
    /// Resumption of a legacy stream.
    pub const LAST_EVENT_ID: &str = "last-event-id";

    /// Headers that matter once or not at all.
    pub const SINGLE: [&str; 5] = [SESSION_ID, PROTOCOL_VERSION, METHOD, NAME, "content-type"];

    /// What internal headers begin with. A client's own are removed.
    pub const INTERNAL_PREFIX: &str = "x-mcp-";
    /// What headers begin with that steer Envoy. A client's own are removed.
    pub const STEERING_PREFIX: &str = "x-envoy-";
    /// What those begin with that mean something to the gateway's own parts.
    pub const GATEWAY_PREFIX: &str = "x-mcp-gateway-";
    /// Client to broker: the virtual server that a request is about, the one such header that is a client's to send.
    pub const VIRTUAL_SERVER: &str = "x-mcp-virtualserver";
    /// Filter to broker: the key of [`crate::config::Plugin`].
    pub const KEY: &str = "x-mcp-gateway-key";
    /// Broker to filter: this is an answer to a question of [`crate::resolve`].
    pub const RESOLVED: &str = "x-mcp-gateway-resolved";
    /// Filter to Envoy's router: [`crate::config::Route::server_header`]. Filter to broker: the name of the server that the
    /// message is for, whose prefix has been taken out of it already.
    pub const SERVER: &str = "x-mcp-gateway-server";
    /// Broker to filter: the request was for a server, and no route took it there.
    pub const UNROUTED: &str = "x-mcp-gateway-unrouted";
    /// Filter to broker: the upstream session that the named server refused, as `SERVER SESSION`.
    pub const LOST_SESSION: &str = "x-mcp-gateway-lost-session";
}

/// Paths of the gateway that clients use.
pub mod path {
    /// The MCP endpoint.
    pub const MCP: &str = "/mcp";
    /// HTTP+SSE of 2024-11-05: the stream.
    pub const SSE: &str = "/sse";
    /// HTTP+SSE of 2024-11-05: the client's messages.
    pub const SSE_MESSAGE: &str = "/sse/message";
}

/// The host that routes to servers are under, as `LABEL.mcp-gateway-internal`, with a listener's own domain behind it where it
/// has one. Only the filter may ask for such a host.
pub const INTERNAL_HOST: &str = "mcp-gateway-internal";

/// Whether a `Host` or `:authority` names, or could be taken for, a host of [`INTERNAL_HOST`].
pub fn is_internal_host(authority: &str) -> bool {
    let windows = authority.as_bytes().windows(INTERNAL_HOST.len());
    windows.into_iter().any(|window| window.eq_ignore_ascii_case(INTERNAL_HOST.as_bytes()))
}

/// What a client can read, by its `Accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepts {
    /// `application/json`.
    pub json: bool,
    /// `text/event-stream`.
    pub sse: bool,
    /// `text/event-stream` is what it names first. RFC 9110 gives the order no meaning, yet where the weights are equal it is
    /// the only hint there is, and what the common servers go by.
    pub sse_first: bool,
}

impl Accepts {
    /// Both, as MCP demands of clients.
    pub const BOTH: Accepts = Accepts { json: true, sse: true, sse_first: false };

    /// Whether the client reads both, in whatever order it names them.
    pub fn both(self) -> bool {
        self.json && self.sse
    }

    /// Reads `Accept`. Absent or empty means both, and the narrowest range counts, as RFC 9110, 12.5.1 has it.
    pub fn parse(accept: Option<&str>) -> Self {
        // What MCP's own clients send needs no reading.
        const USUAL: &str = "application/json, text/event-stream";
        /// The ranges that JSON is in, and those that events are, the narrowest first.
        const RANGES: [[&str; 3]; 2] =
            [["application/json", "application/*", "*/*"], ["text/event-stream", "text/*", "*/*"]];
        let Some(accept) = accept.filter(|a| *a != USUAL && !a.trim().is_empty()) else { return Self::BOTH };
        let first = accept.split(',').next().unwrap_or_default().trim();
        let sse_first = first.eq_ignore_ascii_case("text/event-stream");
        // Of the ranges that a type is in, the narrowest says whether it is read.
        let mut narrowest = [(usize::MAX, false); 2];
        for range in accept.split(',') {
            let mut parts = range.split(';');
            let kind = parts.next().unwrap_or_default().trim();
            let refused = parts.any(|p| {
                let p = p.trim();
                p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")).is_some_and(|q| q.trim().parse() == Ok(0.0f32))
            });
            for (ranges, narrowest) in RANGES.iter().zip(&mut narrowest) {
                match ranges.iter().position(|range| kind.eq_ignore_ascii_case(range)) {
                    Some(at) if at < narrowest.0 => *narrowest = (at, !refused),
                    Some(at) if at == narrowest.0 => narrowest.1 |= !refused,
                    _ => {}
                }
            }
        }
        let [(_, json), (_, sse)] = narrowest;
        Self { json, sse, sse_first }
    }
}

/// The media types of MCP answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `text/event-stream`.
    Sse,
}

impl Media {
    /// The media type that `Content-Type` names, if it is one of MCP's.
    pub fn parse(content_type: Option<&str>) -> Option<Self> {
        let kind = until(content_type?, b';').trim();
        if kind.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if kind.eq_ignore_ascii_case("text/event-stream") {
            Some(Self::Sse)
        } else {
            None
        }
    }
}

/// Whether JSON with this `Content-Type` is in UTF-8, the one encoding that it has (RFC 8259, 8.1): no `charset` says otherwise.
pub fn is_utf8(content_type: &str) -> bool {
    content_type.split(';').skip(1).all(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else { return true };
        let value = value.trim().trim_matches('"');
        let utf8 = ["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known));
        utf8 || !name.trim().eq_ignore_ascii_case("charset")
    })
}

/// Decodes `Mcp-Name` or `Mcp-Param-*`: as it is, or `=?base64?…?=` (2026-07-28, *Transports*, header encoding).
/// `None` if the base64 or the UTF-8 inside is broken.
pub fn decode_value(value: &str) -> Option<Cow<'_, str>> {
    let Some(encoded) = sentinel(value) else { return Some(Cow::Borrowed(value)) };
    String::from_utf8(BASE64.decode(encoded).ok()?).ok().map(Cow::Owned)
}

/// Encodes a name for `Mcp-Name`: as it is where a header can carry it and it does not look encoded, else base64.
pub fn encode_value(name: &str) -> Cow<'_, str> {
    let plain = name.bytes().all(|b| (0x20..0x7f).contains(&b))
        && name.trim_matches([' ', '\t']).len() == name.len()
        && sentinel(name).is_none();
    if plain { Cow::Borrowed(name) } else { Cow::Owned(format!("=?base64?{}?=", BASE64.encode(name))) }
}

fn sentinel(value: &str) -> Option<&str> {
    let head = value.get(..9)?;
    if !head.eq_ignore_ascii_case("=?base64?") {
        return None;
    }
    value.get(9..)?.strip_suffix("?=")
}

/// What stands before the first `stop`. For text of a few bytes, which the searchers of `str` are not made for.
pub fn until(text: &str, stop: u8) -> &str {
    text.bytes().position(|byte| byte == stop).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The host of an `Origin` or `Host` value, without scheme and port, brackets of IPv6 addresses kept.
fn host_of(authority: &str) -> &str {
    let scheme = authority.as_bytes().windows(3).position(|three| three == b"://");
    let rest = scheme.and_then(|at| authority.get(at + 3..)).unwrap_or(authority);
    let host = until(rest, b'/');
    match host.rfind(']') {
        Some(end) => host.get(..=end).unwrap_or(host),
        None => until(host, b':'),
    }
}

fn is_loopback(host: &str) -> bool {
    let v4 = host.strip_prefix("127.").is_some_and(|rest| rest.bytes().all(|b| b == b'.' || b.is_ascii_digit()));
    v4 || host.eq_ignore_ascii_case("localhost") || host == "[::1]"
}

/// Whether a browser page of this origin may use the gateway (*Transports*, *Security*: DNS rebinding).
pub fn origin_allowed(origin: &str, allowed: &[String]) -> bool {
    let web = origin.get(..7).is_some_and(|s| s.eq_ignore_ascii_case("http://"))
        || origin.get(..8).is_some_and(|s| s.eq_ignore_ascii_case("https://"));
    (web && is_loopback(host_of(origin))) || allowed.iter().any(|a| a == "*" || a.eq_ignore_ascii_case(origin))
}

/// Whether the gateway is known under the host name of this `Host` or `:authority`.
pub fn host_allowed(authority: &str, allowed: &[String]) -> bool {
    let host = host_of(authority);
    is_loopback(host) || allowed.iter().any(|a| a == "*" || a.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn accept_is_read_leniently() {
        assert_eq!(Accepts::parse(None), Accepts::BOTH);
        assert_eq!(Accepts::parse(Some("*/*")), Accepts::BOTH);
        assert_eq!(Accepts::parse(Some("application/json, text/event-stream;q=0.5")), Accepts::BOTH);
        let accepts = |json, sse, sse_first| Accepts { json, sse, sse_first };
        assert_eq!(Accepts::parse(Some("Application/JSON")), accepts(true, false, false));
        assert_eq!(Accepts::parse(Some("text/event-stream, */*;q=0")), accepts(false, true, true));
        assert_eq!(Accepts::parse(Some("Text/Event-Stream , application/json")), accepts(true, true, true));
        assert_eq!(Accepts::parse(Some("text/event-stream;q=0.5, application/json")), Accepts::BOTH);
        for (accept, json, sse) in [
            ("application/json;q=0, */*", false, true),
            ("*/*, Application/JSON; Q=0.0", false, true),
            ("*/*;q=0, application/*", true, false),
            ("text/*;q=0, */*", true, false),
            ("text/*;q=0, text/event-stream, */*;q=0", false, true),
            ("application/json;profile=a;q=0, application/json", true, false),
        ] {
            assert_eq!(Accepts::parse(Some(accept)), accepts(json, sse, false), "{accept}");
        }
        assert!(accepts(true, true, true).both() && !accepts(false, true, true).both());
        assert_eq!(Accepts::parse(Some("text/html")), accepts(false, false, false));
    }

    #[test]
    fn json_has_one_charset() {
        for (content_type, utf8) in [
            ("application/json", true),
            ("application/json;charset=UTF-8", true),
            ("application/json; Charset=\"utf8\"; x", true),
            ("application/json; version=latin1", true),
            ("application/json; charset=latin1", false),
            ("application/json; v=1; CHARSET=\"utf-16\"", false),
        ] {
            assert_eq!(is_utf8(content_type), utf8, "{content_type}");
        }
    }

    #[test]
    fn names_survive_the_header() {
        for name in ["http_x", "é", " lead", "=?base64?eA==?=", "a\nb", ""] {
            let encoded = encode_value(name);
            assert!(encoded.bytes().all(|b| (0x20..0x7f).contains(&b)), "{encoded}");
            assert_eq!(decode_value(&encoded).as_deref(), Some(name));
        }
        assert_eq!(encode_value("http_x"), "http_x");
        assert_eq!(decode_value("=?base64?!?="), None);
        assert_eq!(decode_value("=?BASE64?eA==?=").as_deref(), Some("x"));
    }

    #[test]
    fn only_known_origins_and_hosts_come_in() {
        let own = vec!["https://app.example".to_owned()];
        for (origin, ok) in [
            ("http://localhost:6274", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:80", true),
            ("https://app.example", true),
            ("https://evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://127.evil.example", false),
            ("null", false),
        ] {
            assert_eq!(origin_allowed(origin, &own), ok, "{origin}");
        }
        assert!(host_allowed("127.0.0.1:8080", &[]));
        assert!(!host_allowed("evil.example:8080", &[]));
        assert!(host_allowed("mcp.example:8080", &["MCP.example".to_owned()]));
    }

    #[test]
    fn internal_hosts_are_known_however_they_are_written() {
        for internal in [
            "s-1.mcp-gateway-internal",
            "S-1.MCP-Gateway-Internal.:80",
            "a@mcp-gateway-internal.x",
            "mcp-gateway-internal",
        ] {
            assert!(is_internal_host(internal), "{internal}");
        }
        for other in ["", "mcp-gateway", "mcp.gateway-internal.example"] {
            assert!(!is_internal_host(other), "{other}");
        }
    }
}
