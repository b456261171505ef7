//! What the body decides, as it comes and when it is whole.

use super::admit::{Head, check_version};
use crate::era::Era;
use crate::error::{Refusal, code};
use crate::http::decode_value;
use crate::naming::{Tagged, untag};
use crate::request::{Envelope, MessageKind, Text};
use std::ops::Range;

/// A request that one server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// Which of the three.
    pub kind: CallKind,
    /// `params.name` or `params.uri`.
    pub target: &'a Text,
}

/// The requests that one server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// `tools/call`.
    Tool,
    /// `prompts/get`.
    Prompt,
    /// `resources/read`.
    Resource,
}

impl CallKind {
    /// The kind of call that `method` is.
    pub fn of(method: &str) -> Option<Self> {
        Some(match method {
            "tools/call" => Self::Tool,
            "prompts/get" => Self::Prompt,
            "resources/read" => Self::Resource,
            _ => return None,
        })
    }

    /// What a message of this kind calls, if that has been read.
    pub fn target(self, envelope: &Envelope) -> Option<&Text> {
        if self == Self::Resource { envelope.uri.as_ref() } else { envelope.name.as_ref() }
    }

    /// The member of `params` that names what is called.
    pub fn member(self) -> &'static str {
        if self == Self::Resource { "params.uri" } else { "params.name" }
    }
}

/// Where a message goes, as far as its bytes so far tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Early<'a> {
    /// Not clear yet.
    Unknown,
    /// To the broker.
    Broker,
    /// To the server that has the target.
    Call(Call<'a>),
    /// An answer of the client to a server's request: to that server, with its id as it was.
    Answer {
        /// The server, and the id it sent.
        to: Tagged,
        /// Where the client's id stands.
        id: Range<u64>,
    },
}

/// Decides as soon as it can. With `whole` the message has been read to its end and the answer is never
/// [`Early::Unknown`].
pub fn early(envelope: &Envelope, whole: bool) -> Early<'_> {
    if envelope.batch {
        return Early::Broker;
    }
    if let Some(method) = &envelope.method {
        let Some(kind) = CallKind::of(method) else { return Early::Broker };
        return match kind.target(envelope) {
            Some(target) => Early::Call(Call { kind, target }),
            None if whole => Early::Broker,
            None => Early::Unknown,
        };
    }
    if envelope.response
        && let Some(id) = &envelope.id
    {
        return match untag(id.raw().as_bytes()) {
            Some(to) => Early::Answer { to, id: envelope.id_span.clone() },
            None => Early::Broker,
        };
    }
    if whole { Early::Broker } else { Early::Unknown }
}

/// Checks a whole message: that it is one, and that it says the same as its headers. Batches are checked item by item.
pub fn verify(era: Era, head: &Head<'_>, envelope: &Envelope) -> Result<MessageKind, Refusal> {
    let kind = envelope.kind()?;
    match era {
        Era::Legacy if envelope.meta.protocol_version.is_some() => {
            Err(mismatch("params._meta names a protocol version, but header MCP-Protocol-Version does not."))
        }
        Era::Legacy => Ok(kind),
        Era::Modern => verify_modern(kind, head, envelope).map(|()| kind),
    }?;
    let target = envelope.method.as_deref().and_then(CallKind::of).filter(|_| kind == MessageKind::Request);
    if let Some(call) = target
        && early(envelope, true) == Early::Broker
    {
        let message = format!("{} has to be there, a string of at most 8 KiB.", call.member());
        return Err(Refusal::answer(era, code::INVALID_PARAMS, message));
    }
    Ok(kind)
}

/// What is said to a batch outside 2025-03-26 (400, -32600).
pub fn no_batches() -> Refusal {
    let message = "Only revision 2025-03-26 has batches: send each message on its own.";
    Refusal::transport(400, code::INVALID_REQUEST, message)
}

fn verify_modern(kind: MessageKind, head: &Head<'_>, envelope: &Envelope) -> Result<(), Refusal> {
    check_version(head.protocol_version)?;
    match kind {
        MessageKind::Response => {
            let message = "From 2026-07-28 on a client posts no responses: answer with inputResponses.";
            return Err(Refusal::transport(400, code::INVALID_REQUEST, message));
        }
        // Nothing is routed by a notification.
        MessageKind::Notification => return Ok(()),
        MessageKind::Request => {}
    }
    let Some(version) = &envelope.meta.protocol_version else {
        let message = "params._meta[\"io.modelcontextprotocol/protocolVersion\"] is missing.";
        return Err(Refusal::transport(400, code::INVALID_PARAMS, message));
    };
    if head.protocol_version != Some(version) {
        return Err(mismatch("Header MCP-Protocol-Version and params._meta name different protocol versions."));
    }
    if !envelope.meta.client_capabilities {
        let message = "params._meta[\"io.modelcontextprotocol/clientCapabilities\"] is missing or no object.";
        return Err(Refusal::transport(400, code::INVALID_PARAMS, message));
    }
    if head.mcp_method != envelope.method.as_deref() {
        return Err(mismatch("Header Mcp-Method is missing, or differs from the body's method."));
    }
    let (target, member) = match early(envelope, true) {
        Early::Call(call) => (&call.target.text, call.kind.member()),
        _ => match (&envelope.task_id, envelope.method.as_deref()) {
            (Some(task), Some("tasks/get" | "tasks/update" | "tasks/cancel")) => (&task.text, "params.taskId"),
            _ => return Ok(()),
        },
    };
    let name = head.mcp_name.and_then(decode_value);
    if name.as_deref() != Some(target) {
        return Err(mismatch(format!("Header Mcp-Name is missing, or differs from the body's {member}.")));
    }
    Ok(())
}

fn mismatch(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::transport(400, code::HEADER_MISMATCH, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Reader, read};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const MODERN_META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    #[test]
    fn decides_at_the_byte_that_tells() {
        let json = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"http_x","arguments":{}}}"#;
        let mut reader = Reader::default();
        let decided = json.bytes().position(|byte| {
            reader.push(&[byte]).unwrap();
            early(reader.envelope(), false) != Early::Unknown
        });
        assert_eq!(decided, Some(json.find("http_x").unwrap() + 6));
        let is_early = |json: &str, expected: Early<'_>| {
            assert_eq!(early(&read(json.as_bytes()).unwrap(), true), expected, "{json}");
        };
        let target = reader.envelope().name.as_ref().unwrap();
        is_early(json, Early::Call(Call { kind: CallKind::Tool, target }));
        is_early(r#"{"method":"tools/list"}"#, Early::Broker);
        is_early(r#"{"method":"tools/call","params":{"name":5}}"#, Early::Broker);
        is_early("[]", Early::Broker);
        is_early(r#"{"id":"other","result":{}}"#, Early::Broker);
        let to = Tagged { server: "demo".into(), raw: "5".into() };
        let answer = r#"{"id":"mcpgw:demo:n5","error":{"code":1,"message":"no"}}"#;
        is_early(answer, Early::Answer { to, id: 6..21 });
    }

    #[test]
    fn headers_and_body_say_the_same() {
        let head = Head {
            protocol_version: Some("2026-07-28"),
            mcp_method: Some("tools/call"),
            mcp_name: Some("=?base64?aHR0cF94?="),
            ..Head::default()
        };
        let call = |meta: &str| {
            read(
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"http_x",{meta}}}}}"#)
                    .as_bytes(),
            )
            .unwrap()
        };
        let code = |head: &Head<'_>, envelope: &Envelope| {
            verify(Era::Modern, head, envelope).map_or_else(|r| (r.status, r.code), |_| (200, 0))
        };
        let good = call(MODERN_META);
        assert_eq!(code(&head, &good), (200, 0));
        assert_eq!(code(&Head { mcp_name: Some("http_y"), ..head }, &good), (400, code::HEADER_MISMATCH));
        assert_eq!(code(&Head { mcp_name: None, ..head }, &good), (400, code::HEADER_MISMATCH));
        assert_eq!(code(&Head { mcp_method: Some("ping"), ..head }, &good), (400, code::HEADER_MISMATCH));
        assert_eq!(
            code(&Head { protocol_version: Some("2027-01-01"), ..head }, &good),
            (400, code::UNSUPPORTED_VERSION)
        );
        assert_eq!(code(&head, &call(r#""_meta":{}"#)), (400, code::INVALID_PARAMS));
        let version = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        assert_eq!(code(&head, &call(version)), (400, code::INVALID_PARAMS));
        let legacy = verify(Era::Legacy, &Head::default(), &good).unwrap_err();
        assert_eq!((legacy.status, legacy.code), (400, code::HEADER_MISMATCH));
    }

    #[test]
    fn a_call_names_its_target() {
        let envelope = read(br#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"name":"x"}}"#).unwrap();
        let refusal = verify(Era::Legacy, &Head::default(), &envelope).unwrap_err();
        assert_eq!((refusal.status, refusal.code), (200, code::INVALID_PARAMS));
        assert!(refusal.message.contains("params.uri"));
    }
}
