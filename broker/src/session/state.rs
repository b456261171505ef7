//! One client's session.

use super::id::{Claims, ClientSaid, Handle};
use super::place::Kept;
use super::shared::kept::{Field, Raw, Subscriptions};
use super::shared::{self, Shared};
use super::streams::Streams;
use super::upstream::{self, Slot, Upstream};
use crate::caller::Caller;
use crate::crossing::legacy_client::Crossing;
use crate::upstream::{Registry, Server, Way};
use bytes::Bytes;
use protocol::caller::Principal;
use protocol::config::OnSessionLoss;
use protocol::era::{Era, Revision, from_legacy};
use protocol::error::Refusal;
use protocol::json::quote;
use protocol::jsonrpc::Id;
use protocol::naming::UriKey;
use protocol::sse;
use serde_json::value::RawValue;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Resources that a session may be subscribed to at once.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// What a legacy client's session holds.
pub struct Session {
    /// Which one it is.
    pub handle: Handle,
    /// The revision that was negotiated.
    pub revision: Revision,
    /// When its id expires, in seconds since 1970.
    pub expires: u64,
    /// Its GET streams.
    pub streams: Arc<Streams>,
    pub(super) registry: Arc<Registry>,
    pub(super) shared: Arc<Shared>,
    principal: Option<Principal>,
    client: ClientSaid,
    begun: Instant,
    /// Milliseconds from `begun` to the last use.
    used: AtomicU64,
    /// Milliseconds from `begun` to the last time that what is kept of it elsewhere was renewed.
    renewed: AtomicU64,
    /// Whether anything is kept of it elsewhere.
    is_kept: AtomicBool,
    ended: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    upstreams: HashMap<String, Slot>,
    opened: u64,
    level: Option<String>,
    subscriptions: Subscriptions,
    in_flight: HashSet<Id>,
    /// By server: what is kept elsewhere, and which the server has forgotten.
    lost: HashMap<String, Raw>,
}

/// A request of a session that has not been answered yet.
pub struct InFlight {
    session: Arc<Session>,
    id: Id,
}

impl Session {
    pub(super) fn new(claims: Claims, client: ClientSaid, (registry, shared): (Arc<Registry>, Arc<Shared>)) -> Self {
        let Claims { handle, revision, expires, principal, .. } = claims;
        Self {
            handle,
            revision,
            expires,
            streams: Arc::default(),
            registry,
            shared,
            principal,
            client,
            begun: Instant::now(),
            used: AtomicU64::new(0),
            renewed: AtomicU64::new(0),
            is_kept: AtomicBool::new(false),
            ended: CancellationToken::new(),
            state: Mutex::default(),
        }
    }

    /// The same with what another broker had of it.
    pub(super) fn resumed(self, level: Option<String>, subscriptions: Subscriptions) -> Self {
        {
            let mut state = self.lock();
            state.level = level;
            state.subscriptions = subscriptions;
        }
        self.is_kept.store(true, Ordering::Relaxed);
        self
    }

    /// Whether it is this caller's.
    pub fn is_of(&self, caller: &Caller) -> bool {
        self.principal == caller.principal()
    }

    /// Notes that the client used the session.
    pub fn touch(&self) {
        self.used.store(self.age(), Ordering::Relaxed);
    }

    /// Milliseconds since it is in this broker's memory.
    fn age(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// For how long the client has not used the session. An open GET stream and an unanswered request are uses.
    pub fn unused_for(&self) -> Duration {
        if self.streams.any() || !self.lock().in_flight.is_empty() {
            return Duration::ZERO;
        }
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.used.load(Ordering::Relaxed)))
    }

    /// Whether what is kept of it elsewhere was not renewed for `interval`, though it was used since.
    pub(super) fn is_to_be_renewed(&self, interval: Duration) -> bool {
        let since = Duration::from_millis(self.age().saturating_sub(self.renewed.load(Ordering::Relaxed)));
        self.is_kept() && since >= interval && self.unused_for() < since
    }

    /// Notes that what is kept of it elsewhere stays for its whole time from now on.
    pub(super) fn mark_renewed(&self) {
        self.renewed.store(self.age(), Ordering::Relaxed);
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Whether anything is kept of it elsewhere.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    /// Keeps one of its entries elsewhere.
    async fn keep<T: serde::Serialize>(&self, field: Field, value: &T) {
        if self.shared.keep(self.handle, &field, value, self.lease()).await {
            self.mark_renewed();
        }
    }

    /// Keeps elsewhere what is in this broker's memory.
    pub(super) async fn keep_all(self: &Arc<Self>) {
        let (level, subscriptions) = {
            let state = self.lock();
            (state.level.clone(), state.subscriptions.clone())
        };
        if let Some(level) = level {
            self.keep(Field::Level, &level).await;
        }
        if !subscriptions.is_empty() {
            self.keep(Field::Subscriptions, &subscriptions).await;
        }
        for upstream in self.open_upstreams() {
            match upstream.keep().await {
                Kept::Yes => self.mark_renewed(),
                Kept::Not => {}
                Kept::Ended => return self.leave(),
            }
        }
    }

    /// Keeps elsewhere what the client said, where its id could not hold that.
    pub(super) async fn keep_client(&self) {
        self.keep(Field::Client, &self.client).await;
    }

    /// How long what is kept of it elsewhere stays.
    pub(super) fn lease(&self) -> Duration {
        shared::lease(&self.registry.limits())
    }

    /// Resolves when the session has ended.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Whether the client declared that servers may ask it something.
    pub fn asks_back(&self) -> bool {
        super::projection::asks_back(self.revision, &self.client)
    }

    /// How the client reaches a server.
    pub fn way(&self, server: &Server) -> Option<Way> {
        server.way(Era::Legacy, self.asks_back())
    }

    /// A session with a server that is used in the modern era.
    pub(super) fn crossing(&self, server: &Arc<Server>) -> Crossing {
        let several_servers = self.registry.view().servers.len() > 1;
        Crossing::open(Arc::clone(server), self.revision, &self.client, several_servers, &self.registry.limits())
    }

    /// The `params` of `initialize` towards a server.
    pub(super) fn initialize_params(&self) -> Box<RawValue> {
        let several_servers = self.registry.view().servers.len() > 1;
        super::projection::initialize_params(self.revision, &self.client, several_servers)
    }

    /// The `params` of `initialize` that decide what servers list for this client, the same for all that are like it. `None` for a
    /// client that declared nothing.
    pub fn list_params(&self) -> Option<Box<RawValue>> {
        let several_servers = self.registry.view().servers.len() > 1;
        super::projection::list_params(self.revision, &self.client, several_servers)
    }

    /// What modern servers are told of the client's capabilities, raw JSON.
    pub fn modern_capabilities(&self) -> String {
        let several_servers = self.registry.view().servers.len() > 1;
        from_legacy::capabilities(self.revision, self.client.capabilities.get(), several_servers)
    }

    /// Begins a request. `None` if one with this id has not been answered yet.
    pub fn begin(self: &Arc<Self>, id: &Id) -> Option<InFlight> {
        self.lock().in_flight.insert(id.clone()).then(|| InFlight { session: Arc::clone(self), id: id.clone() })
    }

    /// The session with a server. The first caller opens it; those who come meanwhile wait for the same.
    pub async fn upstream(self: &Arc<Self>, server: &Arc<Server>) -> Result<Arc<Upstream>, Refusal> {
        let way = self.way(server);
        let (opening, number) = {
            let mut state = self.lock();
            if self.ended.is_cancelled() {
                return Err(Refusal::unknown_session());
            }
            if state.upstreams.get(server.name()).is_none_or(|slot| !slot.server.is(server) || slot.way != way) {
                state.opened += 1;
                let slot = upstream::open(self, server, state.opened);
                if let Some(outdated) = state.upstreams.insert(server.name().to_owned(), slot) {
                    tokio::spawn(outdated.making_way(Arc::clone(server), way));
                }
            }
            match state.upstreams.get(server.name()) {
                Some(slot) => (slot.opening.clone(), slot.number),
                None => return Err(Refusal::unknown_session()),
            }
        };
        let opened = opening.await;
        if opened.is_err() {
            self.forget(server.name(), number);
        }
        opened
    }

    /// The session with a server after `lost` turned out to be unknown there: a new one, or the end of this session, as the
    /// server's `onSessionLoss` says.
    pub async fn reopen(self: &Arc<Self>, lost: &Upstream) -> Result<Arc<Upstream>, Refusal> {
        let server = &lost.server;
        if server.config().on_session_loss == OnSessionLoss::End {
            tracing::info!(server = server.name(), "a session was forgotten by its server, which ends the client's");
            self.end();
            return Err(Refusal::unknown_session());
        }
        let first = self.forget(server.name(), lost.number);
        if let Some(raw) = lost.kept_as() {
            self.lock().lost.insert(server.name().to_owned(), raw);
        }
        lost.ended.cancel();
        let upstream = self.upstream(server).await?;
        if first {
            tracing::info!(server = server.name(), "a session was forgotten by its server; a new one is open");
            // Not waited for: the client may read its GET stream late, and a call is waiting here.
            tokio::spawn(Arc::clone(self).tell_of_changes(Arc::clone(server)));
        }
        Ok(upstream)
    }

    /// What is kept elsewhere of a session that this server has forgotten.
    pub(super) fn lost(&self, server: &str) -> Option<Raw> {
        self.lock().lost.get(server).cloned()
    }

    /// The sessions with servers that are open or being opened.
    pub async fn upstreams(&self) -> Vec<Arc<Upstream>> {
        let openings: Vec<_> = self.lock().upstreams.values().map(|slot| slot.opening.clone()).collect();
        futures::future::join_all(openings).await.into_iter().flatten().collect()
    }

    /// The sessions with servers that are open now.
    pub fn open_upstreams(&self) -> Vec<Arc<Upstream>> {
        self.lock().upstreams.values().filter_map(|slot| slot.opening.peek()?.clone().ok()).collect()
    }

    /// The open session with one server, if there is one.
    pub async fn open_upstream(&self, server: &str) -> Option<Arc<Upstream>> {
        let opening = self.lock().upstreams.get(server)?.opening.clone();
        opening.await.ok()
    }

    /// The log level that the client asked for.
    pub fn level(&self) -> Option<String> {
        self.lock().level.clone()
    }

    /// Keeps the log level, and sends it to every server that logs.
    pub async fn set_level(&self, level: &str) {
        self.lock().level = Some(level.to_owned());
        self.keep(Field::Level, &level).await;
        let upstreams = self.upstreams().await;
        futures::future::join_all(upstreams.iter().map(|u| u.send_level(level))).await;
    }

    /// Keeps a subscription. `false` if there are too many.
    pub async fn subscribe(&self, server: &str, uri: &str) -> bool {
        {
            let mut state = self.lock();
            let all: usize = state.subscriptions.values().map(BTreeSet::len).sum();
            if all >= MAX_SUBSCRIPTIONS {
                return false;
            }
            state.subscriptions.entry(server.to_owned()).or_default().insert(uri.to_owned());
        }
        self.keep_subscriptions().await;
        true
    }

    /// Drops a subscription.
    pub async fn unsubscribe(&self, server: &str, uri: &str) {
        if let Some(uris) = self.lock().subscriptions.get_mut(server) {
            uris.remove(uri);
        }
        self.keep_subscriptions().await;
    }

    async fn keep_subscriptions(&self) {
        if self.shared.is_configured() {
            let subscriptions = self.lock().subscriptions.clone();
            self.keep(Field::Subscriptions, &subscriptions).await;
        }
    }

    /// The subscriptions with one server, in the server's own form.
    pub fn subscriptions(&self, server: &str) -> Vec<String> {
        self.lock().subscriptions.get(server).into_iter().flatten().cloned().collect()
    }

    /// Ends the session: streams close, and every server is told in the background.
    pub(super) fn end(&self) {
        for slot in self.close() {
            slot.end();
        }
    }

    /// Forgets the session in this broker alone: another one goes on with it, or has ended it.
    pub(super) fn leave(&self) {
        for slot in self.close() {
            tokio::spawn(slot.leaving());
        }
    }

    /// Takes the sessions with servers away, to leave them one by one.
    pub(crate) fn close(&self) -> Vec<Slot> {
        let mut state = self.lock();
        self.ended.cancel();
        std::mem::take(&mut state.upstreams).into_values().collect()
    }

    /// Forgets the upstream session with this number; whether it was the current one.
    fn forget(&self, server: &str, number: u64) -> bool {
        let mut state = self.lock();
        let current = state.upstreams.get(server).is_some_and(|slot| slot.number == number);
        if current {
            state.upstreams.remove(server);
        }
        current
    }

    /// What a client may have missed while a server had forgotten the session.
    async fn tell_of_changes(self: Arc<Self>, server: Arc<Server>) {
        for list in ["tools", "prompts", "resources"] {
            self.notify(&format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/{list}/list_changed\"}}")).await;
        }
        let key = UriKey::of(&server.config().prefix);
        for uri in self.subscriptions(server.name()) {
            let uri = quote(&key.as_ref().map_or_else(|| uri.clone(), |key| key.encode(&uri)));
            let message = format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{{\"uri\":{uri}}}}}"
            );
            self.notify(&message).await;
        }
    }

    /// Sends a message on the client's GET stream. `false` if none is open.
    pub async fn notify(&self, message: &str) -> bool {
        self.streams.send(Bytes::from(sse::frame(message))).await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.session.lock().in_flight.remove(&self.id);
        self.session.touch();
    }
}
