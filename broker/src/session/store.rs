//! All sessions, in memory.

use super::Session;
use super::id::{Claims, ClientSaid, Handle, Key, LIFETIME, now};
use crate::upstream::Registry;
use protocol::config::Limits;
use protocol::era::Revision;
use protocol::error::Refusal;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ids of ended sessions that are remembered, as a multiple of the sessions that are kept.
const ENDED_PER_SESSION: usize = 4;

/// When too many sessions are open, this share of them ends at once, so that finding the oldest is seldom done.
const EVICTED_SHARE: usize = 100;

/// The sessions of all legacy clients.
pub struct Store {
    key: Key,
    registry: Arc<Registry>,
    /// Where other replicas reach this one.
    home: Option<SocketAddr>,
    sessions: Mutex<Sessions>,
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
    pub fn new(key: Key, registry: Arc<Registry>, home: Option<SocketAddr>) -> Self {
        Self { key, registry, home, sessions: Mutex::default() }
    }

    /// Opens a session: it and its id. Sessions beyond the limit end, those first that were not used for longest.
    pub fn create(&self, revision: Revision, client: ClientSaid, limits: &Limits) -> (Arc<Session>, String) {
        let issued = now();
        let expires = issued + LIFETIME.as_secs().max(limits.session_idle_seconds);
        let handle = Handle::random();
        let home = self.home;
        let mut claims = Claims { handle, revision, issued, expires, home, client: Some(client.clone()) };
        let id = self.key.seal(&mut claims);
        let session = Arc::new(self.session(handle, revision, expires, client));
        self.insert(&session, limits);
        (session, id)
    }

    /// The session of an id, which counts as used now. 404 for an id that is unknown, expired, or of an ended session.
    pub fn find(&self, id: &str, limits: &Limits) -> Result<Arc<Session>, Refusal> {
        let claims = self.key.open(id).ok_or_else(Refusal::unknown_session)?;
        let live = self.lock().live.get(&claims.handle).cloned();
        if let Some(session) = live {
            if session.ended().is_cancelled() {
                self.lock().forget(&session, limits);
                return Err(Refusal::unknown_session());
            }
            session.touch();
            return Ok(session);
        }
        // Made by another process with the same key.
        let has_ended = self.lock().has_ended(&claims);
        let client = claims.client.ok_or_else(Refusal::unknown_session)?;
        if has_ended || claims.expires <= now() {
            return Err(Refusal::unknown_session());
        }
        let session = Arc::new(self.session(claims.handle, claims.revision, claims.expires, client));
        self.insert(&session, limits);
        Ok(session)
    }

    /// The replica where the session of an id lives, as long as this one knows nothing of it.
    pub fn home(&self, id: &str) -> Option<SocketAddr> {
        let claims = self.key.open(id)?;
        let sessions = self.lock();
        let is_known = sessions.live.contains_key(&claims.handle) || sessions.has_ended(&claims);
        claims.home.filter(|_| !is_known)
    }

    /// Ends a session: its id is refused from now on, its upstream sessions are ended in the background.
    pub fn end(&self, session: &Arc<Session>, limits: &Limits) {
        self.lock().forget(session, limits);
        session.end();
    }

    /// Ends the sessions that nobody used for the time configured.
    pub fn sweep(&self, limits: &Limits) {
        let idle = Duration::from_secs(limits.session_idle_seconds);
        let old: Vec<_> = self.lock().live.values().filter(|s| s.unused_for() >= idle).cloned().collect();
        for session in &old {
            self.end(session, limits);
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

    fn session(&self, handle: Handle, revision: Revision, expires: u64, client: ClientSaid) -> Session {
        Session::new(handle, revision, expires, client, Arc::clone(&self.registry))
    }

    fn insert(&self, session: &Arc<Session>, limits: &Limits) {
        let evicted = {
            let mut sessions = self.lock();
            let evicted = if sessions.live.len() >= limits.sessions.max(1) {
                sessions.oldest(sessions.live.len() + 1 - limits.sessions.max(1))
            } else {
                Vec::new()
            };
            for old in &evicted {
                sessions.forget(old, limits);
            }
            sessions.live.insert(session.handle, Arc::clone(session));
            evicted
        };
        for old in evicted {
            tracing::warn!("limits.sessions is reached: the session that was unused for longest ends");
            old.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
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
        self.ended.insert((session.expires, session.handle));
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
    use protocol::config::{Access, Editing, Gateway};
    use serde_json::value::RawValue;
    use tokio::sync::watch;

    fn said(capabilities: &str) -> ClientSaid {
        ClientSaid { capabilities: RawValue::from_string(capabilities.to_owned()).unwrap(), info: None }
    }

    fn new_store() -> Store {
        let gateway = Gateway {
            version: None,
            servers: Vec::new(),
            virtual_servers: Vec::new(),
            access: Access::default(),
            limits: Limits::default(),
            editing: Editing::default(),
        };
        let (_, gateway) = watch::channel(Arc::new(gateway));
        Store::new(Key::derive("a secret that is long enough for a key"), Arc::new(Registry::start(gateway)), None)
    }

    #[tokio::test]
    async fn an_ended_session_is_unknown() {
        let (store, limits) = (new_store(), Limits::default());
        let (session, id) = store.create(Revision::LATEST, said("{}"), &limits);
        assert_eq!(store.find(&id, &limits).unwrap().handle, session.handle);
        store.end(&session, &limits);
        assert_eq!(store.find(&id, &limits).err(), Some(Refusal::unknown_session()));
        assert_eq!(store.find("made up", &limits).err(), Some(Refusal::unknown_session()));
    }

    #[tokio::test]
    async fn another_process_with_the_key_honours_an_id_until_it_ends_there() {
        let limits = Limits::default();
        let (_, id) = new_store().create(Revision::V2025_03_26, said("{}"), &limits);
        let store = new_store();
        let session = store.find(&id, &limits).unwrap();
        assert_eq!(session.revision, Revision::V2025_03_26);
        store.end(&session, &limits);
        assert!(store.find(&id, &limits).is_err());
    }

    #[tokio::test]
    async fn capabilities_too_long_for_the_id_are_only_in_memory() {
        let limits = Limits::default();
        let store = new_store();
        let long = said(&format!(r#"{{"experimental":{{"x":"{}"}}}}"#, "y".repeat(2000)));
        let (_, id) = store.create(Revision::LATEST, long, &limits);
        assert!(store.find(&id, &limits).is_ok());
        assert!(new_store().find(&id, &limits).is_err());
    }

    #[tokio::test]
    async fn the_number_of_sessions_is_bounded_and_forgotten_ends_stay_ended() {
        let limits = Limits { sessions: 2, ..Limits::default() };
        let store = new_store();
        let ids: Vec<_> = (0..20).map(|_| store.create(Revision::LATEST, said("{}"), &limits).1).collect();
        assert_eq!(store.len(), 2);
        assert_eq!(ids.iter().filter(|id| store.find(id, &limits).is_ok()).count(), 2);
    }

    #[tokio::test]
    async fn unused_sessions_end() {
        let store = new_store();
        let (_, id) = store.create(Revision::LATEST, said("{}"), &Limits::default());
        store.sweep(&Limits::default());
        assert_eq!(store.len(), 1);
        let limits = Limits { session_idle_seconds: 0, ..Limits::default() };
        store.sweep(&limits);
        assert!(store.is_empty() && store.find(&id, &limits).is_err());
    }
}
