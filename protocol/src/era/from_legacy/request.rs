//! A legacy client's request, as a modern one.

use crate::json::{Change, Object, quote};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// Members of `_meta` that only the modern era has.
const ENVELOPE: &[&str] = &[VERSION, CLIENT_INFO, CLIENT_CAPABILITIES, LOG_LEVEL];

/// What every modern request says of its client (2026-07-28, *Overview*, `_meta`).
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The modern revision.
    pub version: &'a str,
    /// `clientInfo` of `initialize`, raw JSON.
    pub client_info: Option<&'a str>,
    /// See [`super::capabilities`].
    pub capabilities: &'a str,
    /// Of `logging/setLevel`.
    pub log_level: Option<&'a str>,
}

impl Envelope<'_> {
    /// `_meta` of a request that has nothing else in it, raw JSON.
    pub fn meta(&self) -> String {
        self.added_to("{}").unwrap_or_default()
    }

    /// A `_meta` (raw JSON) with this in it, instead of what the client may have written there. `None` if it is no object.
    fn added_to(&self, meta: &str) -> Option<String> {
        let kept = Object::read(meta)?.without(ENVELOPE);
        let version = quote(self.version);
        let level = self.log_level.map(quote);
        let mut added = vec![(VERSION, version.as_str())];
        added.extend(self.client_info.map(|info| (CLIENT_INFO, info)));
        added.push((CLIENT_CAPABILITIES, self.capabilities));
        added.extend(level.as_deref().map(|level| (LOG_LEVEL, level)));
        Some(Object::read(&kept)?.edit(|_, _| Change::Keep, &added))
    }
}

/// What a request brings that is made again after `input_required`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retry {
    /// By the server's keys: what the client answered, raw JSON.
    pub responses: Vec<(String, String)>,
    /// `requestState` as the server sent it, raw JSON.
    pub state: Option<String>,
}

/// A legacy request as a modern one, with another `id` (raw JSON). `None` if `message` is no request.
///
/// `params` stay as they are, except for the members of `_meta` that the modern era demands and those that `retry` brings;
/// `progressToken`, trace context and whatever else is in `_meta` are kept.
pub fn request(message: &str, id: &str, envelope: &Envelope<'_>, retry: Option<&Retry>) -> Option<String> {
    let message = Object::read(message)?;
    message.get("method")?;
    let params = Object::read(message.get("params").unwrap_or("{}"))?;
    let meta = envelope.added_to(params.get("_meta").unwrap_or("{}"))?;
    let mut params = params.with("_meta", &meta);
    if let Some(Retry { responses, state }) = retry {
        params = Object::read(&params)?.without(&["inputResponses", "requestState"]);
        if !responses.is_empty() {
            let members: Vec<_> = responses.iter().map(|(key, value)| format!("{}:{value}", quote(key))).collect();
            params = Object::read(&params)?.with("inputResponses", &format!("{{{}}}", members.join(",")));
        }
        if let Some(state) = state {
            params = Object::read(&params)?.with("requestState", state);
        }
    }
    Some(Object::read(&message.with("id", id))?.with("params", &params))
}

/// A legacy request without the members of `_meta` that only the modern era has: what they would do on a legacy leg is each
/// server's guess. `None` if there are none.
pub fn without_envelope(message: &str) -> Option<String> {
    let object = Object::read(message)?;
    let params = Object::read(object.get("params")?)?;
    let meta = Object::read(params.get("_meta")?)?;
    if !ENVELOPE.iter().any(|name| meta.get(name).is_some()) {
        return None;
    }
    Some(object.with("params", &params.with("_meta", &meta.without(ENVELOPE))))
}

/// What of a legacy request's `_meta` (raw JSON) goes into the one that the gateway makes in its place: trace context and whatever
/// else is there, but for the progress token, whose progress nobody would pass on, and what only the modern era has.
pub fn kept_meta(message: &str) -> Option<String> {
    let params = Object::read(Object::read(message)?.get("params")?)?;
    let kept = Object::read(params.get("_meta")?)?.without(&[ENVELOPE, &["progressToken"]].concat());
    let any = Object::read(&kept)?.members().next().is_some();
    any.then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const GATEWAY: Envelope<'_> =
        Envelope { version: "2026-07-28", client_info: None, capabilities: "{}", log_level: None };
    const META: &str = concat!(
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
        r#""io.modelcontextprotocol/clientCapabilities":{}"#
    );

    #[test]
    fn of_a_request_that_is_made_anew_the_meta_is_kept() {
        let of = |meta: &str| kept_meta(&format!(r#"{{"id":1,"params":{{"uri":"a:b","_meta":{meta}}}}}"#));
        assert_eq!(of(r#"{"traceparent":"t", "n":1.0}"#).as_deref(), Some(r#"{"traceparent":"t", "n":1.0}"#));
        assert_eq!(of(&format!(r#"{{"progressToken":1,"x":{{}},{META}}}"#)).as_deref(), Some(r#"{"x":{}}"#));
        for none in [r#"{"progressToken":1}"#, "{}", "5"] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(kept_meta(r#"{"id":1,"params":{"uri":"a:b"}}"#), None);
    }

    #[test]
    fn the_envelope_is_added_and_nothing_else_changes() {
        let call = r#"{"jsonrpc":"2.0", "id":7,"method":"tools/call","params":{"name":"x","arguments":{"n":9007199254740993,"f":1.0},"_meta":{"progressToken":1.0,"traceparent":"t","io.modelcontextprotocol/logLevel":"debug"}}}"#;
        let expected = call
            .replace("\"id\":7", "\"id\":\"a\"")
            .replace(r#","io.modelcontextprotocol/logLevel":"debug""#, &format!(",{META}"));
        assert_eq!(request(call, "\"a\"", &GATEWAY, None).unwrap(), expected);
        let bare = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
        assert_eq!(
            request(bare, "8", &GATEWAY, None).unwrap(),
            format!(r#"{{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{{"_meta":{{{META}}}}}}}"#)
        );
        let said = Envelope { client_info: Some(r#"{"name":"c"}"#), log_level: Some("info"), ..GATEWAY };
        let told = request(bare, "8", &said, None).unwrap();
        assert!(told.contains(r#""io.modelcontextprotocol/clientInfo":{"name":"c"}"#));
        assert!(told.contains(r#""io.modelcontextprotocol/logLevel":"info""#));
        assert_eq!(GATEWAY.meta(), format!("{{{META}}}"));
        for none in ["{}", "[]", r#"{"method":"x","params":[]}"#, r#"{"method":"x","params":{"_meta":5}}"#] {
            assert_eq!(request(none, "1", &GATEWAY, None), None, "{none}");
        }
    }

    #[test]
    fn a_retry_brings_answers_and_state_as_they_came() {
        let call = r#"{"id":1,"method":"tools/call","params":{"name":"x","requestState":"forged"}}"#;
        let retry = Retry {
            responses: vec![("k\"".into(), r#"{"action":"accept","content":{"n":1.0}}"#.into())],
            state: Some(r#""\u0073""#.into()),
        };
        let expected = format!(
            r#"{{"id":2,"method":"tools/call","params":{{"name":"x","_meta":{{{META}}},"inputResponses":{{"k\"":{{"action":"accept","content":{{"n":1.0}}}}}},"requestState":"\u0073"}}}}"#
        );
        assert_eq!(request(call, "2", &GATEWAY, Some(&retry)).unwrap(), expected);
        let bare = request(call, "2", &GATEWAY, Some(&Retry::default())).unwrap();
        assert!(!bare.contains("forged") && !bare.contains("inputResponses"));
    }

    #[test]
    fn what_a_legacy_server_would_have_to_guess_about_is_taken_out() {
        let plain = r#"{"id":1,"method":"ping","params":{"_meta":{"progressToken":1}}}"#;
        assert_eq!(without_envelope(plain), None);
        let told = r#"{"id":1,"method":"ping","params":{"_meta":{"progressToken":1,"io.modelcontextprotocol/clientInfo":{}}}}"#;
        assert_eq!(without_envelope(told).unwrap(), plain);
    }

    proptest! {
        #[test]
        fn arguments_arrive_as_sent(arguments in crate::json::any_json()) {
            let call = format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"x","arguments":{arguments}}}}}"#);
            let made = request(&call, "2", &GATEWAY, Some(&Retry::default())).unwrap();
            let params = Object::read(&made).unwrap().get("params").unwrap().to_owned();
            let same = Object::read(&params).unwrap().get("arguments") == Some(arguments.trim());
            prop_assert!(same);
        }

        #[test]
        fn nothing_that_is_sent_makes_it_panic(text in "\\PC*", json in crate::json::any_json()) {
            for message in [text, format!(r#"{{"method":"x","params":{json}}}"#), json] {
                request(&message, "1", &GATEWAY, Some(&Retry::default()));
                without_envelope(&message);
            }
        }
    }
}
