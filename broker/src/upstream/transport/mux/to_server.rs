//! A client's message on a connection that is shared: its id and progress token replaced.

use crate::upstream::error::UpstreamError;
use bytes::Bytes;
use protocol::jsonrpc::Id;
use protocol::request::{self, Envelope, MessageKind};
use std::ops::Range;

/// A message to a server.
#[derive(Debug)]
pub(in super::super) struct ToServer {
    body: Bytes,
    envelope: Envelope,
    kind: MessageKind,
}

impl ToServer {
    /// Reads a message.
    ///
    /// # Errors
    /// [`UpstreamError::Malformed`] if it is none; whoever made it has read it before.
    pub(in super::super) fn read(body: Bytes) -> Result<Self, UpstreamError> {
        let wrong = |_| UpstreamError::Malformed("a message that cannot be sent on");
        let envelope = request::read(&body).map_err(wrong)?;
        let kind = envelope.kind().map_err(wrong)?;
        Ok(Self { body, envelope, kind })
    }

    pub(in super::super) fn kind(&self) -> MessageKind {
        self.kind
    }

    pub(in super::super) fn method(&self) -> &str {
        self.envelope.method.as_deref().unwrap_or_default()
    }

    pub(in super::super) fn id(&self) -> Option<&Id> {
        self.envelope.id.as_ref()
    }

    /// `params.uri`.
    pub(super) fn uri(&self) -> Option<&str> {
        self.envelope.uri.as_ref().map(|uri| uri.text.as_str())
    }

    /// `params._meta.progressToken`, raw.
    pub(super) fn progress_token(&self) -> Option<String> {
        let token = self.envelope.meta.progress_token.as_ref()?;
        String::from_utf8(token.bytes.clone()).ok()
    }

    /// `params.requestId`.
    pub(super) fn request_id(&self) -> Option<Id> {
        Id::from_raw(&self.envelope.request_id.as_ref()?.bytes)
    }

    /// The message as one line.
    pub(in super::super) fn unchanged(&self) -> Bytes {
        one_line(self.body.clone())
    }

    /// The message with `number` as its id and progress token.
    pub(super) fn numbered(&self, number: u64) -> Bytes {
        let token = self.envelope.meta.progress_token.as_ref().map(|token| token.span.clone());
        self.with(number, [Some(self.envelope.id_span.clone()), token])
    }

    /// A `notifications/cancelled` for the request that went up as `number`.
    pub(super) fn cancelling(&self, number: u64) -> Bytes {
        self.with(number, [self.envelope.request_id.as_ref().map(|raw| raw.span.clone()), None])
    }

    fn with(&self, number: u64, places: [Option<Range<u64>>; 2]) -> Bytes {
        let mut places: Vec<_> = places.into_iter().flatten().collect();
        places.sort_by_key(|place| place.start);
        let number = number.to_string();
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(self.body.len());
        let mut out = Vec::with_capacity(self.body.len() + 32);
        let mut from = 0;
        for place in places {
            out.extend_from_slice(self.body.get(from..at(place.start)).unwrap_or_default());
            out.extend_from_slice(number.as_bytes());
            from = at(place.end);
        }
        out.extend_from_slice(self.body.get(from..).unwrap_or_default());
        one_line(out.into())
    }
}

/// Line ends in JSON are white space between tokens: a message is one line on a standard stream.
fn one_line(body: Bytes) -> Bytes {
    if !body.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return body;
    }
    body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ToServer {
        ToServer::read(Bytes::from(text.to_owned())).unwrap()
    }

    #[test]
    fn only_id_and_token_are_replaced() {
        let message = read(
            "{\"jsonrpc\":\"2.0\",\r\n \"params\":{\"a\":1e400,\"_meta\":{ \"progressToken\":\"t\\u00e9\"}},\
             \"method\":\"tools/call\",\"id\":9007199254740993}",
        );
        assert_eq!(
            message.numbered(7),
            "{\"jsonrpc\":\"2.0\",   \"params\":{\"a\":1e400,\"_meta\":{ \"progressToken\":7}},\
             \"method\":\"tools/call\",\"id\":7}"
        );
        assert_eq!(message.progress_token().as_deref(), Some("\"t\\u00e9\""));
    }

    #[test]
    fn a_cancellation_names_the_number() {
        let message =
            read(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x","reason":"\n"}}"#);
        assert_eq!(
            message.cancelling(3),
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3,"reason":"\n"}}"#
        );
    }
}
