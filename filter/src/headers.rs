//! A message's headers: read once, and changed one by one, which costs the host less than to write them all.

use crate::host;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;

/// Headers in their order. Names are in lower case, as Envoy has them; values are bytes.
#[derive(Debug)]
pub(crate) struct Headers {
    of: MapType,
    map: Vec<(String, Vec<u8>)>,
}

impl Headers {
    /// No headers, for a request that has none yet.
    pub(crate) fn none() -> Self {
        Self { of: MapType::HttpRequestHeaders, map: Vec::new() }
    }

    pub(crate) fn read(of: MapType) -> Self {
        let map = host::check("reading headers", hostcalls::get_map_bytes(of)).unwrap_or_default();
        Self { of, map }
    }

    /// The value of a header that is there once and is text.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.map.iter().filter(|(n, _)| n == name).map(|(_, value)| value);
        let value = values.next()?;
        std::str::from_utf8(value).ok()
    }

    /// Whether a header is there more than once.
    pub(crate) fn repeated(&self, name: &str) -> bool {
        self.map.iter().filter(|(n, _)| n == name).nth(1).is_some()
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let value = value.as_bytes();
        host::check("setting a header", hostcalls::set_map_value_bytes(self.of, name, Some(value)));
        match self.map.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.to_vec(),
            None => self.map.push((name.to_owned(), value.to_vec())),
        }
    }

    /// Removes the headers whose name `unwanted` picks. Whether there was one.
    pub(crate) fn remove(&mut self, unwanted: impl Fn(&str) -> bool) -> bool {
        let before = self.map.len();
        self.map.retain(|(name, _)| {
            let keep = !unwanted(name);
            if !keep {
                host::check("removing a header", hostcalls::remove_map_value(self.of, name));
            }
            keep
        });
        self.map.len() != before
    }
}
