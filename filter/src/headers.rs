//! A message's headers: read once, changed here, written back once.

use crate::host;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;

/// Headers in their order. Names are in lower case, as Envoy has them; values are bytes.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    map: Vec<(String, Vec<u8>)>,
    changed: bool,
}

impl Headers {
    pub(crate) fn read(map_type: MapType) -> Self {
        let map = host::check("reading headers", hostcalls::get_map_bytes(map_type)).unwrap_or_default();
        Self { map, changed: false }
    }

    /// Writes the headers back, if they were changed.
    pub(crate) fn write(&mut self, map_type: MapType) {
        if std::mem::take(&mut self.changed) {
            let map = self.map.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            host::check("writing headers", hostcalls::set_map_bytes(map_type, map));
        }
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
        self.changed = true;
        match self.map.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.as_bytes().to_vec(),
            None => self.map.push((name.to_owned(), value.as_bytes().to_vec())),
        }
    }

    /// Removes the headers whose name `unwanted` picks.
    pub(crate) fn remove(&mut self, unwanted: impl Fn(&str) -> bool) {
        let before = self.map.len();
        self.map.retain(|(name, _)| !unwanted(name));
        self.changed |= self.map.len() != before;
    }
}
