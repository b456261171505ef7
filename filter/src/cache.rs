//! The broker's decisions, kept in two levels.
//!
//! The first is a map in this VM, the second is shared data: it is seen by all workers, and it survives a new plugin
//! configuration, which replaces the VM. Shared data cannot be deleted, so the second level has a fixed number of slots, and a
//! decision carries all that is needed to see whether it still holds. Values hold no credentials: those come with the plugin
//! configuration.

use crate::host;
use foldhash::fast::FixedState;
use lru::LruCache;
use protocol::era::Era;
use protocol::resolve::{Destination, Question, Target};
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::rc::Rc;

const ENTRIES: usize = 8192;
const SLOTS: u64 = 16384;
/// Changed when the form of [`Shared`] does.
const FORMAT: &str = "2";

/// Who wants what, as a cache knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) era: Era,
    pub(crate) session: Option<Rc<str>>,
    pub(crate) target: Target,
}

impl Key {
    pub(crate) fn question(&self) -> Question {
        Question { era: self.era, session: self.session.as_deref().map(str::to_owned), target: self.target.clone() }
    }

    fn slot(&self) -> String {
        format!("mcp-gateway/route/{FORMAT}/{}", FixedState::default().hash_one(self) % SLOTS)
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
}

/// Both levels.
#[derive(Debug)]
pub(crate) struct Cache {
    local: LruCache<Key, Decision>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self { local: LruCache::new(NonZeroUsize::new(ENTRIES).unwrap_or(NonZeroUsize::MIN)) }
    }

    /// What is known of `key`, whose session's slot is at `ended`.
    pub(crate) fn get(&mut self, key: &Key, ended: u32, epoch: Option<u64>, now: u64) -> Known {
        let usable = |d: &Decision| d.ended == ended;
        let fresh = |d: &Decision| usable(d) && epoch.is_none_or(|e| e == d.epoch) && now < d.fresh_until;
        let local = self.local.get(key).filter(|d| usable(d));
        if let Some(decision) = local.filter(|d| fresh(d)) {
            return Known::Fresh(decision.way.clone());
        }
        let Some(decision) = Self::shared(key).filter(|d| usable(d)) else {
            return local.map_or(Known::Nothing, |d| Known::Stale(d.way.clone()));
        };
        let known = if fresh(&decision) { Known::Fresh } else { Known::Stale };
        let way = decision.way.clone();
        self.local.put(key.clone(), decision);
        known(way)
    }

    pub(crate) fn put(&mut self, key: Key, decision: Decision) {
        let shared = Shared { key, decision };
        if let Ok(value) = serde_json::to_vec(&shared) {
            host::set_shared(&shared.key.slot(), &value, None);
        }
        self.local.put(shared.key, shared.decision);
    }

    /// Forgets a decision that turned out to be wrong, here and for the other workers.
    pub(crate) fn remove(&mut self, key: &Key) {
        self.local.pop(key);
        if Self::shared(key).is_some() {
            host::set_shared(&key.slot(), b"", None);
        }
    }

    fn shared(key: &Key) -> Option<Decision> {
        let (value, _) = host::shared(&key.slot());
        let shared: Shared = serde_json::from_slice(&value?).ok()?;
        (shared.key == *key).then_some(shared.decision)
    }
}
