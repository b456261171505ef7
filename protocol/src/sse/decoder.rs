//! Events out of a stream.

use super::lines::{Lines, Part};

/// An event, complete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// `event`, empty if there was none.
    pub event: String,
    /// `data`, its lines joined with LF. Empty for events that carry nothing (priming events).
    pub data: String,
    /// `id`, if there was one in this event.
    pub id: Option<String>,
    /// `retry`, in milliseconds.
    pub retry: Option<u64>,
}

/// An event is larger than the limit; the stream is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Makes events of a stream that comes in chunks cut anywhere.
#[derive(Debug)]
pub struct Decoder {
    lines: Lines,
    line: Vec<u8>,
    event: Event,
    data: Vec<u8>,
    any: bool,
    size: usize,
    limit: usize,
    start: bool,
}

impl Decoder {
    /// A decoder that takes events of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            lines: Lines::default(),
            line: Vec::new(),
            event: Event::default(),
            data: Vec::new(),
            any: false,
            size: 0,
            limit,
            start: true,
        }
    }

    /// Takes further bytes and gives the events that they complete.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        let mut rest = chunk;
        while let Some((part, left)) = self.lines.split(rest) {
            rest = left;
            match part {
                Part::Text(text) => {
                    self.size += text.len();
                    if self.size > self.limit {
                        return Err(TooLong);
                    }
                    self.line.extend_from_slice(text);
                }
                Part::End(_) => events.extend(self.end_line()),
                Part::Lf => {}
            }
        }
        Ok(events)
    }

    /// The stream has ended: what is left of an event that has no end. Readers are to pass over it (9.2.6), unless its data says itself
    /// that it is whole.
    pub fn finish(&mut self) -> Option<Event> {
        let ended = if self.line.is_empty() { None } else { self.end_line() };
        ended.or_else(|| self.dispatch())
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let bom = std::mem::replace(&mut self.start, false);
        let line = line.strip_prefix("\u{feff}".as_bytes()).filter(|_| bom).unwrap_or(&line);
        if line.is_empty() {
            return self.dispatch();
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        if colon == 0 {
            // A comment is no part of the event.
            self.size = self.size.saturating_sub(line.len());
            return None;
        }
        let (field, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = || String::from_utf8_lossy(value).into_owned();
        match field {
            b"data" => {
                if self.any {
                    self.data.push(b'\n');
                }
                self.any = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.event.event = text(),
            b"id" if !value.contains(&0) => self.event.id = Some(text()),
            b"retry" => self.event.retry = text().parse().ok(),
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        let mut event = std::mem::take(&mut self.event);
        event.data = String::from_utf8_lossy(&std::mem::take(&mut self.data)).into_owned();
        self.size = 0;
        let any = std::mem::take(&mut self.any);
        (any || event.id.is_some() || event.retry.is_some()).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn reads_events_at_any_cut() {
        let stream =
            "\u{feff}: hi\r\nid: 1\rdata:\r\r\nevent: message\ndata: a\ndata:  b\n\nretry: 5\n\ndata\n\ndata: cut";
        for size in 1..stream.len() {
            let mut decoder = Decoder::new(100);
            let events: Vec<_> = stream.as_bytes().chunks(size).flat_map(|c| decoder.push(c).unwrap()).collect();
            let seen: Vec<_> =
                events.iter().map(|e| (e.event.as_str(), e.data.as_str(), e.id.as_deref(), e.retry)).collect();
            assert_eq!(
                seen,
                [
                    ("", "", Some("1"), None),
                    ("message", "a\n b", None, None),
                    ("", "", None, Some(5)),
                    ("", "", None, None)
                ],
                "cut at {size}"
            );
            assert_eq!(decoder.finish().map(|event| event.data).as_deref(), Some("cut"), "cut at {size}");
            assert_eq!(decoder.finish(), None, "cut at {size}");
        }
    }

    #[test]
    fn is_bounded() {
        let mut decoder = Decoder::new(10);
        for _ in 0..9 {
            assert_eq!(decoder.push(b": ping\n"), Ok(vec![]));
        }
        assert_eq!(decoder.push(b"data: 12345\n"), Err(TooLong));
    }

    #[test]
    fn frames_come_back() {
        let events = Decoder::new(100).push(super::super::frame("{\"a\":\r\n1}").as_bytes()).unwrap();
        assert_eq!(events[0].data, "{\"a\":\n1}");
    }
}
