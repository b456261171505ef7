//! What the broker tells all filters: its table of servers, and the epoch, by which earlier decisions hold or not.
//!
//! One worker asks it each second. The others read what it was told in shared data, at each tick.

use crate::host;
use crate::servers::Servers;
use crate::settings::Settings;
use protocol::resolve::{News, Report, ServerTable, TABLE_PATH};
use std::time::Duration;

/// Seconds between two questions.
const PERIOD: u64 = 1;
/// The broker waits a moment for news before it answers.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often a value is written that other workers write, too.
const ATTEMPTS: usize = 5;

/// Shared data: when the broker was last asked, and what it said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    asked: u64,
    pub(crate) epoch: Option<u64>,
    /// Version of the table.
    pub(crate) table: Option<String>,
}

fn lease(settings: &Settings) -> String {
    format!("{}told/1", settings.space)
}

fn table_key(settings: &Settings) -> String {
    format!("{}table/1", settings.space)
}

impl Told {
    /// What the workers know.
    pub(crate) fn read(settings: &Settings) -> Self {
        Self::versioned(settings).0
    }

    /// Whether the broker should be asked again.
    pub(crate) fn is_old(&self, now: u64) -> bool {
        now >= self.asked + PERIOD
    }

    /// Has this worker ask, unless another one has begun to.
    pub(crate) fn take_turn(&self, settings: &Settings, now: u64) -> bool {
        let (told, version) = Self::versioned(settings);
        told.asked == self.asked && Self { asked: now, ..told }.write(settings, version)
    }

    fn versioned(settings: &Settings) -> (Self, Option<u32>) {
        let (value, version) = host::shared(&lease(settings));
        let text = value.and_then(|v| String::from_utf8(v).ok()).unwrap_or_default();
        let mut parts = text.split(' ');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let asked = next().and_then(|asked| asked.parse().ok()).unwrap_or(0);
        let epoch = next().and_then(|epoch| epoch.parse().ok());
        (Self { asked, epoch, table: next().map(str::to_owned) }, version)
    }

    fn write(&self, settings: &Settings, version: Option<u32>) -> bool {
        let epoch = self.epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
        let text = format!("{} {epoch} {}", self.asked, self.table.as_deref().unwrap_or_default());
        host::set_shared(&lease(settings), text.as_bytes(), version)
    }
}

/// Asks the broker; gives the token of the HTTP call.
pub(crate) fn ask(root: u32, settings: &Settings, table: Option<&Servers>, epoch: Option<u64>) -> Option<u32> {
    let table = table.map(|table| table.version.clone());
    let report = Report { instance: settings.instance.clone(), table, epoch };
    host::ask_broker(root, settings, TABLE_PATH, &report, TIMEOUT)
}

/// Tells the other workers, of the table only if it is given.
pub(crate) fn tell(settings: &Settings, epoch: u64, table: Option<&ServerTable>) {
    if let Some(text) = table.and_then(|table| serde_json::to_vec(table).ok()) {
        host::set_shared(&table_key(settings), &text, None);
    }
    for _ in 0..ATTEMPTS {
        let (told, version) = Told::versioned(settings);
        let table = table.map(|table| table.version.clone()).or_else(|| told.table.clone());
        let next = Told { epoch: Some(epoch), table, ..told.clone() };
        if next == told || next.write(settings, version) {
            return;
        }
    }
}

/// The table of this version, if the workers have it.
pub(crate) fn table(settings: &Settings, version: &str) -> Option<Servers> {
    let (text, _) = host::shared(&table_key(settings));
    let table: ServerTable = serde_json::from_slice(&text?).ok()?;
    (table.version == version).then(|| Servers::new(&table))
}

/// The broker's answer to [`ask`].
pub(crate) fn read(body: &[u8]) -> Option<News> {
    serde_json::from_slice(body).ok()
}
