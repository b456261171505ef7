//! What a process writes that is no message, in the log under its server's name.

use std::time::{Duration, Instant};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// Bytes of a line that are logged.
const LINE: usize = 4096;
/// Lines that are logged in one period; the others are counted.
const LINES: usize = 200;
const PERIOD: Duration = Duration::from_secs(10);

/// Logs lines to the end of a stream.
pub(super) async fn log(server: String, stream: &'static str, mut reader: impl AsyncBufRead + Unpin) {
    let mut meter = Meter::default();
    let mut line = Vec::new();
    let mut whole = true;
    loop {
        line.clear();
        let limit = u64::try_from(LINE).unwrap_or(u64::MAX);
        let read = (&mut reader).take(limit).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        // The rest of a long line is left out.
        if whole {
            meter.log(&server, stream, line.trim_ascii_end());
        }
        whole = line.ends_with(b"\n");
    }
}

/// Keeps a process that writes without end from filling the log.
#[derive(Debug, Default)]
pub(super) struct Meter {
    since: Option<Instant>,
    lines: usize,
}

impl Meter {
    /// Logs a line, if there is room.
    pub(super) fn log(&mut self, server: &str, stream: &'static str, line: &[u8]) {
        let fresh = self.since.is_none_or(|since| since.elapsed() >= PERIOD);
        if fresh {
            let left_out = self.lines.saturating_sub(LINES);
            if left_out > 0 {
                tracing::warn!(server, stream, left_out, "lines were left out");
            }
            (self.since, self.lines) = (Some(Instant::now()), 0);
        }
        self.lines += 1;
        if self.lines > LINES || line.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(line.get(..LINE).unwrap_or(line));
        // Control characters would let a server write into the operator's terminal.
        let text: String = text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        tracing::info!(server, "{stream}: {text}");
    }
}
