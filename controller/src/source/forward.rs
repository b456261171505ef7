//! `forwardHeaders`: which headers of a client a server may be sent.

use super::fields::Field;
use super::mistake::Report;
use super::values;
use http::HeaderName;
use protocol::http::header;
use std::collections::{BTreeMap, BTreeSet};

/// Most headers of a client that one server is sent.
const MOST: usize = 16;

/// What a client shows to the gateway itself, or to a proxy before it (MCP *Authorization*: Token Handling).
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Headers of one connection (RFC 9110, 7.6.1), and those that proxies or the gateway write themselves.
const OF_PROXIES: [&str; 16] = [
    "connection",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    header::LAST_EVENT_ID,
    "origin",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-request-id",
];

const PREFIXES_OF_PROXIES: [&str; 6] =
    ["accept", "content-", "mcp-", header::INTERNAL_PREFIX, header::STEERING_PREFIX, "x-forwarded-"];

/// Headers that are other ones in every request, and reach servers in any case.
const TRACES: [&str; 3] = ["baggage", "traceparent", "tracestate"];

/// The names of a server without a prefix are known by its lists, which are each caller's own here.
pub(crate) const NEEDS_PREFIX: &str = "needs a prefix: what this server lists depends on the caller, so names alone cannot lead to it; add one, as in acme_";

/// Its lists are each caller's own.
pub(crate) const NOT_SHARED: &str =
    "is shared, but lists of a server with forwardHeaders depend on the caller: take it away";

/// Reads `forwardHeaders`. `headers` are those that the gateway itself sends the server, `unsafe_passthrough` lets credentials for the
/// gateway through.
pub(super) fn read(
    field: &Field<'_>,
    headers: Option<&BTreeMap<String, String>>,
    unsafe_passthrough: bool,
    report: &mut Report,
) -> Option<Vec<String>> {
    let items = field.items(report);
    if items.len() > MOST {
        field.mistake(report, format!("names {} headers: {MOST} are the most that a server can be sent", items.len()));
        return None;
    }
    let mut names = BTreeSet::new();
    for item in &items {
        let Some(text) = item.text(report) else { continue };
        let name = name(text, unsafe_passthrough).and_then(|name| {
            if headers.is_some_and(|headers| headers.contains_key(&name)) {
                return Err(format!("is `{text}`, which `headers` sets too: keep it in one of the two"));
            }
            Ok(name)
        });
        match name {
            Ok(name) if names.contains(&name) => item.mistake(report, format!("is `{text}` a second time: keep one")),
            Ok(name) => _ = names.insert(name),
            Err(message) => item.mistake(report, message),
        }
    }
    (names.len() == items.len()).then(|| names.into_iter().collect())
}

/// A header of a client that a server may be sent, in lower case. The error says what is wrong and what to do.
pub(crate) fn name(text: &str, unsafe_passthrough: bool) -> Result<String, String> {
    let name: HeaderName = values::any_header_name(text).map_err(|error| format!("is `{text}`, which {error}"))?;
    let name = name.as_str();
    if CREDENTIALS.contains(&name) && !unsafe_passthrough {
        return Err(format!(
            "is `{text}`, whose value is meant for the gateway and for no server behind it: give callers a header of \
             its own for this server, as in X-Api-Key, or set `unsafePassthrough: true` if the server has to see it"
        ));
    }
    if OF_PROXIES.contains(&name) || PREFIXES_OF_PROXIES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(format!("is `{text}`, which the gateway and proxies set themselves: take it away"));
    }
    if TRACES.contains(&name) {
        return Err(format!("is `{text}`, which every server is sent in any case: take it away"));
    }
    Ok(name.to_owned())
}
