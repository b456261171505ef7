//! A legacy client's capabilities, as modern servers are told them.

use crate::era::Revision;
use crate::json::{Change, Object};

/// The only extension that means the same in both eras.
const UI: &str = "io.modelcontextprotocol/ui";

/// What a client of a legacy `revision` declared (`declared`, raw JSON), as `clientCapabilities` of the modern era, raw JSON.
///
/// Left out is what the client's revision has no form for, since it could not be asked: elicitation below 2025-06-18, its
/// URL mode and sampling with tools below 2025-11-25. Its own tasks stay behind, and with `several_servers` so does
/// `sampling.context`: `thisServer` would mean every server behind the gateway.
pub fn capabilities(revision: Revision, declared: &str, several_servers: bool) -> String {
    let Some(declared) = Object::read(declared) else { return "{}".to_owned() };
    declared.edit(
        |name, value| match name {
            // A modern client does not tell of changes.
            "roots" => Change::Value("{}".to_owned()),
            "elicitation" if revision < Revision::V2025_06_18 => Change::Remove,
            "elicitation" | "sampling" if revision < Revision::V2025_11_25 => Change::Value("{}".to_owned()),
            "elicitation" => object_or_empty(value),
            "sampling" if several_servers => match Object::read(value) {
                Some(parts) => Change::Value(parts.without(&["context"])),
                None => Change::Value("{}".to_owned()),
            },
            "sampling" => object_or_empty(value),
            "experimental" if Object::read(value).is_some() => Change::Keep,
            "extensions" => match Object::read(value).and_then(|all| all.get(UI)) {
                Some(ui) => Change::Value(format!("{{\"{UI}\":{ui}}}")),
                None => Change::Remove,
            },
            _ => Change::Remove,
        },
        &[],
    )
}

fn object_or_empty(value: &str) -> Change {
    if Object::read(value).is_some() { Change::Keep } else { Change::Value("{}".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_server_hears_of_what_the_client_can_be_asked() {
        let all = concat!(
            r#"{"roots":{"listChanged":true},"elicitation":{"form":{},"url":{}},"tasks":{"list":{}},"#,
            r#""sampling":{"context":{},"tools":{}},"experimental":{"x":1.0},"#,
            r#""extensions":{"a/b":{},"io.modelcontextprotocol/ui":{"mimeTypes":[]}}}"#
        );
        let of = |revision, several| capabilities(revision, all, several);
        let rest =
            concat!(r#""experimental":{"x":1.0},"#, r#""extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":[]}}}"#);
        let new = r#"{"roots":{},"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"#;
        assert_eq!(of(Revision::V2025_11_25, true), format!("{new}{rest}"));
        assert_eq!(
            of(Revision::V2025_11_25, false),
            format!("{}{rest}", new.replace("{\"tools\"", "{\"context\":{},\"tools\""))
        );
        let old = r#"{"roots":{},"elicitation":{},"sampling":{},"#;
        assert_eq!(of(Revision::V2025_06_18, true), format!("{old}{rest}"));
        let oldest = r#"{"roots":{},"sampling":{},"#;
        assert_eq!(of(Revision::V2025_03_26, false), format!("{oldest}{rest}"));
        assert_eq!(capabilities(Revision::LATEST, "5", true), "{}");
        assert_eq!(
            capabilities(Revision::LATEST, r#"{"sampling":true,"elicitation":null}"#, false),
            r#"{"sampling":{},"elicitation":{}}"#
        );
    }
}
