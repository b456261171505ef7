//! What browsers are told, so that pages of other origins can use the gateway and not only ask it (Fetch Standard, 3.3, *CORS protocol*).
//!
//! All of it is for pages that may use the gateway ([`crate::http::origin_allowed`]); others are refused whatever their browser does.

/// Headers of a preflight: which method the page is about to use, and which headers of its own.
pub const REQUEST_METHOD: &str = "access-control-request-method";
/// See [`REQUEST_METHOD`].
pub const REQUEST_HEADERS: &str = "access-control-request-headers";

/// What the headers begin with that tell browsers of pages. A server's own are not passed on: who may use the gateway is not its to say.
pub const PREFIX: &str = "access-control-";

/// Headers of an answer that a page may read, beside those that every page may.
const EXPOSED: &str = "mcp-session-id, www-authenticate, retry-after";
/// Seconds for which a browser need not ask again. None keeps it for longer.
const MAX_AGE: &str = "7200";

/// Headers that every answer to a page of `origin` has. They take the place of what a server says of its own pages.
pub fn answer(origin: &str) -> [(&'static str, &str); 3] {
    [
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", EXPOSED),
        // A cache must not give one page what another one was told.
        ("vary", "origin"),
    ]
}

/// Headers of the answer to a preflight that asks for headers of the page's own, whatever they are: what they mean is checked when they
/// come. [`answer`] has the rest.
pub fn preflight(asked: Option<&str>) -> [(&'static str, &str); 3] {
    [
        ("access-control-allow-methods", "GET, POST, DELETE"),
        ("access-control-allow-headers", asked.unwrap_or_default()),
        ("access-control-max-age", MAX_AGE),
    ]
}
