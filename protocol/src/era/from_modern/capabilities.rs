//! A modern client's capabilities, as legacy servers are told them.

use crate::era::Asked;
use crate::json::{Change, Object, compact};

/// The only extension that means the same in both eras.
const UI: &str = "io.modelcontextprotocol/ui";

/// What a client declared (`declared`, raw JSON), as `capabilities` of `initialize`, raw JSON without white space.
///
/// With `several_servers`, `sampling.context` stays behind: `thisServer` would mean every server behind the gateway.
pub fn capabilities(declared: &str, several_servers: bool) -> String {
    let Some(declared) = Object::read(declared) else { return "{}".to_owned() };
    let projected = declared.edit(
        |name, value| match name {
            // A modern client does not tell of changes.
            "roots" => Change::Value("{}".to_owned()),
            "sampling" | "elicitation" => match Object::read(value) {
                Some(parts) if name == "sampling" && several_servers => Change::Value(parts.without(&["context"])),
                Some(_) => Change::Keep,
                None => Change::Value("{}".to_owned()),
            },
            "experimental" if Object::read(value).is_some() => Change::Keep,
            "extensions" => match Object::read(value).and_then(|all| all.get(UI)) {
                Some(ui) => Change::Value(format!("{{\"{UI}\":{ui}}}")),
                None => Change::Remove,
            },
            _ => Change::Remove,
        },
        &[],
    );
    compact(&projected)
}

/// Whether a server may ask a client of these capabilities: elicitation, sampling or roots is among them.
pub fn asks_back(declared: &str) -> bool {
    let all = [Asked::Elicitation, Asked::Sampling, Asked::Roots];
    Object::read(declared).is_some_and(|declared| all.iter().any(|asked| declared.get(asked.capability()).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_server_hears_of_what_the_client_can_be_asked() {
        let all = concat!(
            r#"{ "roots":{"x":1}, "elicitation":{"form":{},"url":{}},"sampling":{"context":{},"tools":{}},"#,
            r#""experimental":{"x":1.0},"extensions":{"a/b":{},"io.modelcontextprotocol/ui":{"m":[]}},"tasks":{}}"#
        );
        let seen = concat!(
            r#"{"roots":{},"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"#,
            r#""experimental":{"x":1.0},"extensions":{"io.modelcontextprotocol/ui":{"m":[]}}}"#
        );
        assert_eq!(capabilities(all, true), seen);
        assert_eq!(capabilities(all, false), seen.replace(r#"{"tools""#, r#"{"context":{},"tools""#));
        assert_eq!(capabilities("5", true), "{}");
        assert_eq!(capabilities(r#"{"sampling":true,"extensions":{"a/b":{}}}"#, true), r#"{"sampling":{}}"#);
    }

    #[test]
    fn who_declares_an_answer_can_be_asked() {
        for (declared, expected) in
            [("{}", false), (r#"{"experimental":{"roots":{}}}"#, false), (r#"{"roots":{}}"#, true)]
        {
            assert_eq!(asks_back(declared), expected, "{declared}");
        }
    }
}
