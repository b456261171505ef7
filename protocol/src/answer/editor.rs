//! The editor of one answer.

use super::event::Events;
use super::message::{Message, Summary};
use super::rules::Rules;
use crate::http::Media;
use crate::jsonrpc::Id;

/// Edits one answer as it passes. See the module's documentation.
#[derive(Debug)]
pub struct Editor {
    rules: Rules,
    body: Body,
    seen: Seen,
}

/// What the messages so far were.
#[derive(Debug, Default)]
struct Seen {
    expected: Option<Id>,
    answered: bool,
    list_changed: bool,
}

impl Seen {
    /// Takes note of a message. Returns whether it is for the client: a second answer to its request is not.
    fn note(&mut self, summary: &Summary) -> bool {
        self.list_changed |= summary.list_changed;
        let answers = summary.answers.is_some() && summary.answers == self.expected;
        !(answers && std::mem::replace(&mut self.answered, true))
    }
}

#[derive(Debug)]
enum Body {
    // Boxed, since an editor is made for every request and most are of one kind.
    Json(Box<Message>),
    Sse(Box<Events>),
}

impl Editor {
    /// An editor for an answer of this media type.
    pub fn new(media: Media, rules: Rules) -> Self {
        let body = match media {
            Media::Json => Body::Json(Box::new(Message::new(&rules))),
            Media::Sse => Body::Sse(Box::new(Events::new(&rules))),
        };
        Self { rules, body, seen: Seen::default() }
    }

    /// Watches for the answer to the request with this id.
    #[must_use]
    pub fn expect(mut self, id: Id) -> Self {
        self.seen.expected = Some(id);
        self
    }

    /// Edits further bytes; what can go out is added to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match &mut self.body {
            Body::Json(message) => message.push(chunk, &self.rules, out),
            Body::Sse(events) => events.push(chunk, &self.rules, out, &mut |summary| self.seen.note(&summary)),
        }
    }

    /// Ends the answer: what is held goes out. Of a stream, a whole message that lacks nothing but the end of its event gets that.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match &mut self.body {
            Body::Json(message) => {
                let summary = message.finish(out);
                self.seen.note(&summary);
            }
            Body::Sse(events) => events.finish(&self.rules, out, &mut |summary| self.seen.note(&summary)),
        }
    }

    /// After [`Editor::finish`], before another event is added to a stream: ends an event that was cut off, in a way that has clients pass
    /// over it.
    pub fn void(&self, out: &mut Vec<u8>) {
        if let Body::Sse(events) = &self.body {
            events.void(out);
        }
    }

    /// Whether the expected request has been answered. For JSON it is known after [`Editor::finish`], for a stream when the
    /// event has passed.
    pub fn answered(&self) -> bool {
        self.seen.answered
    }

    /// Whether the client can have a stream resumed that ends before its answer: its events have ids (*Transports*,
    /// *Resumability and Redelivery*).
    pub fn resumable(&self) -> bool {
        matches!(&self.body, Body::Sse(events) if events.ids())
    }

    /// Whether the server said that one of its lists changed.
    pub fn list_changed(&self) -> bool {
        self.seen.list_changed
    }
}
