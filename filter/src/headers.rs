//! A message's headers: read once, and changed one by one, which costs the host less than to write them all.

use crate::host;
use protocol::http::header;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;
use std::ops::Range;

/// Headers that are looked at, most of them for every message.
#[derive(Debug, Clone, Copy)]
enum Known {
    Method,
    Path,
    Authority,
    Status,
    Accept,
    ContentEncoding,
    ContentLength,
    ContentType,
    Origin,
    LastEventId,
    McpMethod,
    McpName,
    ProtocolVersion,
    SessionId,
}

impl Known {
    const COUNT: usize = Self::SessionId as usize + 1;

    #[inline(always)]
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            ":method" => Self::Method,
            ":path" => Self::Path,
            ":authority" => Self::Authority,
            ":status" => Self::Status,
            "accept" => Self::Accept,
            "content-encoding" => Self::ContentEncoding,
            "content-length" => Self::ContentLength,
            "content-type" => Self::ContentType,
            "origin" => Self::Origin,
            header::LAST_EVENT_ID => Self::LastEventId,
            header::METHOD => Self::McpMethod,
            header::NAME => Self::McpName,
            header::PROTOCOL_VERSION => Self::ProtocolVersion,
            header::SESSION_ID => Self::SessionId,
            _ => return None,
        })
    }
}

/// Headers in their order. Names are in lower case, as Envoy has them.
#[derive(Debug)]
pub(crate) struct Headers {
    of: MapType,
    /// All names and values, as the host gave them, with `?` for what is not text.
    text: String,
    /// Where each name and value stands in them.
    pairs: Vec<(Range<usize>, Range<usize>)>,
    /// Where the first of each that is [`Known`] is among the pairs.
    known: [Option<u16>; Known::COUNT],
    /// One bit for each that is [`Known`] and there more than once.
    repeated: u16,
}

impl Headers {
    /// No headers, for a request that has none yet.
    pub(crate) fn none() -> Self {
        Self {
            of: MapType::HttpRequestHeaders,
            text: String::new(),
            pairs: Vec::new(),
            known: [None; Known::COUNT],
            repeated: 0,
        }
    }

    pub(crate) fn read(of: MapType) -> Self {
        let bytes = host::check("reading headers", hostcalls::get_map_serialized(of)).unwrap_or_default();
        let mut headers = Self { of, pairs: index(&bytes).unwrap_or_default(), text: text(bytes), ..Self::none() };
        for (at, pair) in headers.pairs.iter().enumerate() {
            let Some(known) = Known::of(headers.name(pair)) else { continue };
            match headers.known.get_mut(known as usize) {
                Some(first @ None) => *first = u16::try_from(at).ok(),
                _ => headers.repeated |= 1 << known as usize,
            }
        }
        headers
    }

    fn name(&self, pair: &(Range<usize>, Range<usize>)) -> &str {
        self.text.get(pair.0.clone()).unwrap_or_default()
    }

    /// The value of a header; of several, the first.
    #[inline(always)]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        // Most names are constants: the compiler knows what they are.
        match Known::of(name) {
            Some(known) => self.get_known(known),
            None => self.get_other(name),
        }
    }

    fn get_known(&self, known: Known) -> Option<&str> {
        let pair = self.pairs.get(usize::from((*self.known.get(known as usize)?)?))?;
        self.text.get(pair.1.clone())
    }

    fn get_other(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|pair| self.name(pair) == name)?;
        self.text.get(pair.1.clone())
    }

    /// Whether a header is there more than once.
    pub(crate) fn repeated(&self, name: &str) -> bool {
        match Known::of(name) {
            Some(known) => self.repeated & (1 << known as usize) != 0,
            None => self.pairs.iter().filter(|pair| self.name(pair) == name).nth(1).is_some(),
        }
    }

    /// The value of a header byte for byte, also where it is not text.
    pub(crate) fn exact(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name)?;
        host::check("reading a header", hostcalls::get_map_value_bytes(self.of, name))?
    }

    /// Sets a header of the message; what has been read stays.
    pub(crate) fn set(&self, name: &str, value: &str) {
        if self.get(name) == Some(value) && !self.repeated(name) {
            return;
        }
        host::check("setting a header", hostcalls::set_map_value_bytes(self.of, name, Some(value.as_bytes())));
    }

    /// Removes the headers of the message whose name `unwanted` picks; what has been read stays.
    pub(crate) fn remove(&self, mut unwanted: impl FnMut(&str) -> bool) {
        for name in self.pairs.iter().map(|pair| self.name(pair)).filter(|name| unwanted(name)) {
            host::check("removing a header", hostcalls::remove_map_value(self.of, name));
        }
    }
}

/// Bytes as text. Values beyond ASCII that are not UTF-8 are legal and rare, and are none of those that are looked at.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let bytes = error.into_bytes().into_iter();
        bytes.map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
    })
}

/// Where names and values stand in the ABI's form of headers: the number of pairs, two lengths for each, then the bytes, each
/// name and value with a NUL behind it; numbers have four bytes, the lowest first.
fn index(bytes: &[u8]) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let number = |at: usize| {
        let four = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(four.try_into().ok()?) as usize)
    };
    let count = number(0)?;
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    let mut take = |length: usize| {
        let range = at..at.checked_add(length)?;
        at = range.end.checked_add(1)?;
        Some(range)
    };
    let mut pairs = Vec::with_capacity(count.min(bytes.len() / 8));
    for n in 0..count {
        pairs.push((take(number(4 + n * 8)?)?, take(number(8 + n * 8)?)?));
    }
    Some(pairs)
}
