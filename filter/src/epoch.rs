//! Whether the broker's earlier decisions still hold: one worker asks it each second, the others read what it was told.

use crate::host;

const KEY: &str = "mcp-gateway/epoch";
/// Seconds between two questions.
const PERIOD: u64 = 1;

/// Shared data: when the broker was last asked, and what it said.
struct Lease {
    asked: u64,
    epoch: Option<u64>,
}

impl Lease {
    fn read() -> (Self, Option<u32>) {
        let (value, version) = host::shared(KEY);
        let text = value.and_then(|v| String::from_utf8(v).ok()).unwrap_or_default();
        let mut parts = text.split(' ').map(|part| part.parse().ok());
        (Self { asked: parts.next().flatten().unwrap_or(0), epoch: parts.next().flatten() }, version)
    }

    fn write(&self, version: Option<u32>) -> bool {
        let epoch = self.epoch.map(|e| format!(" {e}")).unwrap_or_default();
        host::set_shared(KEY, format!("{}{epoch}", self.asked).as_bytes(), version)
    }
}

/// The epoch that the workers know, and whether it is this worker's turn to ask.
pub(crate) fn tick(now: u64) -> (Option<u64>, bool) {
    let (lease, version) = Lease::read();
    let due = now >= lease.asked + PERIOD;
    let mine = due && Lease { asked: now, epoch: lease.epoch }.write(version);
    (lease.epoch, mine)
}

/// Tells the other workers.
pub(crate) fn set(epoch: u64) {
    let (lease, version) = Lease::read();
    if lease.epoch != Some(epoch) {
        Lease { epoch: Some(epoch), ..lease }.write(version);
    }
}
