//! Who answered: `_meta["io.modelcontextprotocol/serverInfo"]` of results (2026-07-28, *Overview*, `_meta`).

use crate::json::Object;

/// The key in `_meta` of a result.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// `_meta` of a `result` with `info` (raw JSON) in it, where the result does not say itself who answered. `None` if it stays as it is.
pub(super) fn meta(result: &Object<'_>, info: Option<&str>) -> Option<String> {
    match (result.get("_meta").map(Object::read), info?) {
        (Some(Some(meta)), info) if meta.get(SERVER_INFO).is_none() => Some(meta.with(SERVER_INFO, info)),
        (None, info) => Some(format!("{{\"{SERVER_INFO}\":{info}}}")),
        _ => None,
    }
}
