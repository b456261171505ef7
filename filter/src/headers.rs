//! A message's headers: read once, and changed one by one, which costs the host less than to write them all.

use crate::host;
use protocol::http::header;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;
use std::ops::Range;

/// Headers that are looked at, most of them for every message.
const KNOWN: [&str; 14] = [
    ":method",
    ":path",
    ":authority",
    ":status",
    "accept",
    "content-encoding",
    "content-length",
    "content-type",
    "origin",
    header::LAST_EVENT_ID,
    header::METHOD,
    header::NAME,
    header::PROTOCOL_VERSION,
    header::SESSION_ID,
];

/// Headers in their order. Names are in lower case, as Envoy has them.
#[derive(Debug)]
pub(crate) struct Headers {
    of: MapType,
    /// All names and values, as the host gave them, with `?` for what is not text.
    text: String,
    /// Where each name and value stands in them.
    pairs: Vec<(Range<usize>, Range<usize>)>,
    /// Where the first of each of [`KNOWN`] is among the pairs.
    known: [Option<u16>; KNOWN.len()],
    /// One bit for each of [`KNOWN`] that is there more than once.
    repeated: u16,
}

impl Headers {
    /// No headers, for a request that has none yet.
    pub(crate) fn none() -> Self {
        Self {
            of: MapType::HttpRequestHeaders,
            text: String::new(),
            pairs: Vec::new(),
            known: [None; KNOWN.len()],
            repeated: 0,
        }
    }

    pub(crate) fn read(of: MapType) -> Self {
        let bytes = host::check("reading headers", hostcalls::get_map_serialized(of)).unwrap_or_default();
        let mut headers = Self { of, pairs: index(&bytes).unwrap_or_default(), text: text(bytes), ..Self::none() };
        for at in 0..headers.pairs.len() {
            let Some(known) = headers.pairs.get(at).and_then(|pair| known(headers.name(pair))) else { continue };
            match headers.known.get_mut(known) {
                Some(first @ None) => *first = u16::try_from(at).ok(),
                _ => headers.repeated |= 1 << known,
            }
        }
        headers
    }

    fn name(&self, pair: &(Range<usize>, Range<usize>)) -> &str {
        self.text.get(pair.0.clone()).unwrap_or_default()
    }

    /// The value of a header; of several, the first.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let pair = match known(name) {
            Some(known) => self.pairs.get(usize::from((*self.known.get(known)?)?)),
            None => self.pairs.iter().find(|pair| self.name(pair) == name),
        };
        self.text.get(pair?.1.clone())
    }

    /// Whether a header is there more than once.
    pub(crate) fn repeated(&self, name: &str) -> bool {
        match known(name) {
            Some(known) => self.repeated & (1 << known) != 0,
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

/// The place of a name in [`KNOWN`].
#[inline(always)]
fn known(name: &str) -> Option<usize> {
    // Most are told apart by their length; where the name is a constant, the compiler does it.
    KNOWN.iter().position(|known| known.len() == name.len() && *known == name)
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
    (0..count).map(|n| Some((take(number(4 + n * 8)?)?, take(number(8 + n * 8)?)?))).collect()
}
