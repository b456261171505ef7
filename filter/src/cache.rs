//! The broker's decisions, kept in two levels.
//!
//! The first is a map in this VM, the second is shared data: it is seen by all workers, and it survives a new plugin
//! configuration, which replaces the VM. Shared data cannot be deleted, so the second level has a fixed number of slots, and a
//! decision carries all that is needed to see whether it still holds. It holds no credentials: a worker that has not been told those of
//! a server itself asks the broker.

use crate::settings::Settings;
use crate::{ended, host};
use foldhash::fast::FixedState;
use lru::LruCache;
use protocol::caller::{Principal, Shown};
use protocol::era::Era;
use protocol::resolve::{Destination, Question, Target};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::rc::Rc;

const ENTRIES: usize = 8192;
const SLOTS: u64 = 16384;
/// Changed when the form of [`Shared`] does.
const FORMAT: &str = "4";
/// Servers whose credentials are kept.
const CREDENTIALS: usize = 1024;

/// Who wants what, as a cache knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) era: Era,
    pub(crate) session: Option<Rc<str>>,
    /// Whose decision it is, where servers tell callers apart.
    pub(crate) caller: Option<Principal>,
    pub(crate) target: Target,
}

impl Key {
    pub(crate) fn new(era: Era, session: Option<Rc<str>>, target: Target) -> Self {
        Self { era, session, caller: None, target }
    }

    pub(crate) fn question(&self, shown: Shown) -> Question {
        let session = self.session.as_deref().map(str::to_owned);
        Question { era: self.era, session, shown, target: self.target.clone() }
    }

    fn slot(&self, settings: &Settings) -> String {
        format!("{}route/{FORMAT}/{}", settings.space, FixedState::default().hash_one(self) % SLOTS)
    }
}

/// What the broker decided, if it was no refusal: those are never kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// Straight to a server.
    Server(Rc<Destination>),
    /// To the broker.
    Broker,
}

/// A decision, and what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) way: Way,
    /// Of the broker, when it decided.
    pub(crate) epoch: u64,
    /// Of the session's slot ([`crate::ended`]), before the broker was asked.
    pub(crate) ended: u32,
    /// Seconds since the epoch.
    pub(crate) fresh_until: u64,
}

/// What a cache knows of a key.
#[derive(Debug)]
pub(crate) enum Known {
    /// It holds.
    Fresh(Way),
    /// It held; still good if the broker cannot be asked.
    Stale(Way),
    /// Nothing.
    Nothing,
}

#[derive(Serialize, Deserialize)]
struct Shared {
    key: Key,
    decision: Decision,
    /// The server is sent headers that are not told here.
    credentials: bool,
}

/// A decision, and the generation of ended sessions that its session's slot was last looked at in.
#[derive(Debug)]
struct Local {
    decision: Decision,
    looked: u32,
}

/// The headers for a server, and the epoch that they are of.
#[derive(Debug)]
struct Credentials {
    epoch: u64,
    headers: BTreeMap<String, String>,
}

/// Both levels.
#[derive(Debug)]
pub(crate) struct Cache {
    local: LruCache<Key, Local>,
    credentials: LruCache<String, Credentials>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        let size = |entries| NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN);
        Self { local: LruCache::new(size(ENTRIES)), credentials: LruCache::new(size(CREDENTIALS)) }
    }

    /// What is known of `key`, in the generation of ended sessions `ended`.
    pub(crate) fn get(&mut self, settings: &Settings, key: &Key, ended: u32, epoch: Option<u64>, now: u64) -> Known {
        let mark = || key.session.as_deref().map_or(0, |session| ended::mark(settings, session));
        let fresh = |d: &Decision| epoch.is_none_or(|e| e == d.epoch) && now < d.fresh_until;
        let mut local = self.local.get_mut(key);
        if let Some(found) = local.as_mut().filter(|found| found.looked != ended) {
            if found.decision.ended == mark() {
                found.looked = ended;
            } else {
                local = None;
            }
        }
        let local = local.map(|found| &found.decision);
        if let Some(decision) = local.filter(|d| fresh(d)) {
            return Known::Fresh(decision.way.clone());
        }
        let local = local.map(|d| d.way.clone());
        let Some(decision) = self.shared(settings, key).filter(|d| d.ended == mark()) else {
            return local.map_or(Known::Nothing, Known::Stale);
        };
        let known = if fresh(&decision) { Known::Fresh } else { Known::Stale };
        let way = decision.way.clone();
        self.local.put(key.clone(), Local { decision, looked: ended });
        known(way)
    }

    /// Keeps a decision that was made in the generation of ended sessions `ended`, or after it.
    pub(crate) fn put(&mut self, settings: &Settings, key: Key, decision: Decision, ended: u32) {
        let mut shared = Shared { key, decision, credentials: false };
        let whole = shared.decision.way.clone();
        if let Way::Server(destination) = &mut shared.decision.way
            && !destination.headers.is_empty()
        {
            shared.credentials = true;
            let headers = std::mem::take(&mut Rc::make_mut(destination).headers);
            let credentials = Credentials { epoch: shared.decision.epoch, headers };
            self.credentials.put(destination.server.clone(), credentials);
        }
        if let Ok(value) = serde_json::to_vec(&shared) {
            host::set_shared(&shared.key.slot(settings), &value, None);
        }
        let decision = Decision { way: whole, ..shared.decision };
        self.local.put(shared.key, Local { decision, looked: ended });
    }

    /// Forgets a decision that turned out to be wrong, here and for the other workers.
    pub(crate) fn remove(&mut self, settings: &Settings, key: &Key) {
        self.local.pop(key);
        if read(settings, key).is_some() {
            host::set_shared(&key.slot(settings), b"", None);
        }
    }

    fn shared(&self, settings: &Settings, key: &Key) -> Option<Decision> {
        let Shared { mut decision, credentials, .. } = read(settings, key)?;
        if let Way::Server(destination) = &mut decision.way
            && credentials
        {
            let known = self.credentials.peek(&destination.server).filter(|known| known.epoch == decision.epoch)?;
            Rc::make_mut(destination).headers = known.headers.clone();
        }
        Some(decision)
    }
}

fn read(settings: &Settings, key: &Key) -> Option<Shared> {
    let (value, _) = host::shared(&key.slot(settings));
    let shared: Shared = serde_json::from_slice(&value?).ok()?;
    (shared.key == *key).then_some(shared)
}
