//! JSON-RPC messages that the broker itself sends and reads.

use super::error::UpstreamError;
use super::leg::Leg;
use protocol::json::quote;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The members of a server's message.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) method: Option<String>,
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads one message; `None` if it is no JSON object. An `id` of `null` is none.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        let mut message: Self = serde_json::from_str(json).ok()?;
        message.id.take_if(|id| id.get() == "null");
        Some(message)
    }
}

#[derive(Debug, Deserialize)]
struct ErrorObject {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

/// What a message is.
#[derive(Debug)]
pub(super) enum Incoming<'a> {
    /// The server asks; it waits for an answer with this raw id.
    Request { id: &'a str, method: String },
    /// The server tells something.
    Notification { method: String, params: Option<&'a RawValue> },
    /// It answers the request with this raw id.
    Response { id: Option<&'a str>, outcome: Result<Box<RawValue>, UpstreamError> },
}

impl<'a> Incoming<'a> {
    /// Reads one message; `None` if it is none.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        let Message { id, method, params, result, error } = Message::read(json)?;
        let id = id.map(RawValue::get);
        Some(match (method, result, error) {
            (Some(method), ..) => match id {
                Some(id) => Self::Request { id, method },
                None => Self::Notification { method, params },
            },
            (None, Some(result), _) => Self::Response { id, outcome: Ok(result.to_owned()) },
            (None, None, Some(error)) => {
                let ErrorObject { code, message, data } = serde_json::from_str(error.get()).ok()?;
                let data = data.map(|d| d.get().to_owned());
                Self::Response { id, outcome: Err(UpstreamError::Rpc { code, message, data }) }
            }
            (None, None, None) => return None,
        })
    }
}

/// A request. On a modern leg `params` get the leg's `_meta`; they must not have one of their own.
pub(super) fn request(leg: Option<&Leg>, id: &str, method: &str, params: Option<&str>) -> String {
    let params = match leg {
        Some(Leg::Modern(envelope)) => Some(with_meta(params, &envelope.meta)),
        _ => params.map(str::to_owned),
    };
    let params = params.map(|p| format!(",\"params\":{p}")).unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":{}{params}}}", quote(id), quote(method))
}

fn with_meta(params: Option<&str>, meta: &str) -> String {
    let members = params.and_then(|p| p.trim().strip_prefix('{')).map_or("}", str::trim_start);
    let comma = if members.starts_with('}') { "" } else { "," };
    format!("{{\"_meta\":{meta}{comma}{members}")
}

/// The answer to a server's request that no client is there to answer.
pub(super) fn answer_unasked(id: &str, method: &str) -> String {
    if method == "ping" {
        return format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}");
    }
    let code = protocol::error::code::METHOD_NOT_FOUND;
    let message =
        quote("No client is there to answer: this session is the gateway's own, which declared no capability.");
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":{message}}}}}")
}

/// The answer to the request `id` (raw).
pub(super) fn result(id: &str, result: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}")
}

/// The answer to a request that the server said it could not read.
pub(super) fn unreadable(id: &str) -> String {
    let code = protocol::error::code::INTERNAL;
    let message = quote("The server could not read the request.");
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":{message}}}}}")
}

/// Tells a server that nobody waits for the answer to the request `number` any more.
pub(super) fn cancelled(number: u64) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\
         \"params\":{{\"requestId\":{number},\"reason\":\"Nobody waits for the answer any more.\"}}}}"
    )
}

/// Ends a subscription.
pub(super) fn unsubscribe(number: u64, uri: &str) -> String {
    let uri = quote(uri);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"resources/unsubscribe\",\"params\":{{\"uri\":{uri}}}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::leg::Envelope;

    #[test]
    fn modern_params_carry_the_envelope() {
        let leg = Leg::Modern(Envelope { version: "v".into(), meta: "{\"m\":1}".into() });
        for (params, expected) in [
            (None, r#"{"_meta":{"m":1}}"#),
            (Some("{}"), r#"{"_meta":{"m":1}}"#),
            (Some(r#" { "cursor":"x"}"#), r#"{"_meta":{"m":1},"cursor":"x"}"#),
        ] {
            let body = request(Some(&leg), "i", "m", params);
            assert_eq!(body, format!(r#"{{"jsonrpc":"2.0","id":"i","method":"m","params":{expected}}}"#));
        }
        assert_eq!(request(None, "i", "m", None), r#"{"jsonrpc":"2.0","id":"i","method":"m"}"#);
    }

    #[test]
    fn messages_are_told_apart() {
        assert!(matches!(Incoming::read(r#"{"id":1,"method":"ping"}"#), Some(Incoming::Request { id: "1", .. })));
        assert!(matches!(Incoming::read(r#"{"method":"n"}"#), Some(Incoming::Notification { .. })));
        assert!(matches!(
            Incoming::read(r#"{"id":null,"error":{"code":-1,"message":"x"}}"#),
            Some(Incoming::Response { id: None, outcome: Err(UpstreamError::Rpc { code: -1, .. }) })
        ));
        assert!(Incoming::read("{}").is_none());
        assert!(Incoming::read("<html>").is_none());
    }
}
