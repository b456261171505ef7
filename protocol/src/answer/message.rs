//! One JSON message, edited as it passes.

use super::rules::Rules;
use crate::json::{Found, Kind, Mark, ScanError, Scanner, unquote};
use crate::jsonrpc::Id;
use crate::naming::tag;

/// Most bytes that are held until it is clear what a value is.
const HELD: usize = 64 << 10;

/// What a message turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Unknown,
    /// `method` or `params` was seen: its `id` is the server's.
    Asking,
    /// `result` or `error` was seen: its `id` is the client's.
    Answering,
}

/// One message on its way.
#[derive(Debug)]
pub(super) struct Message {
    scanner: Scanner,
    way: Way,
    /// It is not JSON; the rest passes as it is.
    broken: bool,
    /// It is broken by being nested deeper than is read.
    too_deep: bool,
}

/// A value that has not gone out, since what comes after it tells what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The `id` of a message of unknown sort.
    Id,
    /// `params.message` of a message of unknown method.
    Message,
}

/// The state that finding a value changes.
#[derive(Debug)]
struct Way {
    sort: Sort,
    /// Whether `method` was seen, and is `elicitation/create`.
    elicits: Option<bool>,
    waiting: Waiting,
    /// The waiting value, and all that came after it; the value is `held[..held_len]`.
    held: Vec<u8>,
    held_len: usize,
    id: Option<Id>,
    list_changed: bool,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            sort: Sort::Unknown,
            elicits: None,
            waiting: Waiting::Id,
            held: Vec::new(),
            held_len: 0,
            id: None,
            list_changed: false,
        }
    }
}

/// What a complete message was.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    /// It answered the request with this id.
    pub(super) answers: Option<Id>,
    /// It said that a list changed.
    pub(super) list_changed: bool,
}

impl Message {
    pub(super) fn new(rules: &Rules) -> Self {
        Self { scanner: Scanner::new(rules.tree()), way: Way::default(), broken: false, too_deep: false }
    }

    /// Whether nothing of the message has come yet.
    pub(super) fn is_new(&self) -> bool {
        self.scanner.position() == 0
    }

    /// Whether all of a message has come.
    pub(super) fn is_whole(&self) -> bool {
        !self.broken && !self.is_new() && self.scanner.finish().is_ok()
    }

    /// Whether the message cannot be read for its nesting alone. A client may be able to.
    pub(super) fn is_too_deep(&self) -> bool {
        self.too_deep
    }

    /// Bytes between two lines of the message that are no part of it.
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.way.emit(bytes, out);
    }

    /// White space of the message that the transport stands for: what it ends goes out, it does not.
    pub(super) fn skip(&mut self, space: &[u8], rules: &Rules, out: &mut Vec<u8>) {
        if self.broken {
            return;
        }
        let open = self.scanner.open_bytes().to_vec();
        let (way, mut ended) = (&mut self.way, false);
        let result = self.scanner.push(space, &mut |found| {
            ended = true;
            way.take(&found, rules, out);
        });
        if result.is_err() {
            self.broken = true;
            if !ended {
                self.way.emit(&open, out);
            }
            self.way.settle(out);
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], rules: &Rules, out: &mut Vec<u8>) {
        if self.broken {
            return self.way.emit(bytes, out);
        }
        let base = self.scanner.position();
        let offset = |at: u64| usize::try_from(at.saturating_sub(base)).unwrap_or(usize::MAX).min(bytes.len());
        // Up to where `bytes` have gone out. What belongs to an open value stays in the scanner.
        let mut gone = 0;
        let mut ended = false;
        let before = self.scanner.open_bytes().to_vec();
        let way = &mut self.way;
        let result = self.scanner.push(bytes, &mut |found| {
            let start = offset(found.span.start);
            way.emit(bytes.get(gone..start).unwrap_or_default(), out);
            gone = offset(found.span.end).max(start);
            ended = true;
            way.take(&found, rules, out);
        });
        if let Err(error) = result {
            self.broken = true;
            self.too_deep = error == ScanError::Depth;
            if !ended {
                way.emit(&before, out);
            }
            way.emit(bytes.get(gone..).unwrap_or_default(), out);
            return way.settle(out);
        }
        let end = self.scanner.open_scalar().map_or(bytes.len(), offset);
        way.emit(bytes.get(gone..end).unwrap_or_default(), out);
    }

    /// Ends the message: gives out what is held, and says what it was.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Summary {
        if !self.broken {
            self.way.emit(self.scanner.open_bytes(), out);
        }
        self.way.settle(out);
        let whole = self.is_whole();
        Summary {
            answers: self.way.id.take().filter(|_| whole && self.way.sort == Sort::Answering),
            list_changed: whole && self.way.list_changed,
        }
    }
}

impl Way {
    fn emit(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            return out.extend_from_slice(bytes);
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() > HELD {
            self.settle(out);
        }
    }

    fn take(&mut self, found: &Found<'_>, rules: &Rules, out: &mut Vec<u8>) {
        match found.mark {
            Mark::Id => {
                self.id = Id::from_raw(found.raw).filter(|_| !found.truncated);
                match self.sort {
                    Sort::Unknown if self.held.is_empty() => return self.hold(Waiting::Id, found.raw),
                    Sort::Asking => return self.emit(&tag(&rules.server, found.raw), out),
                    _ => {}
                }
            }
            Mark::Method => {
                let method = unquote(found.raw);
                let method = method.as_deref().unwrap_or_default();
                self.list_changed = method.starts_with("notifications/") && method.ends_with("/list_changed");
                self.elicits = Some(method == "elicitation/create");
                self.decide_message(rules);
                self.classify(Sort::Asking, rules, out);
                self.settle(out);
            }
            Mark::Params => self.classify(Sort::Asking, rules, out),
            Mark::Result | Mark::Error => self.classify(Sort::Answering, rules, out),
            Mark::ParamsMessage if rules.label_elicitations && found.kind == Kind::String => {
                let labelled = match self.elicits {
                    Some(true) => rules.labelled(found.raw),
                    None if self.held.is_empty() && !found.truncated => return self.hold(Waiting::Message, found.raw),
                    _ => None,
                };
                return self.emit(labelled.as_deref().unwrap_or(found.raw), out);
            }
            _ => {}
        }
        match rules.replacement(found) {
            Some(replacement) => self.emit(&replacement, out),
            None => self.emit(found.raw, out),
        }
    }

    fn hold(&mut self, waiting: Waiting, raw: &[u8]) {
        // What follows comes soon, and is short mostly.
        self.held.reserve(raw.len() + 64);
        self.held.extend_from_slice(raw);
        self.held_len = raw.len();
        self.waiting = waiting;
    }

    /// What is held, as the value and the rest, if it is this one that waits.
    fn held(&self, waiting: Waiting) -> Option<(&[u8], &[u8])> {
        if self.waiting != waiting || self.held_len == 0 {
            return None;
        }
        self.held.split_at_checked(self.held_len)
    }

    fn decide_message(&mut self, rules: &Rules) {
        if self.elicits == Some(true)
            && let Some((message, rest)) = self.held(Waiting::Message)
            && let Some(labelled) = rules.labelled(message)
        {
            self.held = [labelled.as_slice(), rest].concat();
        }
    }

    fn classify(&mut self, sort: Sort, rules: &Rules, out: &mut Vec<u8>) {
        if self.sort != Sort::Unknown {
            return;
        }
        self.sort = sort;
        if sort == Sort::Asking
            && let Some((id, rest)) = self.held(Waiting::Id)
        {
            self.held = [tag(&rules.server, id).as_slice(), rest].concat();
        }
        self.settle(out);
    }

    /// Lets go of what is held.
    fn settle(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.held_len = 0;
    }
}
