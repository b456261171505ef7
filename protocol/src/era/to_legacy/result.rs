//! Results.

use crate::era::server_info;
use crate::json::{Change, Object};

/// Members that only modern results have.
const MODERN: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

/// What a modern result is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The answer.
    Complete,
    /// The server wants to know more first.
    InputRequired(InputRequired),
    /// Something that the gateway does not know, by its name: it must not be taken for an answer.
    Unknown(String),
    /// No JSON object.
    Unreadable,
}

/// `InputRequiredResult` (2026-07-28, *Multi Round-Trip Requests*).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputRequired {
    /// Keys and requests, raw JSON.
    pub requests: Vec<(String, String)>,
    /// `requestState`, raw JSON, to be sent back byte for byte.
    pub state: Option<String>,
}

/// Tells what a modern result (raw JSON) is. Without `resultType` it is complete.
pub fn outcome(result: &str) -> Outcome {
    let Some(object) = Object::read(result) else { return Outcome::Unreadable };
    match object.get("resultType").map(serde_json::from_str::<String>) {
        None => Outcome::Complete,
        Some(Ok(kind)) if kind == "complete" => Outcome::Complete,
        Some(Ok(kind)) if kind == "input_required" => {
            let requests = object.get("inputRequests").and_then(Object::read);
            let requests = requests.iter().flat_map(Object::members);
            Outcome::InputRequired(InputRequired {
                requests: requests.map(|(key, request)| (key.to_owned(), request.to_owned())).collect(),
                state: object.get("requestState").map(str::to_owned),
            })
        }
        Some(Ok(kind)) => Outcome::Unknown(kind),
        Some(Err(_)) => Outcome::Unreadable,
    }
}

/// How a tool's `structuredContent` has to look to fit the `outputSchema` that legacy clients are shown ([`super::tool`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structured {
    /// The schema is an object's: as it is.
    Plain,
    /// The schema was put under `result`, so the value is too.
    Wrapped,
    /// There is no schema: under `result` if it is no object.
    ByValue,
}

impl Structured {
    /// For a tool (raw JSON) as its server lists it.
    pub fn of(tool: &str) -> Self {
        match Object::read(tool).and_then(|tool| tool.get("outputSchema")) {
            None => Self::ByValue,
            Some(schema) if super::schema::is_object(schema) => Self::Plain,
            Some(_) => Self::Wrapped,
        }
    }
}

/// A complete modern result (raw JSON) as one of the newest legacy revision. `server_info` is the server's `serverInfo`, raw JSON: the
/// handshake of a legacy client told it of the gateway only.
pub fn result(result: &str, structured: Structured, server_info: Option<&str>) -> String {
    let Some(object) = Object::read(result) else { return result.to_owned() };
    let meta = server_info::meta(&object, server_info);
    let added: Vec<_> = meta.iter().filter(|_| object.get("_meta").is_none()).map(|meta| ("_meta", &**meta)).collect();
    object.edit(
        |name, value| match (name, &meta) {
            _ if MODERN.contains(&name) => Change::Remove,
            ("structuredContent", _) if wraps(structured, value) => Change::Value(format!("{{\"result\":{value}}}")),
            ("_meta", Some(meta)) => Change::Value(meta.clone()),
            _ => Change::Keep,
        },
        &added,
    )
}

fn wraps(structured: Structured, value: &str) -> bool {
    match structured {
        Structured::Plain => false,
        Structured::Wrapped => true,
        Structured::ByValue => !value.starts_with('{'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn modern_members_go_and_all_else_stays() {
        let modern = r#"{"resultType":"complete","content":[ {"type":"text","text":"\u00e9"}],"ttlMs":0,"x":1e400,"cacheScope":"private"}"#;
        let legacy = r#"{"content":[ {"type":"text","text":"\u00e9"}],"x":1e400}"#;
        assert_eq!(result(modern, Structured::ByValue, None), legacy);
    }

    #[test]
    fn it_says_who_answered() {
        let told = |modern: &str| result(modern, Structured::ByValue, Some(r#"{"name":"s"}"#));
        let meta = r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}"#;
        assert_eq!(told(r#"{"content":[],"resultType":"complete"}"#), format!(r#"{{"content":[],{meta}}}"#));
        assert_eq!(
            told(&format!("{{{meta}}}").replace("\"s\"", "\"own\"")),
            format!("{{{meta}}}").replace("\"s\"", "\"own\"")
        );
        assert_eq!(
            told(r#"{"_meta":{"a":1.0},"content":[]}"#),
            format!(r#"{{{},"content":[]}}"#, meta.replace("{\"io", "{\"a\":1.0,\"io"))
        );
        assert_eq!(told(r#"{"_meta":5}"#), r#"{"_meta":5}"#);
    }

    #[test]
    fn structured_content_fits_the_schema_that_is_shown() {
        let shown = |value: &str, structured| result(&format!(r#"{{"structuredContent":{value}}}"#), structured, None);
        let plain = |value: &str| format!(r#"{{"structuredContent":{value}}}"#);
        for value in ["5", "[1.0]", "null", "\"x\""] {
            assert_eq!(shown(value, Structured::ByValue), plain(&format!(r#"{{"result":{value}}}"#)));
        }
        assert_eq!(shown("{}", Structured::ByValue), plain("{}"));
        assert_eq!(shown("{}", Structured::Wrapped), plain(r#"{"result":{}}"#));
        assert_eq!(Structured::of(r#"{"name":"x"}"#), Structured::ByValue);
        assert_eq!(Structured::of(r#"{"outputSchema":{"type":"object"}}"#), Structured::Plain);
        assert_eq!(Structured::of(r#"{"outputSchema":{"anyOf":[]}}"#), Structured::Wrapped);
    }

    #[test]
    fn outcomes_are_told_apart() {
        assert_eq!(outcome(r#"{"content":[]}"#), Outcome::Complete);
        assert_eq!(outcome(r#"{"resultType":"complete"}"#), Outcome::Complete);
        assert_eq!(outcome(r#"{"resultType":"task"}"#), Outcome::Unknown("task".into()));
        assert_eq!(outcome(r#"{"resultType":5}"#), Outcome::Unreadable);
        assert_eq!(outcome("[]"), Outcome::Unreadable);
        let asked = outcome(
            r#"{"resultType":"input_required","inputRequests":{"b":{"method":"roots/list"},"a":{}},"requestState":"\u0073"}"#,
        );
        let requests =
            vec![("b".to_owned(), r#"{"method":"roots/list"}"#.to_owned()), ("a".to_owned(), "{}".to_owned())];
        assert_eq!(asked, Outcome::InputRequired(InputRequired { requests, state: Some(r#""\u0073""#.into()) }));
    }

    proptest! {
        #[test]
        fn what_a_server_adds_arrives(value in crate::json::any_json()) {
            let modern = format!(r#"{{"resultType":"complete","value":{value},"structuredContent":{value}}}"#);
            outcome(&modern);
            let legacy = result(&modern, Structured::Wrapped, Some("{}"));
            let legacy = Object::read(&legacy).unwrap();
            prop_assert_eq!(legacy.get("value"), Some(value.trim()));
            let structured = Object::read(legacy.get("structuredContent").unwrap()).unwrap();
            prop_assert_eq!(structured.get("result"), Some(value.trim()));
        }
    }
}
