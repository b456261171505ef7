//! Errors.

use crate::error::code;
use crate::json::{Object, items, quote};

/// What legacy servers say where the user has to visit a page first (2025-11-25 only).
const URL_ELICITATION_REQUIRED: i64 = -32042;

/// A page that a server wants the user to visit before it does what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The server's id of the elicitation.
    pub elicitation_id: String,
    /// Its address.
    pub url: String,
    /// The request to put into `inputRequests`, raw JSON.
    pub request: String,
}

fn code_of(error: &Object<'_>) -> i64 {
    error.get("code").and_then(|code| serde_json::from_str(code).ok()).unwrap_or_default()
}

/// A legacy error object (raw JSON) that answers `method`, as a modern one.
pub fn error(method: &str, error: &str) -> String {
    let Some(object) = Object::read(error) else { return error.to_owned() };
    match code_of(&object) {
        code::RESOURCE_NOT_FOUND if method == "resources/read" => {
            object.with("code", &code::INVALID_PARAMS.to_string())
        }
        // The modern era has no such error; whoever gets here cannot be shown a page.
        URL_ELICITATION_REQUIRED => object.with("code", &code::INVALID_REQUEST.to_string()),
        _ => error.to_owned(),
    }
}

/// The pages that an error (raw JSON) demands; `None` if it is another one, or names none.
pub fn pages(error: &str) -> Option<Vec<Page>> {
    let error = Object::read(error)?;
    if code_of(&error) != URL_ELICITATION_REQUIRED {
        return None;
    }
    let data = Object::read(error.get("data")?)?;
    let pages: Vec<_> = items(data.get("elicitations")?)?.into_iter().filter_map(page).collect();
    (!pages.is_empty()).then_some(pages)
}

fn page(elicitation: &str) -> Option<Page> {
    let object = Object::read(elicitation)?;
    let params = super::question::without_id(&object);
    Some(Page {
        elicitation_id: object.text("elicitationId")?,
        url: object.text("url")?,
        request: format!("{{\"method\":\"elicitation/create\",\"params\":{params}}}"),
    })
}

/// The error for a call that failed since the server asked for what the client does not offer: `required` is
/// `ClientCapabilities`, raw JSON.
pub fn missing_capability(server: &str, required: &str) -> String {
    let name = |(name, parts): (&str, &str)| {
        let part = Object::read(parts).and_then(|parts| Some(parts.members().next()?.0.to_owned()));
        part.map_or_else(|| name.to_owned(), |part| format!("{name}.{part}"))
    };
    let names: Vec<_> = Object::read(required).iter().flat_map(Object::members).map(name).collect();
    let message =
        quote(&format!("Server {server} needs {} for this, which the client did not declare.", names.join(", ")));
    let code = code::MISSING_CAPABILITY;
    format!("{{\"code\":{code},\"message\":{message},\"data\":{{\"requiredCapabilities\":{required}}}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_missing_resource_is_a_wrong_parameter() {
        let missing = r#"{"code":-32002,"message":"gone","data":{"uri":"x:\u0079"}}"#;
        assert_eq!(error("resources/read", missing), missing.replace("-32002", "-32602"));
        assert_eq!(error("tools/call", missing), missing);
        assert_eq!(error("tools/call", "5"), "5");
    }

    #[test]
    fn pages_are_asked_for() {
        let demanded = r#"{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://x","message":"\u00e9"},{"mode":"url"}]}}"#;
        let page = Page {
            elicitation_id: "e".into(),
            url: "https://x".into(),
            request: r#"{"method":"elicitation/create","params":{"mode":"url","url":"https://x","message":"\u00e9"}}"#
                .into(),
        };
        assert_eq!(pages(demanded), Some(vec![page]));
        assert!(error("tools/call", demanded).contains("-32600"));
        for none in ["5", r#"{"code":-32042}"#, r#"{"code":-32042,"data":{"elicitations":[]}}"#, r#"{"code":-1}"#] {
            assert_eq!(pages(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let told = missing_capability("demo", r#"{"sampling":{}}"#);
        assert!(told.contains("-32021") && told.contains("Server demo needs sampling"), "{told}");
        assert!(told.ends_with(r#""data":{"requiredCapabilities":{"sampling":{}}}}"#), "{told}");
        let told = missing_capability("demo", r#"{"elicitation":{"url":{}},"roots":{}}"#);
        assert!(told.contains("needs elicitation.url, roots for this"), "{told}");
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_says_makes_it_panic(json in crate::json::any_json()) {
            for error_object in [json.clone(), format!(r#"{{"code":-32042,"data":{{"elicitations":[{json}]}}}}"#)] {
                pages(&error_object);
                error("resources/read", &error_object);
            }
        }
    }
}
