//! All sessions in this broker's memory, and how they follow the shared store.

use super::Session;
use super::ends::{End, Ends};
use super::id::{Claims, ClientSaid, Handle, Key, LIFETIME, now};
use super::shared::{self, News, Shared};
use crate::caller::Caller;
use crate::upstream::Registry;
use futures::StreamExt as _;
use protocol::config::Limits;
use protocol::era::Revision;
use protocol::error::Refusal;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Ids of ended sessions that are remembered, as a multiple of the sessions that are kept.
const ENDED_PER_SESSION: usize = 4;

/// When too many sessions are open, this share of them ends at once, so that finding the oldest is seldom done.
const EVICTED_SHARE: usize = 100;

/// Sessions that the shared store is asked about at once.
const AT_ONCE: usize = 500;

/// Sessions that are told to it at once.
const WRITES: usize = 32;

/// The sessions of all legacy clients.
pub struct Store {
    key: Key,
    registry: Arc<Registry>,
    /// Where other replicas reach this one.
    home: Option<SocketAddr>,
    /// What is kept for other brokers.
    shared: Arc<Shared>,
    sessions: Mutex<Sessions>,
    ends: Arc<Ends>,
}

#[derive(Default)]
struct Sessions {
    live: HashMap<Handle, Arc<Session>>,
    /// Ended before their ids expire, by the second in which they do.
    ended: BTreeSet<(u64, Handle)>,
    /// Ids that expire at or before this second are honoured only while their session is in `live`.
    floor: u64,
}

impl Store {
    /// An empty store.
    pub fn new(key: Key, registry: Arc<Registry>, home: Option<SocketAddr>, shared: Arc<Shared>) -> Self {
        let ends = Arc::new(Ends::new(Arc::clone(&registry), Arc::clone(&shared)));
        Self { key, registry, home, shared, sessions: Mutex::default(), ends }
    }

    /// Opens a session: it and its id. Sessions beyond the limit end, those first that were not used for longest.
    pub async fn create(
        &self,
        revision: Revision,
        client: ClientSaid,
        caller: &Caller,
        limits: &Limits,
    ) -> (Arc<Session>, String) {
        let issued = now();
        let expires = issued + LIFETIME.as_secs().max(limits.session_idle_seconds);
        let handle = Handle::random();
        let home = self.home;
        let (principal, said) = (caller.principal(), Some(client.clone()));
        let mut claims = Claims { handle, revision, issued, expires, home, principal, client: said };
        let id = self.key.seal(&mut claims);
        let is_too_long = claims.client.is_none();
        let session = Arc::new(self.session(claims, client));
        if is_too_long {
            session.keep_client().await;
        }
        self.evict(self.lock().insert(&session, limits));
        (session, id)
    }

    /// The session of an id, which counts as used now. 404 for an id that is unknown, expired, or of an ended session, and for one
    /// of another caller.
    pub async fn find(&self, id: &str, caller: &Caller, limits: &Limits) -> Result<Arc<Session>, Refusal> {
        let session = self.known(id, limits).await?;
        if session.is_of(caller) { Ok(session) } else { Err(Refusal::unknown_session()) }
    }

    /// The same, whoever calls.
    pub async fn known(&self, id: &str, limits: &Limits) -> Result<Arc<Session>, Refusal> {
        let claims = self.key.open(id).ok_or_else(Refusal::unknown_session)?;
        if let Some(session) = self.live(&claims, limits)? {
            return Ok(session);
        }
        // Made by another process with the same key.
        let kept = self.shared.load(claims.handle).await.unwrap_or_default();
        if kept.has_ended {
            self.lock().note_end(claims.expires, claims.handle, limits);
        }
        let client = claims.client.clone().or(kept.client).ok_or_else(Refusal::unknown_session)?;
        let session = self.session(claims.clone(), client);
        let session = Arc::new(session.resumed(kept.level, kept.subscriptions));
        let evicted = {
            let mut sessions = self.lock();
            if sessions.has_ended(&claims) || claims.expires <= now() {
                return Err(Refusal::unknown_session());
            }
            if let Some(meanwhile) = sessions.live.get(&claims.handle) {
                return Ok(Arc::clone(meanwhile));
            }
            sessions.insert(&session, limits)
        };
        self.evict(evicted);
        Ok(session)
    }

    /// The session of an id in memory. An error if it has ended.
    fn live(&self, claims: &Claims, limits: &Limits) -> Result<Option<Arc<Session>>, Refusal> {
        let mut sessions = self.lock();
        let Some(session) = sessions.live.get(&claims.handle).cloned() else {
            let is_over = sessions.has_ended(claims) || claims.expires <= now();
            return if is_over { Err(Refusal::unknown_session()) } else { Ok(None) };
        };
        if session.ended().is_cancelled() {
            sessions.forget(&session, limits);
            self.ends.tell_later(End::of(&session));
            return Err(Refusal::unknown_session());
        }
        session.touch();
        Ok(Some(session))
    }

    /// The replica where the session of an id lives, as long as this one knows nothing of it.
    pub fn home(&self, id: &str) -> Option<SocketAddr> {
        let claims = self.key.open(id)?;
        let sessions = self.lock();
        let is_known = sessions.live.contains_key(&claims.handle) || sessions.has_ended(&claims);
        claims.home.filter(|_| !is_known)
    }

    /// Ends a session: its id is refused from now on, by all replicas that share a store, and its upstream sessions are ended in the
    /// background.
    pub async fn end(&self, session: &Arc<Session>, limits: &Limits) {
        self.lock().forget(session, limits);
        let end = End::of(session);
        session.end();
        self.ends.tell(end).await;
    }

    /// A session that another broker ended.
    pub fn ended_elsewhere(&self, handle: Handle, limits: &Limits) {
        let session = self.lock().live.get(&handle).cloned();
        if let Some(session) = session {
            self.lock().forget(&session, limits);
            session.leave();
        }
    }

    /// Ends the sessions that nobody used for the time configured, and has the shared store keep the others.
    pub async fn sweep(&self, limits: &Limits) {
        let idle = Duration::from_secs(limits.session_idle_seconds);
        let (old, young): (Vec<_>, Vec<_>) = self.all().into_iter().partition(|s| s.unused_for() >= idle);
        let (kept, own): (Vec<_>, Vec<_>) = old.into_iter().partition(|session| session.is_kept());
        let (kept, own) = if self.shared.is_configured() { (kept, own) } else { (Vec::new(), [kept, own].concat()) };
        for session in &own {
            self.end(session, limits).await;
        }
        for some in kept.chunks(AT_ONCE) {
            // Whether another broker uses them, only the store knows: without it they stay.
            let Some(remaining) = self.shared.remaining(&handles(some)).await else { break };
            for (session, remaining) in some.iter().zip(remaining) {
                if remaining > shared::left_over(limits) {
                    self.lock().live.remove(&session.handle);
                    session.leave();
                } else {
                    self.end(session, limits).await;
                }
            }
        }
        let due: Vec<_> = young.into_iter().filter(|s| s.is_to_be_renewed(shared::renewal(limits))).collect();
        for some in due.chunks(AT_ONCE) {
            let Some(renewed) = self.shared.renew(&handles(some), shared::lease(limits)).await else { break };
            for (session, is_there) in some.iter().zip(renewed) {
                session.mark_renewed();
                if !is_there {
                    session.keep_all().await;
                }
            }
        }
    }

    /// Does what the shared store's news say, until it has none any more.
    pub async fn follow(&self, mut news: mpsc::Receiver<News>) {
        while let Some(news) = news.recv().await {
            let limits = self.registry.limits();
            match news {
                News::Ended(handle) => self.ended_elsewhere(handle, &limits),
                News::Up => self.catch_up(&limits).await,
            }
        }
    }

    /// Tells the shared store what it missed, and asks what was missed of it.
    async fn catch_up(&self, limits: &Limits) {
        self.ends.tell_all().await;
        let all = self.all();
        for some in all.chunks(AT_ONCE) {
            let Some(ended) = self.shared.ended(&handles(some)).await else { return };
            for (session, has_ended) in some.iter().zip(ended) {
                if has_ended {
                    self.ended_elsewhere(session.handle, limits);
                }
            }
        }
        futures::stream::iter(all).for_each_concurrent(WRITES, async |session| session.keep_all().await).await;
    }

    /// Ends sessions that there is no room for.
    fn evict(&self, evicted: Vec<Arc<Session>>) {
        for old in evicted {
            tracing::warn!("limits.sessions is reached: the session that was unused for longest ends");
            self.ends.tell_later(End::of(&old));
            old.end();
        }
    }

    /// How many sessions are open.
    pub fn len(&self) -> usize {
        self.lock().live.len()
    }

    /// Whether no session is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All open sessions.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.lock().live.values().cloned().collect()
    }

    fn session(&self, claims: Claims, client: ClientSaid) -> Session {
        Session::new(claims, client, (Arc::clone(&self.registry), Arc::clone(&self.shared)))
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn handles(sessions: &[Arc<Session>]) -> Vec<Handle> {
    sessions.iter().map(|session| session.handle).collect()
}

impl Sessions {
    /// Takes a session up, and gives those that there is no room for any more.
    fn insert(&mut self, session: &Arc<Session>, limits: &Limits) -> Vec<Arc<Session>> {
        let most = limits.sessions.max(1);
        let evicted = if self.live.len() >= most { self.oldest(self.live.len() + 1 - most) } else { Vec::new() };
        for old in &evicted {
            self.forget(old, limits);
        }
        self.live.insert(session.handle, Arc::clone(session));
        evicted
    }

    fn has_ended(&self, claims: &Claims) -> bool {
        self.ended.contains(&(claims.expires, claims.handle)) || claims.expires <= self.floor
    }

    /// At least `count` sessions, those that were not used for longest.
    fn oldest(&self, count: usize) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.live.values().cloned().collect();
        all.sort_by_cached_key(|s| std::cmp::Reverse(s.unused_for()));
        all.truncate(count.max(all.len() / EVICTED_SHARE));
        all
    }

    fn forget(&mut self, session: &Arc<Session>, limits: &Limits) {
        self.live.remove(&session.handle);
        self.note_end(session.expires, session.handle, limits);
    }

    fn note_end(&mut self, expires: u64, handle: Handle, limits: &Limits) {
        self.ended.insert((expires, handle));
        let now = now();
        while let Some(&(expires, _)) = self.ended.first() {
            if expires > now && self.ended.len() <= limits.sessions.max(1) * ENDED_PER_SESSION {
                break;
            }
            self.floor = self.floor.max(expires);
            self.ended.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::config::Gateway;
    use serde_json::value::RawValue;
    use tokio::sync::watch;
    use tokio_util::sync::CancellationToken;

    fn said(capabilities: &str) -> ClientSaid {
        ClientSaid { capabilities: RawValue::from_string(capabilities.to_owned()).unwrap(), info: None }
    }

    fn nobody() -> Caller {
        Caller::default()
    }

    fn new_store() -> Store {
        let (_, gateway) = watch::channel(Arc::new(Gateway::default()));
        let (shared, _) = Shared::start(gateway.clone(), CancellationToken::new());
        let key = Key::derive("a secret that is long enough for a key");
        Store::new(key, Arc::new(Registry::start(gateway)), None, shared)
    }

    #[tokio::test]
    async fn an_ended_session_is_unknown() {
        let (store, limits) = (new_store(), Limits::default());
        let (session, id) = store.create(Revision::LATEST, said("{}"), &nobody(), &limits).await;
        assert_eq!(store.find(&id, &nobody(), &limits).await.unwrap().handle, session.handle);
        store.end(&session, &limits).await;
        assert_eq!(store.find(&id, &nobody(), &limits).await.err(), Some(Refusal::unknown_session()));
        assert_eq!(store.find("made up", &nobody(), &limits).await.err(), Some(Refusal::unknown_session()));
    }

    #[tokio::test]
    async fn another_process_with_the_key_honours_an_id_until_it_ends_there() {
        let limits = Limits::default();
        let (_, id) = new_store().create(Revision::V2025_03_26, said("{}"), &nobody(), &limits).await;
        let store = new_store();
        let session = store.find(&id, &nobody(), &limits).await.unwrap();
        assert_eq!(session.revision, Revision::V2025_03_26);
        store.end(&session, &limits).await;
        assert!(store.find(&id, &nobody(), &limits).await.is_err());
    }

    #[tokio::test]
    async fn capabilities_too_long_for_the_id_are_only_in_memory() {
        let limits = Limits::default();
        let store = new_store();
        let long = said(&format!(r#"{{"experimental":{{"x":"{}"}}}}"#, "y".repeat(2000)));
        let (_, id) = store.create(Revision::LATEST, long, &nobody(), &limits).await;
        assert!(store.find(&id, &nobody(), &limits).await.is_ok());
        assert!(new_store().find(&id, &nobody(), &limits).await.is_err());
    }

    #[tokio::test]
    async fn the_number_of_sessions_is_bounded_and_forgotten_ends_stay_ended() {
        let limits = Limits { sessions: 2, ..Limits::default() };
        let store = new_store();
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(store.create(Revision::LATEST, said("{}"), &nobody(), &limits).await.1);
        }
        assert_eq!(store.len(), 2);
        let nobody = nobody();
        let found = futures::future::join_all(ids.iter().map(|id| store.find(id, &nobody, &limits))).await;
        assert_eq!(found.iter().filter(|found| found.is_ok()).count(), 2);
    }

    #[tokio::test]
    async fn unused_sessions_end() {
        let store = new_store();
        let (_, id) = store.create(Revision::LATEST, said("{}"), &nobody(), &Limits::default()).await;
        store.sweep(&Limits::default()).await;
        assert_eq!(store.len(), 1);
        let limits = Limits { session_idle_seconds: 0, ..Limits::default() };
        store.sweep(&limits).await;
        assert!(store.is_empty() && store.find(&id, &nobody(), &limits).await.is_err());
    }

    #[tokio::test]
    async fn a_session_is_one_callers_wherever_it_is_honoured() {
        let caller = |key: &str| {
            let mut shown = protocol::caller::Shown::default();
            shown.add("x-api-key", key.as_bytes()).unwrap();
            Caller::showing(shown)
        };
        let (store, other, limits) = (new_store(), new_store(), Limits::default());
        let (_, id) = store.create(Revision::LATEST, said("{}"), &caller("alice"), &limits).await;
        for store in [&store, &other] {
            assert!(store.find(&id, &caller("alice"), &limits).await.is_ok());
            for stranger in [caller("bob"), nobody()] {
                assert_eq!(store.find(&id, &stranger, &limits).await.err(), Some(Refusal::unknown_session()));
            }
        }
        let (_, id) = store.create(Revision::LATEST, said("{}"), &nobody(), &limits).await;
        assert!(store.find(&id, &caller("alice"), &limits).await.is_err());
    }
}
