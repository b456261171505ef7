//! What the headers alone decide.

use crate::config::Access;
use crate::era::{Era, Revision, SUPPORTED_MODERN};
use crate::error::{Refusal, code};
use crate::http::{Accepts, Media, host_allowed, is_utf8, origin_allowed};

/// The headers of a request to the endpoint, as far as they matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    /// `:method`.
    pub method: &'a str,
    /// `:authority` or `Host`.
    pub authority: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// `Accept`.
    pub accept: Option<&'a str>,
    /// `MCP-Protocol-Version`.
    pub protocol_version: Option<&'a str>,
    /// `Mcp-Session-Id`.
    pub session: Option<&'a str>,
    /// `Mcp-Method`.
    pub mcp_method: Option<&'a str>,
    /// `Mcp-Name`.
    pub mcp_name: Option<&'a str>,
}

/// The methods of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// One message of the client, or a batch.
    Post,
    /// The legacy stream of the server's messages.
    Get,
    /// The end of a legacy session.
    Delete,
}

/// A request that may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Its method.
    pub verb: Verb,
    /// Its era, as its headers have it. The body has to agree ([`super::verify`]).
    pub era: Era,
    /// What the client can read.
    pub accepts: Accepts,
}

/// Checks where a request comes from, by `Host` and `Origin`.
pub fn admit_source(head: &Head<'_>, access: &Access) -> Result<(), Refusal> {
    if !head.authority.is_some_and(|host| host_allowed(host, &access.allowed_hosts)) {
        return Err(Refusal::transport(
            403,
            code::TRANSPORT,
            "The gateway does not go by this host name: add it to allowedHosts if it should.",
        ));
    }
    if head.origin.is_some_and(|origin| !origin_allowed(origin, &access.allowed_origins)) {
        return Err(Refusal::transport(
            403,
            code::TRANSPORT,
            "Pages of this Origin may not use the gateway: add it to allowedOrigins if they should.",
        ));
    }
    Ok(())
}

/// Checks the headers of a request.
pub fn admit(head: &Head<'_>, access: &Access) -> Result<Admitted, Refusal> {
    admit_source(head, access)?;
    let era = match head.protocol_version {
        None => Era::Legacy,
        Some(version) if Revision::parse(version).is_some() => Era::Legacy,
        Some(_) => Era::Modern,
    };
    let verb = verb(head.method, era)?;
    let accepts = Accepts::parse(head.accept);
    let readable = match verb {
        Verb::Post => accepts.json || accepts.sse,
        Verb::Get => accepts.sse,
        Verb::Delete => true,
    };
    if !readable {
        let message = "Accept has to name application/json and text/event-stream (GET: text/event-stream).";
        return Err(Refusal::transport(406, code::TRANSPORT, message));
    }
    if verb == Verb::Post {
        check_content(head)?;
    }
    if era == Era::Legacy && verb != Verb::Post && head.session.is_none() {
        return Err(Refusal::transport(400, code::TRANSPORT, "Header Mcp-Session-Id is missing."));
    }
    Ok(Admitted { verb, era, accepts })
}

fn verb(method: &str, era: Era) -> Result<Verb, Refusal> {
    match (method, era) {
        ("POST", _) => Ok(Verb::Post),
        ("GET", Era::Legacy) => Ok(Verb::Get),
        ("DELETE", Era::Legacy) => Ok(Verb::Delete),
        (_, era) => {
            let (allow, message) = match era {
                Era::Legacy => ("GET, POST, DELETE", "The MCP endpoint takes POST, GET and DELETE."),
                Era::Modern => ("POST", "From 2026-07-28 on the MCP endpoint takes POST only."),
            };
            Err(Refusal::transport(405, code::TRANSPORT, message).with_allow(allow))
        }
    }
}

fn check_content(head: &Head<'_>) -> Result<(), Refusal> {
    if Media::parse(head.content_type) != Some(Media::Json) {
        return Err(Refusal::transport(415, code::TRANSPORT, "Content-Type has to be application/json."));
    }
    if !head.content_type.is_none_or(is_utf8) {
        let message = "JSON has to be in UTF-8: send it so, and Content-Type without another charset.";
        return Err(Refusal::transport(415, code::TRANSPORT, message));
    }
    let plain = |encoding: &str| encoding.trim().is_empty() || encoding.trim().eq_ignore_ascii_case("identity");
    if head.content_encoding.is_some_and(|encodings| !encodings.split(',').all(plain)) {
        return Err(Refusal::transport(
            415,
            code::TRANSPORT,
            "The gateway does not read compressed bodies: send the request without Content-Encoding.",
        ));
    }
    Ok(())
}

/// Checks that the gateway speaks the version that `MCP-Protocol-Version` names. It is not [`admit`] that does, since this
/// error answers a request: its id is in the body.
pub fn check_version(protocol_version: Option<&str>) -> Result<(), Refusal> {
    let Some(version) = protocol_version.filter(|version| Revision::parse(version).is_none()) else { return Ok(()) };
    if SUPPORTED_MODERN.contains(&version) {
        return Ok(());
    }
    let supported: Vec<_> = SUPPORTED_MODERN.iter().map(|v| crate::json::quote(v)).collect();
    let data = format!("{{\"supported\":[{}],\"requested\":{}}}", supported.join(","), crate::json::quote(version));
    Err(Refusal::transport(400, code::UNSUPPORTED_VERSION, "Unsupported protocol version.").with_data(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn head<'a>() -> Head<'a> {
        Head {
            method: "POST",
            authority: Some("127.0.0.1:8080"),
            content_type: Some("application/json; charset=utf-8"),
            ..Head::default()
        }
    }

    fn status(head: &Head<'_>) -> u16 {
        admit(head, &Access::default()).map_or_else(|r| r.status, |_| 200)
    }

    #[test]
    fn lets_in_what_the_specification_allows() {
        let admitted = admit(&head(), &Access::default()).unwrap();
        assert_eq!(admitted, Admitted { verb: Verb::Post, era: Era::Legacy, accepts: Accepts::BOTH });
        let modern = Head { protocol_version: Some("2026-07-28"), ..head() };
        assert_eq!(admit(&modern, &Access::default()).unwrap().era, Era::Modern);
        let legacy = Head { protocol_version: Some("2025-06-18"), ..head() };
        assert_eq!(admit(&legacy, &Access::default()).unwrap().era, Era::Legacy);
        assert_eq!(status(&Head { method: "GET", session: Some("s"), ..head() }), 200);
        assert_eq!(status(&Head { content_encoding: Some("identity"), ..head() }), 200);
    }

    #[test]
    fn keeps_out_the_rest() {
        let modern = Head { protocol_version: Some("2026-07-28"), ..head() };
        for (expected, head) in [
            (403, Head { authority: Some("evil.example"), ..head() }),
            (403, Head { authority: None, ..head() }),
            (403, Head { origin: Some("https://evil.example"), ..head() }),
            (405, Head { method: "PUT", ..head() }),
            (405, Head { method: "GET", ..modern }),
            (405, Head { method: "DELETE", ..modern }),
            (406, Head { accept: Some("text/html"), ..head() }),
            (406, Head { method: "GET", session: Some("s"), accept: Some("application/json"), ..head() }),
            (415, Head { content_type: Some("text/plain"), ..head() }),
            (415, Head { content_type: None, ..head() }),
            (415, Head { content_type: Some("application/json; charset=latin1"), ..head() }),
            (415, Head { content_encoding: Some("gzip"), ..head() }),
            (400, Head { method: "GET", ..head() }),
            (400, Head { method: "DELETE", ..head() }),
        ] {
            assert_eq!(status(&head), expected, "{head:?}");
        }
        let refusal = admit(&Head { method: "GET", ..modern }, &Access::default()).unwrap_err();
        assert_eq!(refusal.allow.as_deref(), Some("POST"));
    }

    #[test]
    fn names_the_versions_that_it_speaks() {
        for known in [None, Some("2025-03-26"), Some("2026-07-28")] {
            assert_eq!(check_version(known), Ok(()));
        }
        let refusal = check_version(Some("2099-01-01")).unwrap_err();
        assert_eq!((refusal.status, refusal.code), (400, code::UNSUPPORTED_VERSION));
        assert_eq!(refusal.data.as_deref(), Some(r#"{"supported":["2026-07-28"],"requested":"2099-01-01"}"#));
    }
}
