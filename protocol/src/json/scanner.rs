//! The push parser.

use super::node::{Mark, Node};
use super::number::Number;
use super::strings;
use super::utf8::Utf8;
use std::ops::Range;

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 512;
/// Most bytes of one name or reported scalar that are kept.
pub const MAX_CAPTURE: usize = 8 << 10;
/// Most members of an object whose members have to be unique.
pub const MAX_MEMBERS: usize = 1024;

const WORDS: usize = MAX_DEPTH / 64;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{`.
    Object,
    /// `[`.
    Array,
    /// A string.
    String,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Literal,
}

/// A value of interest.
#[derive(Debug)]
pub struct Found<'a> {
    /// What the tree calls it.
    pub mark: Mark,
    /// The raw name of the member that it is, quotes included, where the tree takes members of any name.
    pub name: &'a [u8],
    /// What it is.
    pub kind: Kind,
    /// Where its bytes stand, counted from the beginning of the message. Empty for objects and arrays.
    pub span: Range<u64>,
    /// Its bytes as they came, quotes included. Empty for objects and arrays.
    pub raw: &'a [u8],
    /// The scalar is longer than [`MAX_CAPTURE`]; `raw` and `span` may be its beginning only.
    pub truncated: bool,
}

/// Why a message is not read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanError {
    /// Not JSON.
    Syntax,
    /// Two members of one name where they have to be unique.
    Duplicate,
    /// Nesting above [`MAX_DEPTH`].
    Depth,
    /// More than [`MAX_MEMBERS`] members, or a name above [`MAX_CAPTURE`], where members have to be unique.
    Members,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value has to begin.
    Value,
    /// After `[`: a value or the end.
    FirstItem,
    /// After `{`: a name or the end.
    FirstKey,
    /// After `,` in an object.
    Key,
    /// After a name.
    Colon,
    /// After a value inside an object or array.
    Next,
    /// Inside a string.
    String {
        key: bool,
    },
    /// After a backslash.
    Escape {
        key: bool,
    },
    /// Inside `\uXXXX`, with so many digits to come.
    Unicode {
        key: bool,
        left: u8,
    },
    Number(Number),
    /// Inside `true`, `false` or `null`, with these bytes to come.
    Literal(&'static [u8]),
    /// The message is complete.
    End,
}

/// A container on the way to the current place, as far as the tree knows it.
#[derive(Debug)]
struct Level {
    node: &'static Node,
    /// Where its members' hashes begin in [`Scanner::seen`].
    first: usize,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Scanner {
    state: State,
    /// Absolute offset of the next byte.
    at: u64,
    /// One bit a level: set for an object.
    objects: [u64; WORDS],
    depth: usize,
    /// The outermost containers, while the tree has nodes for them.
    levels: Vec<Level>,
    /// Hashes of the members of the open containers whose members have to be unique.
    seen: Vec<u64>,
    /// The node of the value that comes next or is open.
    node: Option<&'static Node>,
    /// Where the open name or scalar began.
    start: u64,
    /// Whether its bytes are kept.
    capturing: bool,
    captured: Vec<u8>,
    /// See [`Found::name`].
    name: Vec<u8>,
    utf8: Utf8,
}

impl Scanner {
    /// A scanner for one message, whose value is at `root`.
    pub fn new(root: &'static Node) -> Self {
        Self {
            state: State::Value,
            at: 0,
            objects: [0; WORDS],
            depth: 0,
            levels: Vec::with_capacity(8),
            seen: Vec::with_capacity(if root.unique { 16 } else { 0 }),
            node: Some(root),
            start: 0,
            capturing: false,
            captured: Vec::new(),
            name: Vec::new(),
            utf8: Utf8::default(),
        }
    }

    /// Offset of the next byte.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Where a reported scalar began that has not ended yet.
    pub fn open_scalar(&self) -> Option<u64> {
        (self.capturing && !self.in_key()).then_some(self.start)
    }

    /// Whether a whole message has been read, so that only white space may follow.
    pub fn complete(&self) -> bool {
        self.state == State::End
    }

    /// Ends the message. A number at top level ends here too.
    pub fn finish(&self) -> Result<(), ScanError> {
        match self.state {
            State::End => Ok(()),
            State::Number(n) if self.depth == 0 && n.complete() => Ok(()),
            _ => Err(ScanError::Syntax),
        }
    }

    fn in_key(&self) -> bool {
        matches!(
            self.state,
            State::String { key: true } | State::Escape { key: true } | State::Unicode { key: true, .. }
        )
    }

    /// Reads further bytes and reports what they complete. After an error the scanner is of no further use.
    pub fn push(&mut self, chunk: &[u8], found: &mut dyn FnMut(Found<'_>)) -> Result<(), ScanError> {
        let mut rest = chunk;
        // Where in `chunk` the open scalar's bytes begin: at 0 if it was open before.
        let mut scalar = 0;
        while let Some((&byte, tail)) = rest.split_first() {
            let here = chunk.len() - rest.len();
            match self.state {
                State::String { key } => {
                    let plain = if self.utf8.complete() { strings::plain(rest) } else { 0 };
                    let (text, mut after) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
                    self.at += text.len() as u64;
                    if !matches!(after.first(), Some(b'"' | b'\\')) {
                        let special = memchr::memchr2(b'"', b'\\', after).unwrap_or(after.len());
                        let (text, rest) = after.split_at_checked(special).unwrap_or((after, &[]));
                        self.text(text)?;
                        after = rest;
                    }
                    rest = after;
                    let Some((&stop, tail)) = after.split_first() else { continue };
                    rest = tail;
                    self.at += 1;
                    if !self.utf8.complete() {
                        return Err(ScanError::Syntax);
                    }
                    if stop == b'\\' {
                        self.state = State::Escape { key };
                    } else {
                        let end = chunk.len() - rest.len();
                        let bytes = chunk.get(scalar..end).unwrap_or_default();
                        if key { self.end_key(bytes)? } else { self.end_scalar(Kind::String, bytes, found) }
                    }
                    continue;
                }
                State::Escape { key } => {
                    self.state = match byte {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::String { key },
                        b'u' => State::Unicode { key, left: 4 },
                        _ => return Err(ScanError::Syntax),
                    };
                }
                State::Unicode { key, left } => {
                    if !byte.is_ascii_hexdigit() {
                        return Err(ScanError::Syntax);
                    }
                    self.state = if left == 1 { State::String { key } } else { State::Unicode { key, left: left - 1 } };
                }
                State::Number(number) => match number.step(byte) {
                    Some(next) => self.state = State::Number(next),
                    None if number.complete() => {
                        self.end_scalar(Kind::Number, chunk.get(scalar..here).unwrap_or_default(), found);
                        // This byte belongs to what follows.
                        continue;
                    }
                    None => return Err(ScanError::Syntax),
                },
                State::Literal(left) => match left.split_first() {
                    Some((&expected, more)) if expected == byte => {
                        self.state = State::Literal(more);
                        if more.is_empty() {
                            self.at += 1;
                            rest = tail;
                            self.end_scalar(Kind::Literal, chunk.get(scalar..=here).unwrap_or_default(), found);
                            continue;
                        }
                    }
                    _ => return Err(ScanError::Syntax),
                },
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => {}
                State::Value | State::FirstItem | State::FirstKey | State::Key => {
                    scalar = here;
                    self.begin(byte, found)?;
                }
                State::Colon => {
                    if byte != b':' {
                        return Err(ScanError::Syntax);
                    }
                    self.state = State::Value;
                }
                State::Next => match (byte, self.in_object()) {
                    (b',', true) => self.state = State::Key,
                    (b',', false) => {
                        self.node = self.items_node();
                        self.state = State::Value;
                    }
                    (b'}', true) | (b']', false) => self.close(),
                    _ => return Err(ScanError::Syntax),
                },
                State::End => return Err(ScanError::Syntax),
            }
            self.at += 1;
            rest = tail;
        }
        self.keep_open(chunk.get(scalar..).unwrap_or_default(), found);
        Ok(())
    }

    /// The bytes of a reported scalar that has not ended yet, as far as they came in earlier chunks.
    pub fn open_bytes(&self) -> &[u8] {
        if self.open_scalar().is_some() { &self.captured } else { &[] }
    }

    /// The first byte of a value or name, or the end of an empty container.
    fn begin(&mut self, byte: u8, found: &mut dyn FnMut(Found<'_>)) -> Result<(), ScanError> {
        match (self.state, byte) {
            (State::FirstKey, b'}') | (State::FirstItem, b']') => {
                self.close();
                return Ok(());
            }
            (State::FirstKey | State::Key, b'"') => {
                self.start = self.at;
                self.captured.clear();
                // Names are needed where the tree may know them.
                self.capturing = self.levels.len() == self.depth;
                self.state = State::String { key: true };
                return Ok(());
            }
            (State::FirstKey | State::Key, _) => return Err(ScanError::Syntax),
            _ => {}
        }
        let mark = self.node.and_then(|n| n.mark);
        match byte {
            b'{' | b'[' => {
                let kind = if byte == b'{' { Kind::Object } else { Kind::Array };
                if let Some(mark) = mark {
                    let name = &self.name;
                    found(Found { mark, name, kind, span: self.at..self.at, raw: &[], truncated: false });
                }
                return self.open(kind);
            }
            b'"' => self.state = State::String { key: false },
            b't' => self.state = State::Literal(b"rue"),
            b'f' => self.state = State::Literal(b"alse"),
            b'n' => self.state = State::Literal(b"ull"),
            _ => self.state = State::Number(Number::start(byte).ok_or(ScanError::Syntax)?),
        }
        self.start = self.at;
        self.captured.clear();
        self.capturing = mark.is_some();
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> Result<(), ScanError> {
        if text.is_empty() {
            return Ok(());
        }
        if text.iter().any(|b| *b < 0x20) || !self.utf8.push(text) {
            return Err(ScanError::Syntax);
        }
        self.at += text.len() as u64;
        Ok(())
    }

    fn open(&mut self, kind: Kind) -> Result<(), ScanError> {
        let word = self.objects.get_mut(self.depth / 64).ok_or(ScanError::Depth)?;
        let bit = 1 << (self.depth % 64);
        if kind == Kind::Object {
            *word |= bit;
        } else {
            *word &= !bit;
        }
        if self.levels.len() == self.depth
            && let Some(node) = self.node
        {
            self.levels.push(Level { node, first: self.seen.len() });
        }
        self.depth += 1;
        if kind == Kind::Object {
            self.state = State::FirstKey;
        } else {
            self.node = self.items_node();
            self.state = State::FirstItem;
        }
        Ok(())
    }

    fn close(&mut self) {
        if self.levels.len() == self.depth
            && let Some(level) = self.levels.pop()
        {
            self.seen.truncate(level.first);
        }
        self.depth = self.depth.saturating_sub(1);
        self.after_value();
    }

    fn after_value(&mut self) {
        self.capturing = false;
        self.node = None;
        self.state = if self.depth == 0 { State::End } else { State::Next };
    }

    fn in_object(&self) -> bool {
        let top = self.depth.saturating_sub(1);
        self.objects.get(top / 64).is_some_and(|word| word & (1 << (top % 64)) != 0)
    }

    /// The innermost container, if the tree knows it.
    fn level(&self) -> Option<&Level> {
        if self.levels.len() == self.depth { self.levels.last() } else { None }
    }

    fn items_node(&self) -> Option<&'static Node> {
        self.level().and_then(|level| level.node.items)
    }

    fn end_key(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        self.state = State::Colon;
        self.node = None;
        let captured = std::mem::take(&mut self.captured);
        let raw = if captured.is_empty() { bytes } else { &[captured.as_slice(), bytes].concat() };
        let whole = std::mem::replace(&mut self.capturing, false) && raw.len() <= MAX_CAPTURE;
        let known = self.levels.last().filter(|_| self.levels.len() == self.depth);
        let result = known.map_or(Ok(None), |level| level.key(raw, whole, &mut self.seen));
        if known.is_some_and(|level| level.node.any_member.is_some_and(|node| node.mark.is_some())) {
            self.name.clear();
            self.name.extend_from_slice(raw);
        }
        self.captured = captured;
        self.node = result?;
        Ok(())
    }

    fn end_scalar(&mut self, kind: Kind, bytes: &[u8], found: &mut dyn FnMut(Found<'_>)) {
        if self.capturing
            && let Some(mark) = self.node.and_then(|n| n.mark)
        {
            self.captured.extend_from_slice(if self.captured.is_empty() { &[] } else { bytes });
            let raw = if self.captured.is_empty() { bytes } else { &self.captured };
            let span = self.start..self.start + raw.len() as u64;
            found(Found { mark, name: &self.name, kind, span, raw, truncated: raw.len() > MAX_CAPTURE });
        }
        self.after_value();
    }

    /// The chunk is at its end: keeps the bytes of an open name or scalar.
    fn keep_open(&mut self, bytes: &[u8], found: &mut dyn FnMut(Found<'_>)) {
        if !self.capturing {
            return;
        }
        self.captured.extend_from_slice(bytes);
        if self.captured.len() <= MAX_CAPTURE {
            return;
        }
        self.capturing = false;
        if !self.in_key()
            && let Some(mark) = self.node.and_then(|n| n.mark)
        {
            let kind = if matches!(self.state, State::Number(_)) { Kind::Number } else { Kind::String };
            let span = self.start..self.start + self.captured.len() as u64;
            found(Found { mark, name: &self.name, kind, span, raw: &self.captured, truncated: true });
        }
    }
}

/// FNV-1a. Whoever makes two names collide has only their own message refused.
fn fnv(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Level {
    /// The node of the member with this raw name. `whole` unless the name was too long to be kept.
    fn key(&self, raw: &[u8], whole: bool, seen: &mut Vec<u64>) -> Result<Option<&'static Node>, ScanError> {
        if !whole {
            // A name of this length is none that the tree knows.
            return if self.node.unique { Err(ScanError::Members) } else { Ok(None) };
        }
        let inner = raw.strip_prefix(b"\"").and_then(|r| r.strip_suffix(b"\"")).unwrap_or_default();
        let decoded;
        let name = if memchr::memchr(b'\\', inner).is_none() {
            inner
        } else {
            decoded = strings::decode(inner);
            match &decoded {
                Some(name) => name.as_bytes(),
                // A lone surrogate: readers differ in what they make of it.
                None => return if self.node.unique { Err(ScanError::Syntax) } else { Ok(None) },
            }
        };
        let (known, node) = self.node.member(name);
        if self.node.unique {
            self.note(known.map_or(name, str::as_bytes), seen)?;
        }
        Ok(node)
    }

    /// Remembers a name; an error if it was there before.
    fn note(&self, name: &[u8], seen: &mut Vec<u64>) -> Result<(), ScanError> {
        let hash = fnv(name);
        let own = seen.get(self.first..).unwrap_or_default();
        if own.contains(&hash) {
            return Err(ScanError::Duplicate);
        }
        if own.len() >= MAX_MEMBERS {
            return Err(ScanError::Members);
        }
        seen.push(hash);
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
