//! A stream of events, edited line by line.

use super::message::{Message, Summary};
use super::rules::Rules;
use crate::sse::{Lines, Part};

/// Longest field name that matters, with its colon and the space after it.
const FIELD: usize = 6;

/// A line that has clients pass over the event that it ends: they know no such type.
const VOID: &[u8] = b"event: void\n";

#[derive(Debug)]
enum Line {
    /// The field is not known yet; its bytes so far.
    Field(Vec<u8>),
    /// After `data:` and its space.
    Data,
    /// After `id:` and its space; whether a byte of the value has come.
    Id { begun: bool },
    /// Any other field, or a comment.
    Other,
}

/// A stream of events on its way.
#[derive(Debug)]
pub(super) struct Events {
    /// What may still come of the byte order mark that a stream may begin with.
    mark: &'static [u8],
    lines: Lines,
    line: Line,
    message: Message,
    /// An event has had an id.
    ids: bool,
}

impl Events {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            mark: "\u{feff}".as_bytes(),
            lines: Lines::default(),
            line: Line::Field(Vec::new()),
            message: Message::new(rules),
            ids: false,
        }
    }

    /// Edits further bytes; `each` is told what every complete message was, and says whether it is for the client.
    pub(super) fn push(
        &mut self,
        chunk: &[u8],
        rules: &Rules,
        out: &mut Vec<u8>,
        each: &mut impl FnMut(Summary) -> bool,
    ) {
        let mut rest = chunk;
        while let (Some((&expected, mark)), Some((&byte, after))) = (self.mark.split_first(), rest.split_first()) {
            self.mark = if byte == expected { mark } else { &[] };
            if byte == expected {
                self.message.pass(&[byte], out);
                rest = after;
            }
        }
        while let Some((part, left)) = self.lines.split(rest) {
            rest = left;
            match part {
                Part::Text(text) => self.text(text, rules, out),
                Part::End(end) => self.end_line(end, rules, out, each),
                Part::Lf => self.message.pass(b"\n", out),
            }
        }
    }

    /// Whether an event has had an id.
    pub(super) fn ids(&self) -> bool {
        self.ids
    }

    /// Ends the stream: what is held goes out as it is. A message that is whole, and has no end of its event, gets one: many a reader
    /// would take it without, and `each` is told of it.
    pub(super) fn finish(&mut self, rules: &Rules, out: &mut Vec<u8>, each: &mut impl FnMut(Summary) -> bool) {
        if self.in_line() {
            self.field(rules, out, true);
        }
        let whole = self.message.is_whole();
        let summary = self.message.finish(out);
        if whole {
            // Ends the line, or makes the carriage return that did one of two bytes.
            out.push(b'\n');
            if !each(summary) {
                out.extend_from_slice(VOID);
            }
            out.push(b'\n');
            self.line = Line::Field(Vec::new());
            self.message = Message::new(rules);
        }
    }

    /// After [`Self::finish`]: has an event that was cut off passed over, so that another one can follow.
    pub(super) fn void(&self, out: &mut Vec<u8>) {
        if self.in_line() {
            out.push(b'\n');
        }
        if self.in_line() || !self.message.is_new() {
            out.extend_from_slice(VOID);
            out.push(b'\n');
        }
    }

    /// Whether a line has begun.
    fn in_line(&self) -> bool {
        !matches!(&self.line, Line::Field(head) if head.is_empty())
    }

    fn text(&mut self, text: &[u8], rules: &Rules, out: &mut Vec<u8>) {
        match &mut self.line {
            Line::Data => self.message.push(text, rules, out),
            Line::Other => self.message.pass(text, out),
            Line::Id { begun } => {
                if !std::mem::replace(begun, true) {
                    self.ids = true;
                    self.message.pass(format!("{}:", rules.server).as_bytes(), out);
                }
                self.message.pass(text, out);
            }
            Line::Field(head) => {
                let (more, rest) = text.split_at_checked(FIELD.saturating_sub(head.len())).unwrap_or((text, &[]));
                head.extend_from_slice(more);
                if head.len() >= FIELD {
                    self.field(rules, out, false);
                    if !rest.is_empty() {
                        self.text(rest, rules, out);
                    }
                }
            }
        }
    }

    /// Decides what the line is, by its first bytes or all of them.
    fn field(&mut self, rules: &Rules, out: &mut Vec<u8>, whole: bool) {
        let Line::Field(head) = &mut self.line else { return };
        let head = std::mem::take(head);
        let after = |name: &[u8]| {
            let value = head.strip_prefix(name)?;
            Some(value.strip_prefix(b" ").unwrap_or(value).len())
        };
        let (line, value) = match (after(b"data:"), after(b"id:")) {
            (Some(value), _) => (Line::Data, value),
            (_, Some(value)) => (Line::Id { begun: false }, value),
            // A field without a colon has an empty value.
            _ if whole && head == b"data" => (Line::Data, 0),
            _ => (Line::Other, 0),
        };
        let (name, value) = head.split_at_checked(head.len() - value).unwrap_or((&head, &[]));
        self.message.pass(name, out);
        self.line = line;
        if !value.is_empty() {
            self.text(value, rules, out);
        }
    }

    fn end_line(&mut self, end: &[u8], rules: &Rules, out: &mut Vec<u8>, each: &mut impl FnMut(Summary) -> bool) {
        let empty = matches!(&self.line, Line::Field(head) if head.is_empty());
        if empty {
            let message = std::mem::replace(&mut self.message, Message::new(rules));
            Self::end_event(message, end, out, each);
        } else {
            self.field(rules, out, true);
            if matches!(self.line, Line::Data) {
                // Lines of data are joined with line feeds. Behind the last one it is white space, too.
                self.message.skip(b"\n", rules, out);
            }
            self.message.pass(end, out);
        }
        self.line = Line::Field(Vec::new());
    }

    fn end_event(mut message: Message, end: &[u8], out: &mut Vec<u8>, each: &mut impl FnMut(Summary) -> bool) {
        if message.is_new() {
            message.finish(out);
        } else {
            // What the gateway cannot read it answers itself, and the client might.
            let too_deep = message.is_too_deep();
            if !each(message.finish(out)) || too_deep {
                out.extend_from_slice(VOID);
            }
        }
        out.extend_from_slice(end);
    }
}
