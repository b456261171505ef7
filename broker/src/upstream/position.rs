//! Where a stream of a server is, so that it can be resumed there (*Transports*, *Resumability and Redelivery*).

use protocol::sse::{Event, Lines, Part};
use std::time::Duration;

/// Longest line that is looked at: ids and times are short.
const LONGEST_LINE: usize = 8 << 10;
/// How often a stream is resumed without anything new coming on it.
const TRIES: u32 = 5;
/// How long to wait where the server does not say, and at most.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The last event of a stream, and how the server wants it to be resumed.
#[derive(Debug, Default)]
pub struct Position {
    last: Option<String>,
    retry: Option<Duration>,
    tries: u32,
}

impl Position {
    /// Takes notice of an event that has come.
    pub fn note(&mut self, event: &Event) {
        if let Some(id) = event.id.clone().filter(|id| !id.is_empty()) {
            self.last = Some(id);
        }
        self.retry = event.retry.map(Duration::from_millis).or(self.retry);
        self.tries = 0;
    }

    /// Whether there is an event to resume after.
    pub fn is_known(&self) -> bool {
        self.last.is_some()
    }

    /// The id to resume after; `None` if the stream cannot be resumed, or has been too often. Waits as long as the server said.
    pub async fn again(&mut self) -> Option<String> {
        let last = self.last.clone().filter(|_| self.tries < TRIES)?;
        self.tries += 1;
        tokio::time::sleep(self.retry.unwrap_or(PAUSE * self.tries).min(LONGEST_PAUSE)).await;
        Some(last)
    }
}

/// Follows a stream whose bytes pass.
#[derive(Debug, Default)]
pub struct Cursor {
    position: Position,
    lines: Lines,
    line: Vec<u8>,
    event: Event,
    /// Something of an event has come, but not its end.
    inside: bool,
}

impl Cursor {
    /// Takes notice of bytes that passed.
    pub fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while let Some((part, left)) = self.lines.split(rest) {
            rest = left;
            match part {
                Part::Text(text) => {
                    self.inside = true;
                    let room = LONGEST_LINE.saturating_sub(self.line.len()).min(text.len());
                    self.line.extend_from_slice(text.get(..room).unwrap_or_default());
                }
                Part::End(_) => self.end_line(),
                Part::Lf => {}
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() && std::mem::take(&mut self.inside) => {
                self.position.note(&std::mem::take(&mut self.event));
            }
            "id" => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok(),
            _ => {}
        }
    }

    /// Begins anew after the stream has ended: `true` if an event was cut off.
    pub fn cut(&mut self) -> bool {
        self.line.clear();
        self.event = Event::default();
        self.lines = Lines::default();
        std::mem::take(&mut self.inside)
    }

    /// Where the stream is.
    pub fn position(&mut self) -> &mut Position {
        &mut self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_resumed_after_its_last_whole_event() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.position().again().await, None);
        for byte in b"id: 1\r\ndata: a\r\n\r\n: comment\n\nretry: 2000\nid:two\ndata\n\nid: 3\ndata: cu".chunks(1) {
            cursor.push(byte);
        }
        assert!(cursor.cut());
        let begin = tokio::time::Instant::now();
        assert_eq!(cursor.position().again().await.as_deref(), Some("two"));
        assert_eq!(begin.elapsed(), Duration::from_secs(2));
        cursor.push(b"id: 4\ndata:\n\n");
        assert!(!cursor.cut());
        for _ in 0..TRIES {
            assert_eq!(cursor.position().again().await.as_deref(), Some("4"));
        }
        assert_eq!(cursor.position().again().await, None, "nothing comes any more");
    }
}
