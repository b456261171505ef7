//! What a legacy server asks the client, as `inputRequests`.

use crate::era::{Asked, SERVER_INFO};
use crate::json::{Change, Object, quote};

/// What becomes of a request of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The client is asked: the kind, and the request to put into `inputRequests`, raw JSON.
    Ask(Asked, String),
    /// The client declared nothing of the kind: `ClientCapabilities` that it would have needed, raw JSON.
    Undeclared(String),
    /// Nothing that a modern client could be asked.
    Unknown,
}

/// Reads a server's request (raw JSON) for a client that declared these `capabilities`, raw JSON.
pub fn question(message: &str, capabilities: &str) -> Question {
    let Some(message) = Object::read(message) else { return Question::Unknown };
    let Some(asked) = message.text("method").as_deref().and_then(Asked::of) else { return Question::Unknown };
    let params = message.get("params").and_then(Object::read);
    let declared = Object::read(capabilities).and_then(|all| all.get(asked.capability()).and_then(Object::read));
    if let Some(required) = lacking(asked, params.as_ref(), declared.as_ref()) {
        return Question::Undeclared(required);
    }
    let method = asked.method();
    let request = match (asked, &params) {
        (_, Some(params)) => format!("{{\"method\":\"{method}\",\"params\":{}}}", without_id(params)),
        (Asked::Roots, None) => format!("{{\"method\":\"{method}\"}}"),
        (_, None) => return Question::Unknown,
    };
    Question::Ask(asked, request)
}

/// What the client would have had to declare.
fn lacking(asked: Asked, params: Option<&Object<'_>>, declared: Option<&Object<'_>>) -> Option<String> {
    let has = |name: &str| params.is_some_and(|params| params.get(name).is_some());
    let declares = |name: &str| declared.is_some_and(|declared| declared.get(name).is_some());
    match asked {
        Asked::Roots => declared.is_none().then(|| "{\"roots\":{}}".to_owned()),
        Asked::Sampling if has("tools") || has("toolChoice") => {
            (!declares("tools")).then(|| "{\"sampling\":{\"tools\":{}}}".to_owned())
        }
        Asked::Sampling => declared.is_none().then(|| "{\"sampling\":{}}".to_owned()),
        Asked::Elicitation => {
            let by_url = params.and_then(|params| params.text("mode")).as_deref() == Some("url");
            // An empty object stands for forms.
            let offered =
                if by_url { declares("url") } else { declared.is_some() && (declares("form") || !declares("url")) };
            let mode = if by_url { "url" } else { "form" };
            (!offered).then(|| format!("{{\"elicitation\":{{\"{mode}\":{{}}}}}}"))
        }
    }
}

/// The `params` of a server's request without what only the legacy era has: ids of elicitations, tasks, progress.
pub(super) fn without_id(params: &Object<'_>) -> String {
    params.edit(
        |name, value| match name {
            "elicitationId" | "task" => Change::Remove,
            "_meta" => Object::read(value).map_or(Change::Remove, |meta| {
                let meta = meta.without(&["progressToken"]);
                let empty = Object::read(&meta).is_none_or(|meta| meta.members().next().is_none());
                if empty { Change::Remove } else { Change::Value(meta) }
            }),
            _ => Change::Keep,
        },
        &[],
    )
}

/// `InputRequiredResult` with these keys and requests (raw JSON), the `requestState`, and the `serverInfo` (raw JSON) of who asks.
pub fn input_required<'a>(
    requests: impl IntoIterator<Item = (&'a str, &'a str)>,
    state: &str,
    server_info: Option<&str>,
) -> String {
    let requests: Vec<_> = requests.into_iter().map(|(key, request)| format!("{}:{request}", quote(key))).collect();
    let meta = server_info.map(|info| format!(",\"_meta\":{{\"{SERVER_INFO}\":{info}}}")).unwrap_or_default();
    format!(
        "{{\"resultType\":\"input_required\",\"inputRequests\":{{{}}},\"requestState\":{}{meta}}}",
        requests.join(","),
        quote(state)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn ask(method: &str, params: &str, capabilities: &str) -> Question {
        question(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#), capabilities)
    }

    #[test]
    fn a_question_keeps_its_bytes() {
        let form = r#"{"message":"\u00e9","requestedSchema":{"type":"object","properties":{"n":{"minimum":1.0}}}}"#;
        let expected = format!(r#"{{"method":"elicitation/create","params":{form}}}"#);
        assert_eq!(
            ask("elicitation/create", form, r#"{"elicitation":{}}"#),
            Question::Ask(Asked::Elicitation, expected)
        );
        let page = r#"{"mode":"url","url":"https://x","elicitationId":"e","message":"m","_meta":{"progressToken":1}}"#;
        let expected = r#"{"method":"elicitation/create","params":{"mode":"url","url":"https://x","message":"m"}}"#;
        assert_eq!(
            ask("elicitation/create", page, r#"{"elicitation":{"url":{}}}"#),
            Question::Ask(Asked::Elicitation, expected.into())
        );
        let bare = question(r#"{"id":1,"method":"roots/list"}"#, r#"{"roots":{}}"#);
        assert_eq!(bare, Question::Ask(Asked::Roots, r#"{"method":"roots/list"}"#.into()));
    }

    #[test]
    fn what_was_not_declared_is_not_asked() {
        for (method, params, capabilities, required) in [
            ("roots/list", "{}", "{}", r#"{"roots":{}}"#),
            ("sampling/createMessage", "{}", "{}", r#"{"sampling":{}}"#),
            ("sampling/createMessage", r#"{"tools":[]}"#, r#"{"sampling":{}}"#, r#"{"sampling":{"tools":{}}}"#),
            ("elicitation/create", "{}", r#"{"sampling":{}}"#, r#"{"elicitation":{"form":{}}}"#),
            ("elicitation/create", "{}", r#"{"elicitation":{"url":{}}}"#, r#"{"elicitation":{"form":{}}}"#),
            ("elicitation/create", r#"{"mode":"url"}"#, r#"{"elicitation":{}}"#, r#"{"elicitation":{"url":{}}}"#),
        ] {
            assert_eq!(ask(method, params, capabilities), Question::Undeclared(required.into()), "{method} {params}");
        }
        assert_eq!(ask("tasks/get", "{}", "{}"), Question::Unknown);
        assert_eq!(ask("sampling/createMessage", "5", r#"{"sampling":{}}"#), Question::Unknown);
    }

    #[test]
    fn questions_are_put_together() {
        let made = input_required([("1", r#"{"method":"roots/list"}"#), ("2", "{}")], "s", Some("{}"));
        assert_eq!(
            made,
            r#"{"resultType":"input_required","inputRequests":{"1":{"method":"roots/list"},"2":{}},"requestState":"s","_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#
        );
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_asks_makes_it_panic(json in crate::json::any_json()) {
            for method in ["elicitation/create", "sampling/createMessage", "roots/list", "x"] {
                let made = ask(method, &json, r#"{"elicitation":{},"sampling":{},"roots":{}}"#);
                if let Question::Ask(_, request) = made {
                    prop_assert!(Object::read(&request).is_some());
                }
            }
        }
    }
}
