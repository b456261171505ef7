//! Sessions with legacy servers for modern clients, who know nothing of sessions.
//!
//! A call whose server may ask or log has a session to itself while it runs, since neither names the call; other calls share
//! one. Sessions are kept for a while, for the next call that could have opened the same.

use super::session::{Counted, Pooled};
use super::visits::Visits;
use crate::session::failed;
use crate::upstream::{Server, gateway_info};
use protocol::caller::Principal;
use protocol::era::{Era, Revision};
use protocol::error::Refusal;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

/// How long a session is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// What has to be the same for calls to use the same session. The credential that the server sees is the server's own
/// configuration: another one makes another [`Server`].
#[derive(Clone)]
pub(super) struct Key {
    pub(super) server: Arc<Server>,
    pub(super) principal: Option<Principal>,
    /// See [`protocol::era::from_modern::capabilities`].
    pub(super) capabilities: Arc<str>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.server.is(&other.server) && self.principal == other.principal && self.capabilities == other.capabilities
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.server.name(), &self.principal, &self.capabilities).hash(state);
    }
}

impl Key {
    /// The `params` of `initialize`: the gateway is the client, since clients of all names share a session.
    pub(super) fn params(&self) -> Box<RawValue> {
        let (version, capabilities, info) = (Revision::LATEST.as_str(), &self.capabilities, gateway_info());
        let params =
            format!("{{\"protocolVersion\":\"{version}\",\"capabilities\":{capabilities},\"clientInfo\":{info}}}");
        RawValue::from_string(params).unwrap_or_default()
    }
}

/// All sessions.
pub(super) struct Pool {
    state: Mutex<State>,
    open: Arc<AtomicUsize>,
    pub(super) visits: Arc<Visits>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct State {
    idle: HashMap<Key, Vec<Idle>>,
    shared: HashMap<Key, Arc<Shared>>,
    parked: HashMap<u128, (Lease, Instant)>,
    closed: bool,
}

struct Idle {
    session: Arc<Pooled>,
    since: Instant,
}

struct Shared {
    session: OnceCell<Arc<Pooled>>,
    users: AtomicUsize,
    used: Mutex<Instant>,
}

/// The right to use a session. Dropping it gives the session back.
pub(super) struct Lease {
    pool: Arc<Pool>,
    key: Key,
    pub(super) session: Arc<Pooled>,
    /// Set if others use it too.
    shared: Option<Arc<Shared>>,
    spoiled: bool,
}

impl Pool {
    /// Without sessions. What ends them runs among `tasks`.
    pub(super) fn new(tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), open: Arc::default(), visits: Arc::default(), tasks })
    }

    /// How many sessions are open.
    pub(super) fn len(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A session that nobody else uses.
    pub(super) async fn lease(self: &Arc<Self>, key: &Key, most: usize) -> Result<Lease, Refusal> {
        let idle = {
            let mut state = self.lock();
            let idle = state.idle.get_mut(key).and_then(Vec::pop);
            state.idle.retain(|_, sessions| !sessions.is_empty());
            idle.filter(|idle| !idle.session.ended().is_cancelled())
        };
        let session = match idle {
            Some(idle) => idle.session,
            None => self.open(key, most).await?,
        };
        Ok(Lease { pool: Arc::clone(self), key: key.clone(), session, shared: None, spoiled: false })
    }

    /// A session that others may use at the same time.
    pub(super) async fn share(self: &Arc<Self>, key: &Key, most: usize) -> Result<Lease, Refusal> {
        let shared = {
            let mut state = self.lock();
            let lost = |s: &Arc<Shared>| s.session.get().is_some_and(|session| session.ended().is_cancelled());
            if state.shared.get(key).is_some_and(lost) {
                state.shared.remove(key);
            }
            let fresh =
                || Shared { session: OnceCell::new(), users: AtomicUsize::new(0), used: Mutex::new(Instant::now()) };
            let shared = state.shared.entry(key.clone()).or_insert_with(|| Arc::new(fresh()));
            shared.users.fetch_add(1, Ordering::Relaxed);
            Arc::clone(shared)
        };
        match shared.session.get_or_try_init(|| self.open(key, most)).await {
            Ok(session) => {
                let (pool, key, session) = (Arc::clone(self), key.clone(), Arc::clone(session));
                Ok(Lease { pool, key, session, shared: Some(shared), spoiled: false })
            }
            Err(refusal) => {
                shared.users.fetch_sub(1, Ordering::Relaxed);
                Err(refusal)
            }
        }
    }

    /// Keeps a session for somebody who comes back with `handle`, until then.
    pub(super) fn park(&self, handle: u128, lease: Lease, until: Instant) {
        let mut state = self.lock();
        if !state.closed {
            state.parked.insert(handle, (lease, until));
        }
    }

    /// The session that was kept under this handle.
    pub(super) fn take_parked(&self, handle: u128) -> Option<Lease> {
        let (lease, _) = self.lock().parked.remove(&handle)?;
        (!lease.session.ended().is_cancelled()).then_some(lease)
    }

    /// Ends sessions that nobody uses, if nobody did for long or their server is not `current` any more.
    pub(super) fn sweep(&self, current: impl Fn(&Arc<Server>) -> bool) {
        let now = Instant::now();
        let mut old = Vec::new();
        let parked: Vec<_> = {
            let mut state = self.lock();
            for (key, sessions) in &mut state.idle {
                let removed = !current(&key.server);
                let (gone, kept) = std::mem::take(sessions).into_iter().partition(|idle: &Idle| {
                    removed || now.duration_since(idle.since) >= IDLE || idle.session.ended().is_cancelled()
                });
                *sessions = kept;
                old.extend(gone.into_iter().map(|idle: Idle| idle.session));
            }
            state.idle.retain(|_, sessions| !sessions.is_empty());
            state.shared.retain(|key, shared| {
                let of_no_use = now.duration_since(shared.used()) >= IDLE || !current(&key.server);
                let is_old = shared.users.load(Ordering::Relaxed) == 0 && of_no_use;
                old.extend(shared.session.get().filter(|_| is_old).cloned());
                !is_old
            });
            state.parked.extract_if(|_, (_, until)| *until <= now).collect()
        };
        // Back into the pool, for which it is locked.
        drop(parked);
        old.into_iter().for_each(|session| self.end(session));
    }

    /// Ends all sessions that nobody uses, and from now on each that is given back.
    pub(super) fn close(&self) {
        let state = {
            let mut state = self.lock();
            std::mem::replace(&mut *state, State { closed: true, ..State::default() })
        };
        drop(state.parked);
        let idle = state.idle.into_values().flatten().map(|idle| idle.session);
        let shared = state.shared.into_values().filter_map(|shared| shared.session.get().cloned());
        idle.chain(shared).for_each(|session| self.end(session));
    }

    async fn open(&self, key: &Key, most: usize) -> Result<Arc<Pooled>, Refusal> {
        let name = key.server.name();
        if self.len() >= most.max(1) && !self.evict() {
            let message = format!(
                "Server {name}: {most} sessions with legacy servers are in use at once, which is the gateway's limit: try \
                 again later, or raise limits.pooledSessions."
            );
            return Err(Refusal::upstream(Era::Modern, message));
        }
        let counted = Counted::new(&self.open);
        let opened = Pooled::open(Arc::clone(&key.server), &key.params(), Arc::clone(&self.visits), counted).await;
        opened.map_err(|error| failed(Era::Modern, name, &error))
    }

    /// Ends the session that was unused for longest; `false` if all are in use. Those that can be shared count, too: each caller
    /// of a server that tells callers apart has one.
    fn evict(&self) -> bool {
        let oldest = {
            let mut state = self.lock();
            match (state.oldest_idle(), state.oldest_shared()) {
                (Some((since, key)), shared) if shared.as_ref().is_none_or(|(used, _)| since <= *used) => {
                    let oldest = state.idle.get_mut(&key).map(|sessions| sessions.remove(0).session);
                    state.idle.retain(|_, sessions| !sessions.is_empty());
                    oldest
                }
                (_, Some((_, key))) => state.shared.remove(&key).and_then(|shared| shared.session.get().cloned()),
                _ => None,
            }
        };
        let Some(oldest) = oldest else { return false };
        self.end(oldest);
        true
    }

    fn end(&self, session: Arc<Pooled>) {
        self.tasks.spawn(async move { session.end().await });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Since when the session is idle that is so for longest.
    fn oldest_idle(&self) -> Option<(Instant, Key)> {
        let since = self.idle.iter().filter_map(|(key, sessions)| Some((sessions.first()?.since, key)));
        since.min_by_key(|(since, _)| *since).map(|(since, key)| (since, key.clone()))
    }

    /// The same for those that can be shared.
    fn oldest_shared(&self) -> Option<(Instant, Key)> {
        let is_unused = |shared: &Shared| shared.users.load(Ordering::Relaxed) == 0 && shared.session.get().is_some();
        let unused = self.shared.iter().filter(|(_, shared)| is_unused(shared));
        let oldest = unused.map(|(key, shared)| (shared.used(), key)).min_by_key(|(used, _)| *used);
        oldest.map(|(used, key)| (used, key.clone()))
    }
}

impl Shared {
    /// When somebody used it last.
    fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The session is not to be used again by anybody who comes later: something of this call may still run in it. One
    /// that is shared cannot be asked anything and stays.
    pub(super) fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// Whether others may be using the session.
    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            *shared.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            shared.users.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let usable = !self.spoiled && !self.session.ended().is_cancelled();
        let mut state = self.pool.lock();
        if usable && !state.closed {
            let idle = Idle { session: Arc::clone(&self.session), since: Instant::now() };
            return state.idle.entry(self.key.clone()).or_default().push(idle);
        }
        drop(state);
        self.pool.end(Arc::clone(&self.session));
    }
}
