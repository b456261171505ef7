//! Answers of a server that settled a newer revision than the client did.

use crate::upstream::ANSWER_LIMIT;
use protocol::era::Revision;
use protocol::era::to_legacy::revision::{is_older, response};
use protocol::sse::{Decoder, Event, TooLong, frame};

/// Makes what the client's revision knows of what it does not. Works on what the client would get.
pub(crate) struct Leveller {
    revision: Option<Revision>,
    decoder: Decoder,
}

impl Leveller {
    /// For a client of `revision` and a server that settled `server`.
    pub(crate) fn new(revision: Revision, server: &str) -> Self {
        Self::of(Some(revision).filter(|r| is_older(*r) && r.as_str() != server))
    }

    /// Changes nothing.
    pub(crate) fn idle() -> Self {
        Self::of(None)
    }

    fn of(revision: Option<Revision>) -> Self {
        Self { revision, decoder: Decoder::new(ANSWER_LIMIT) }
    }

    /// A whole message.
    pub(crate) fn message(&self, message: Vec<u8>) -> Vec<u8> {
        let Some(revision) = self.revision else { return message };
        let changed = std::str::from_utf8(&message).ok().and_then(|text| response(text, revision));
        changed.map_or(message, String::into_bytes)
    }

    /// Further bytes of a stream of events: gives the events that they complete.
    ///
    /// # Errors
    /// An event is larger than the gateway takes.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, TooLong> {
        let Some(revision) = self.revision else { return Ok(bytes) };
        let events = self.decoder.push(&bytes)?;
        Ok(events.into_iter().flat_map(|event| leveled(event, revision).into_bytes()).collect())
    }
}

fn leveled(event: Event, revision: Revision) -> String {
    let Event { event: name, data, id, retry } = event;
    let mut out = String::new();
    if let Some(id) = id {
        out.push_str(&format!("id: {id}\n"));
    }
    if let Some(retry) = retry {
        out.push_str(&format!("retry: {retry}\n"));
    }
    if data.is_empty() {
        return format!("{out}data:\n\n");
    }
    let framed = frame(response(&data, revision).as_ref().unwrap_or(&data));
    let named = if name.is_empty() || name == "message" { framed } else { framed.replacen("message", &name, 1) };
    out + &named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_older_client_cannot_read_changes() {
        let stream = "id: 1\ndata:\n\n: c\n\ndata: {\"id\":1,\"result\":{\"content\":[],\"structuredContent\":{}}}\n\n";
        let through = |revision, server| {
            let mut leveller = Leveller::new(revision, server);
            let parts: Vec<_> = stream.bytes().map(|byte| leveller.push(vec![byte]).unwrap()).collect();
            String::from_utf8(parts.concat()).unwrap()
        };
        let old = Revision::V2025_03_26;
        assert_eq!(through(old, old.as_str()), stream);
        assert_eq!(through(Revision::V2025_06_18, "2025-11-25"), stream);
        let text = r#"{"id":1,"result":{"content":[{"type":"text","text":"{}"}]}}"#;
        assert_eq!(through(old, "2025-11-25"), format!("id: 1\ndata:\n\nevent: message\ndata: {text}\n\n"));
        let whole = Leveller::new(old, "2025-11-25");
        assert_eq!(whole.message(br#"{"id":1,"result":{"structuredContent":1}}"#.to_vec()), br#"{"id":1,"result":{}}"#);
        assert_eq!(Leveller::idle().message(b"<".to_vec()), b"<");
    }
}
