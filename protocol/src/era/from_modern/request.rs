//! A modern client's request, as a legacy one.

use crate::json::{Change, Object, compact, quote};

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
const TOKEN: &str = "progressToken";

/// Members of `_meta` that only the modern era has.
const ENVELOPE: &[&str] =
    &["io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientInfo", CAPABILITIES, LOG_LEVEL];

/// Members of `params` that make a request a further round of an earlier one (2026-07-28, *Multi Round-Trip Requests*).
const ROUND: &[&str] = &["inputResponses", "requestState"];

/// Has a legacy server answer with a task instead of a result (2025-11-25, *Tasks*). To a modern client, whose servers choose, it
/// means nothing, and neither would that answer.
const TASK: &str = "task";

/// A modern request, as far as it tells how a legacy one is to be made.
#[derive(Debug)]
pub struct Said<'a> {
    /// `_meta["io.modelcontextprotocol/clientCapabilities"]`, raw JSON.
    pub capabilities: &'a str,
    /// `_meta["io.modelcontextprotocol/logLevel"]`.
    pub log_level: Option<String>,
    /// `_meta.progressToken`, raw JSON.
    pub progress_token: Option<&'a str>,
    /// `inputResponses`, raw JSON.
    pub responses: Option<&'a str>,
    /// `requestState`, raw JSON.
    pub state: Option<&'a str>,
    message: Object<'a>,
    params: Object<'a>,
    meta: Object<'a>,
}

impl<'a> Said<'a> {
    /// Reads a request; `None` if it is none that has `params`.
    pub fn read(message: &'a str) -> Option<Self> {
        let message = Object::read(message)?;
        let params = Object::read(message.get("params")?)?;
        let meta = Object::read(params.get("_meta").unwrap_or("{}"))?;
        Some(Self {
            capabilities: meta.get(CAPABILITIES).unwrap_or("{}"),
            log_level: meta.text(LOG_LEVEL),
            progress_token: meta.get(TOKEN).filter(|token| is_token(token)),
            responses: params.get("inputResponses"),
            state: params.get("requestState"),
            message,
            params,
            meta,
        })
    }

    /// A member of `params`, raw JSON.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }

    /// The request as a legacy one with an `id` and, where the client wants to hear of progress, a `progressToken` of the
    /// gateway's own.
    pub fn request(&self, id: &str, token: &str) -> String {
        let meta = self.meta.edit(
            |name, _| match name {
                TOKEN => Change::Value(quote(token)),
                _ if ENVELOPE.contains(&name) => Change::Remove,
                _ => Change::Keep,
            },
            &[],
        );
        let bare = Object::read(&meta).is_none_or(|meta| meta.members().next().is_none());
        let params = self.params.edit(
            |name, _| match name {
                "_meta" if bare => Change::Remove,
                "_meta" => Change::Value(meta.clone()),
                _ if ROUND.contains(&name) || name == TASK => Change::Remove,
                _ => Change::Keep,
            },
            &[],
        );
        self.message.edit(
            |name, _| match name {
                "id" => Change::Value(quote(id)),
                "params" => Change::Value(params.clone()),
                _ => Change::Keep,
            },
            &[],
        )
    }

    /// What makes a request the same in another round: its `params` but for `_meta`, what belongs to a round, and `target`,
    /// the member that names who is called.
    pub fn substance(&self, target: &str) -> String {
        let counts = |name: &str| name != "_meta" && name != target && !ROUND.contains(&name);
        let mut members: Vec<_> = self.params.members().filter(|(name, _)| counts(name)).collect();
        members.sort_unstable();
        let members: Vec<_> =
            members.into_iter().map(|(name, value)| format!("{}:{}", quote(name), compact(value))).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// `ProgressToken` is a string or a number.
fn is_token(raw: &str) -> bool {
    raw.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const META: &str = concat!(
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c"},"#,
        r#""io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/logLevel":"info""#
    );

    #[test]
    fn only_what_stands_for_the_handshake_goes() {
        let call = format!(
            r#"{{"jsonrpc":"2.0", "id":7,"method":"tools/call","params":{{"name":"x","task":{{"ttl":1}},"arguments":{{"n":9007199254740993,"f":1.0,"task":{{}}}},"requestState":"s","inputResponses":{{}},"_meta":{{{META},"traceparent":"t","progressToken":1.0}}}}}}"#
        );
        let said = Said::read(&call).unwrap();
        assert_eq!((said.capabilities, said.log_level.as_deref()), (r#"{"roots":{}}"#, Some("info")));
        assert_eq!((said.progress_token, said.state, said.responses), (Some("1.0"), Some("\"s\""), Some("{}")));
        let expected = r#"{"jsonrpc":"2.0", "id":"g","method":"tools/call","params":{"name":"x","arguments":{"n":9007199254740993,"f":1.0,"task":{}},"_meta":{"traceparent":"t","progressToken":"p"}}}"#;
        assert_eq!(said.request("g", "p"), expected);
        let bare = format!(r#"{{"id":1,"method":"prompts/get","params":{{"name":"x","_meta":{{{META}}}}}}}"#);
        let expected = r#"{"id":"g","method":"prompts/get","params":{"name":"x"}}"#;
        assert_eq!(Said::read(&bare).unwrap().request("g", "p"), expected);
        for none in ["{}", "[]", r#"{"params":[]}"#, r#"{"params":{"_meta":5}}"#] {
            assert!(Said::read(none).is_none(), "{none}");
        }
    }

    #[test]
    fn another_round_is_the_same_request() {
        let of = |params: &str| Said::read(&format!(r#"{{"params":{params}}}"#)).unwrap().substance("name");
        let first = of(r#"{"name":"http_x","arguments":{"a":[1, "b c"]},"_meta":{"x":1}}"#);
        assert_eq!(
            first,
            of(r#"{ "requestState":"s","arguments": {"a":[1,"b c"]},"name":"x","inputResponses":{"1":{}}}"#)
        );
        for other in [r#"{"arguments":{"a":[1,"bc"]}}"#, r#"{"arguments":{"a":[1,"b c"]},"more":1}"#, "{}"] {
            assert_ne!(first, of(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn arguments_arrive_as_sent(arguments in crate::json::any_json()) {
            let call = format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"x","arguments":{arguments},"_meta":{{}}}}}}"#);
            let said = Said::read(&call).unwrap();
            let made = said.request("2", "3");
            let again = Said::read(&made).unwrap();
            prop_assert_eq!(again.param("arguments"), Some(arguments.trim()));
            prop_assert_eq!(again.substance("name"), said.substance("name"));
        }

        #[test]
        fn nothing_that_is_sent_makes_it_panic(text in "\\PC*", json in crate::json::any_json()) {
            for message in [text, format!(r#"{{"method":"x","params":{{"_meta":{json}}}}}"#), json] {
                if let Some(said) = Said::read(&message) {
                    said.request("1", "2");
                    said.substance("name");
                }
            }
        }
    }
}
