//! A message's headers: read once, and changed one by one, which costs the host less than to write them all.

use crate::host;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;
use std::ops::Range;

/// Headers in their order. Names are in lower case, as Envoy has them.
#[derive(Debug)]
pub(crate) struct Headers {
    of: MapType,
    /// All names and values, as the host gave them.
    bytes: Vec<u8>,
    /// Where each name and value stands in them.
    pairs: Vec<(Range<usize>, Range<usize>)>,
}

impl Headers {
    /// No headers, for a request that has none yet.
    pub(crate) fn none() -> Self {
        Self { of: MapType::HttpRequestHeaders, bytes: Vec::new(), pairs: Vec::new() }
    }

    pub(crate) fn read(of: MapType) -> Self {
        let bytes = host::check("reading headers", hostcalls::get_map_serialized(of)).unwrap_or_default();
        let pairs = index(&bytes).unwrap_or_default();
        Self { of, bytes, pairs }
    }

    fn name(&self, pair: &(Range<usize>, Range<usize>)) -> &str {
        self.bytes.get(pair.0.clone()).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// The value of a header, if it is text; of several, the first.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(n, _)| self.is(n, name))?;
        std::str::from_utf8(self.bytes.get(value.clone())?).ok()
    }

    /// Whether a header is there more than once.
    pub(crate) fn repeated(&self, name: &str) -> bool {
        self.pairs.iter().filter(|(n, _)| self.is(n, name)).nth(1).is_some()
    }

    fn is(&self, range: &Range<usize>, name: &str) -> bool {
        // Most are told apart by their length.
        range.len() == name.len() && self.bytes.get(range.clone()) == Some(name.as_bytes())
    }

    /// Sets a header of the message; what has been read stays.
    pub(crate) fn set(&self, name: &str, value: &str) {
        if self.get(name) == Some(value) && !self.repeated(name) {
            return;
        }
        host::check("setting a header", hostcalls::set_map_value_bytes(self.of, name, Some(value.as_bytes())));
    }

    /// Removes the headers of the message whose name `unwanted` picks; what has been read stays.
    pub(crate) fn remove(&self, unwanted: impl Fn(&str) -> bool) {
        for name in self.pairs.iter().map(|pair| self.name(pair)).filter(|name| unwanted(name)) {
            host::check("removing a header", hostcalls::remove_map_value(self.of, name));
        }
    }
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
