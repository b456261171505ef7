//! Results.

use crate::era::server_info;
use crate::json::{Change, Object};

/// A legacy result (raw JSON) of `method`, as a modern one. `server_info` is the server's `serverInfo`, raw JSON.
///
/// A legacy server says nothing of how long a result holds or for whom, so what has to say it is for this caller, now.
pub fn result(method: &str, result: &str, server_info: Option<&str>) -> String {
    let Some(object) = Object::read(result) else { return result.to_owned() };
    let cacheable = method == "resources/read";
    let meta = server_info::meta(&object, server_info);
    let known = [
        Some(("resultType", "\"complete\"")),
        cacheable.then_some(("ttlMs", "0")),
        cacheable.then_some(("cacheScope", "\"private\"")),
        meta.as_deref().map(|meta| ("_meta", meta)),
    ];
    let known: Vec<_> = known.into_iter().flatten().collect();
    let added: Vec<_> = known.iter().copied().filter(|(name, _)| object.get(name).is_none()).collect();
    let value = |name: &str| known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    object.edit(|name, _| value(name).map_or(Change::Keep, Change::Value), &added)
}

/// Whether a result (raw JSON) is a tool's failure.
pub fn is_failure(result: &str) -> bool {
    Object::read(result).is_some_and(|result| result.get("isError") == Some("true"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_the_modern_era_demands_is_added() {
        let legacy = r#"{ "content":[{"type":"text","text":"\u00e9"}],"x":1e400}"#;
        let modern = r#"{ "content":[{"type":"text","text":"\u00e9"}],"x":1e400,"resultType":"complete"}"#;
        assert_eq!(result("tools/call", legacy, None), modern);
        assert_eq!(
            result("resources/read", r#"{"contents":[],"_meta":{"a":1.0}}"#, Some(r#"{"name":"s"}"#)),
            r#"{"contents":[],"_meta":{"a":1.0,"io.modelcontextprotocol/serverInfo":{"name":"s"}},"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#
        );
        assert_eq!(
            result("prompts/get", "{}", Some("{}")),
            r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#
        );
    }

    #[test]
    fn a_legacy_result_is_never_taken_for_a_question() {
        let odd = r#"{"resultType":"input_required","content":[]}"#;
        assert_eq!(result("tools/call", odd, None), r#"{"resultType":"complete","content":[]}"#);
    }

    #[test]
    fn failures_are_told_apart() {
        assert!(is_failure(r#"{"isError":true}"#));
        assert!(!is_failure(r#"{"isError":false}"#) && !is_failure("{}") && !is_failure("5"));
    }

    proptest! {
        #[test]
        fn what_a_server_adds_arrives(value in crate::json::any_json()) {
            let legacy = format!(r#"{{"value":{value},"_meta":{value},"resultType":{value}}}"#);
            let modern = result("resources/read", &legacy, Some(r#"{"name":"s"}"#));
            let modern = Object::read(&modern).unwrap();
            prop_assert_eq!(modern.get("value"), Some(value.trim()));
            prop_assert_eq!(modern.get("resultType"), Some("\"complete\""));
        }
    }
}
