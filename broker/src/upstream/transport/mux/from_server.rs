//! A message of a server on a connection that carries everything, and the values in it that were replaced on the way up.

use crate::upstream::message::Message;
use protocol::sse;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// Where a replaced value stands, and the number that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) span: Range<usize>,
    pub(super) value: u64,
}

/// What a server sent.
#[derive(Debug, PartialEq)]
pub(super) enum FromServer {
    /// The answer to a request. `None`: an error to something that it could not read.
    Response { id: Option<Number>, subscription: Option<Number> },
    /// It asks; `id` is raw.
    Request { id: String, method: String },
    /// It tells.
    Notification { method: String, about: About },
}

/// What a notification belongs to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct About {
    /// `progressToken`, where it is one of ours.
    pub(super) token: Option<Number>,
    /// `_meta["io.modelcontextprotocol/subscriptionId"]`, where it is one of ours.
    pub(super) subscription: Option<Number>,
    /// `requestId` of `notifications/cancelled`, raw.
    pub(super) request: Option<String>,
    /// `uri` of `notifications/resources/updated`.
    pub(super) uri: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner<'a> {
    #[serde(borrow, default)]
    progress_token: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request_id: Option<&'a RawValue>,
    #[serde(default)]
    uri: Option<String>,
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, default, rename = "io.modelcontextprotocol/subscriptionId")]
    subscription: Option<&'a RawValue>,
}

impl FromServer {
    /// Reads one message; `None` if it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let Message { id, method, params, result, error } = Message::read(text)?;
        let Some(method) = method else {
            let in_result: Inner<'_> = result.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            let subscription = subscription(text, &in_result);
            let response = |id| Self::Response { id, subscription };
            return match id {
                // What has an id that none of ours looks like answers nothing.
                Some(id) if result.is_some() || error.is_some() => number(text, id).map(Some).map(response),
                Some(_) => None,
                None => error.map(|_| response(None)),
            };
        };
        if let Some(id) = id {
            return Some(Self::Request { id: id.get().to_owned(), method });
        }
        let inner: Inner<'_> = params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let about = About {
            token: inner.progress_token.and_then(|raw| number(text, raw)),
            subscription: subscription(text, &inner),
            request: inner.request_id.map(|raw| raw.get().to_owned()),
            uri: inner.uri,
        };
        Some(Self::Notification { method, about })
    }
}

fn subscription(text: &str, inner: &Inner<'_>) -> Option<Number> {
    let meta: Meta<'_> = serde_json::from_str(inner.meta?.get()).ok()?;
    number(text, meta.subscription?)
}

/// A number of ours, in either of the forms in which servers give ids back.
fn number(text: &str, raw: &RawValue) -> Option<Number> {
    let digits = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw.get());
    let value = digits.parse().ok()?;
    // `raw` is a part of `text`.
    let start = (raw.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some(Number { span: start..start + raw.get().len(), value })
}

/// The message as an event, with other text in the place of some values.
pub(super) fn event(text: &str, edits: &[(&Number, &str)]) -> String {
    let mut edits: Vec<_> = edits.iter().collect();
    edits.sort_by_key(|(number, _)| number.span.start);
    let mut edited = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for (number, with) in edits {
        edited.push_str(text.get(at..number.span.start).unwrap_or_default());
        edited.push_str(with);
        at = number.span.end;
    }
    edited.push_str(text.get(at..).unwrap_or_default());
    sse::frame(&edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_put_back_byte_for_byte() {
        let text =
            r#"{"result": {"a":1.0, "_meta":{"io.modelcontextprotocol/subscriptionId": 7}}, "id": 7 ,"jsonrpc":"2.0"}"#;
        let Some(FromServer::Response { id: Some(id), subscription: Some(subscription) }) = FromServer::read(text)
        else {
            panic!("{text}")
        };
        let event = event(text, &[(&id, r#""\u00e9""#), (&subscription, "9007199254740993")]);
        assert_eq!(
            event,
            "event: message\ndata: {\"result\": {\"a\":1.0, \"_meta\":{\"io.modelcontextprotocol/subscriptionId\": \
             9007199254740993}}, \"id\": \"\\u00e9\" ,\"jsonrpc\":\"2.0\"}\n\n"
        );
    }

    #[test]
    fn messages_are_told_apart() {
        let read = |text: &str| FromServer::read(text).unwrap();
        assert_eq!(
            read(r#"{"id":null,"error":{"code":-32700}}"#),
            FromServer::Response { id: None, subscription: None }
        );
        assert_eq!(
            read(r#"{"id":"x","method":"ping"}"#),
            FromServer::Request { id: "\"x\"".into(), method: "ping".into() }
        );
        for token in ["5", "\"5\""] {
            let text = format!(r#"{{"method":"notifications/progress","params":{{"progressToken":{token}}}}}"#);
            let Some(FromServer::Notification { about, .. }) = FromServer::read(&text) else { panic!("{text}") };
            assert_eq!(about.token.unwrap().value, 5);
        }
        let foreign = read(r#"{"method":"notifications/progress","params":{"progressToken":"theirs"}}"#);
        assert_eq!(
            foreign,
            FromServer::Notification { method: "notifications/progress".into(), about: About::default() }
        );
        let foreign = [r#"{"id":"theirs","result":{}}"#, r#"{"id":"theirs","error":{}}"#, r#"{"id":null,"result":{}}"#];
        for none in foreign.into_iter().chain(["{}", "<html>", "5", r#"{"id":1}"#, "[]"]) {
            assert_eq!(FromServer::read(none), None, "{none}");
        }
    }
}
