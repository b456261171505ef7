//! Errors.

use crate::error::code;
use crate::json::{Object, quote};

/// A modern error object (raw JSON), answering `method`, as a legacy client understands it. `server` is the server's name.
///
/// Codes that only the modern era has become general ones with a message that a person can act on; `data` stays.
pub fn error(method: &str, server: &str, error: &str) -> String {
    let Some(object) = Object::read(error) else { return error.to_owned() };
    let number = object.get("code").and_then(|code| serde_json::from_str::<i64>(code).ok()).unwrap_or_default();
    let data = object.get("data").and_then(Object::read);
    let (code, message) = match number {
        // It also means an unknown tool, a bad cursor, missing members.
        code::INVALID_PARAMS
            if method == "resources/read" && data.as_ref().is_some_and(|data| data.get("uri").is_some()) =>
        {
            return object.with("code", &code::RESOURCE_NOT_FOUND.to_string());
        }
        code::MISSING_CAPABILITY => {
            let required = data.as_ref().and_then(|data| data.get("requiredCapabilities")).and_then(Object::read);
            let names: Vec<_> = required.iter().flat_map(Object::members).flat_map(named).collect();
            let names = if names.is_empty() { "a capability".to_owned() } else { names.join(", ") };
            let message = format!("Server {server} needs {names} for this, which this client does not offer.");
            (code::INVALID_REQUEST, message)
        }
        code::HEADER_MISMATCH => {
            (code::INTERNAL, format!("Server {server} does not accept the gateway's headers for this request."))
        }
        code::UNSUPPORTED_VERSION => {
            (code::INTERNAL, format!("Server {server} no longer speaks the revision that the gateway uses: try again."))
        }
        _ => return error.to_owned(),
    };
    let with_code = object.with("code", &code.to_string());
    Object::read(&with_code).map_or(with_code.clone(), |object| object.with("message", &quote(&message)))
}

/// What a person calls a capability: an extension goes by its own name.
fn named((name, value): (&str, &str)) -> Vec<String> {
    match Object::read(value).filter(|_| name == "extensions") {
        Some(extensions) => extensions.members().map(|(name, _)| name.to_owned()).collect(),
        None => vec![name.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_missing_resource_has_its_own_code() {
        let missing = r#"{"code":-32602,"message":"gone","data":{"uri":"x:\u0079"}}"#;
        assert_eq!(error("resources/read", "s", missing), missing.replace("-32602", "-32002"));
        assert_eq!(error("tools/call", "s", missing), missing);
        let other = r#"{"code":-32602,"message":"bad"}"#;
        assert_eq!(error("resources/read", "s", other), other);
    }

    #[test]
    fn codes_of_the_modern_era_become_words() {
        let lacking =
            r#"{"code":-32021,"message":"m","data":{"requiredCapabilities":{"sampling":{},"extensions":{"a/b":{}}}}}"#;
        let shown = error("tools/call", "demo", lacking);
        assert!(shown.contains("-32600") && shown.contains("Server demo needs sampling, a/b"), "{shown}");
        assert!(shown.contains(r#""data":{"requiredCapabilities""#));
        for code in [-32020, -32022] {
            assert!(error("tools/call", "s", &format!(r#"{{"code":{code},"message":"m"}}"#)).contains("-32603"));
        }
        for same in [r#"{"code":-32601,"message":"m"}"#, r#"{"code":5.0}"#, "5"] {
            assert_eq!(error("x", "s", same), same);
        }
    }
}
