//! stdio: servers that are processes of this machine, started when they are needed.
//!
//! In the legacy era a process is one client's session, or is shared by all ([`config::Sharing`]); in the modern era it is
//! always shared, since nothing in it belongs to anybody. A session outlives a process that was ended for being idle: the next
//! request starts another. One whose process ended of its own accord is lost, as if the server had forgotten it.

mod output;
mod process;
mod slot;

use super::Exchange;
use super::mux::ToServer;
use crate::upstream::error::UpstreamError;
use crate::upstream::ids::random_id;
use crate::upstream::leg::{Leg, LegacySession};
use crate::upstream::message;
use crate::upstream::reply::Reply;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use protocol::config::{self, Sharing};
use protocol::request::MessageKind;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use slot::{Role, Slot, Starter};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests that are under way may go on when the server is no longer wanted.
const GRACE: Duration = Duration::from_secs(1);
/// A process that was used so lately makes no room for another.
const JUST_USED: Duration = Duration::from_secs(1);

/// A server's processes. Dropping it ends them.
#[derive(Debug)]
pub(in crate::upstream) struct Stdio {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: String,
    config: config::Process,
    timeout: Duration,
    timeout_ms: u64,
    state: Mutex<State>,
    /// It does not speak the modern era.
    is_legacy: AtomicBool,
    /// How often a process that all share was started again.
    restarts: watch::Sender<u64>,
    closed: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct State {
    modern: Option<Arc<Slot>>,
    shared: Option<Arc<Slot>>,
    sessions: HashMap<String, Session>,
    /// Processes of sessions that are being started: they count, too.
    starting: Vec<Arc<Slot>>,
    last_session: u64,
    /// A process that was tried in the modern era, to be tried in the legacy one.
    tried: Option<Arc<Slot>>,
    failures: Option<Failures>,
    watched: bool,
}

#[derive(Debug, Clone)]
struct Session {
    slot: Arc<Slot>,
    /// Tells it from others of the same process.
    number: u64,
}

/// A session's process that is being started.
struct Starting<'a> {
    inner: &'a Inner,
    slot: Arc<Slot>,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.inner.lock().starting.retain(|slot| !Arc::ptr_eq(slot, &self.slot));
    }
}

/// Why processes could not be started lately.
#[derive(Debug)]
struct Failures {
    error: UpstreamError,
    until: Instant,
    delays: ExponentialBackoff,
}

impl Drop for Stdio {
    fn drop(&mut self) {
        self.inner.closed.cancel();
    }
}

impl Stdio {
    pub(super) fn new(server: &str, config: &config::Process, timeout_ms: u64) -> Self {
        let inner = Inner {
            server: server.to_owned(),
            config: config.clone(),
            timeout: Duration::from_millis(timeout_ms),
            timeout_ms,
            state: Mutex::default(),
            is_legacy: AtomicBool::new(false),
            restarts: watch::Sender::new(0),
            closed: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sends a message. `initialize` begins a session.
    ///
    /// # Errors
    /// Only if no answer begins.
    pub(super) async fn send(&self, mut exchange: Exchange<'_>) -> Result<Reply, UpstreamError> {
        let inner = &self.inner;
        let message = exchange.body.take().map(ToServer::read).transpose()?;
        let (slot, number) = match (exchange.leg, &message) {
            (None, Some(message)) => return inner.open(message).await,
            (Some(Leg::Modern(_)), Some(_)) => (inner.modern(), 0),
            (Some(Leg::Legacy(LegacySession { id: Some(id), .. })), _) => {
                if exchange.method == Method::DELETE {
                    inner.end_session(id);
                    return Ok(Reply::empty(200));
                }
                match inner.session(id) {
                    Some(Session { slot, number }) => (slot, number),
                    None => return Ok(Reply::empty(404)),
                }
            }
            _ => return Ok(Reply::empty(405)),
        };
        let Some(message) = message else { return Ok(slot.mux.listen(number)) };
        match message.kind() {
            // Said already, when the process was initialized.
            MessageKind::Notification if message.method() == "notifications/initialized" => {
                return Ok(Reply::accepted());
            }
            // Of no interest to a process that does not run.
            MessageKind::Notification | MessageKind::Response if !slot.is_running() => return Ok(Reply::accepted()),
            _ => {}
        }
        inner.ready(&slot, exchange.own).await?;
        slot.mux.post(number, &message, &exchange).await
    }

    /// Whether a legacy session has a process of its own.
    pub(in crate::upstream) fn sessions_are_exclusive(&self) -> bool {
        self.inner.config.sharing == Sharing::Session
    }

    /// Whether the server is known not to speak the modern era.
    pub(in crate::upstream) fn is_legacy(&self) -> bool {
        self.inner.is_legacy.load(Ordering::Relaxed)
    }

    /// Takes note of whether the server speaks the modern era. If not, the process that was asked goes on in the legacy one.
    pub(in crate::upstream) fn settle_era(&self, is_modern: bool) {
        self.inner.is_legacy.store(!is_modern, Ordering::Relaxed);
        let mut state = self.inner.lock();
        if !is_modern {
            state.tried = state.modern.take();
        }
    }

    /// Whether the process behind a leg was ended for being idle.
    pub(in crate::upstream) fn is_dormant(&self, leg: &Leg) -> bool {
        let state = self.inner.lock();
        let slot = match leg {
            Leg::Modern(_) => state.modern.as_ref(),
            Leg::Legacy(session) => session.id.as_ref().and_then(|id| state.sessions.get(id)).map(|s| &s.slot),
        };
        slot.is_some_and(|slot| !slot.is_running() && !slot.mux.is_closed())
    }

    /// Changes when a process that all share was started again.
    pub(in crate::upstream) fn restarts(&self) -> watch::Receiver<u64> {
        self.inner.restarts.subscribe()
    }

    /// Ends all processes and waits for it. Three seconds at most, and one more for requests that are under way.
    pub(in crate::upstream) async fn close(&self) {
        let busy = || self.inner.lock().slots().any(|slot| slot.is_running() && slot.mux.is_busy());
        let _ = tokio::time::timeout(GRACE, async {
            while busy() {
                tokio::time::sleep(GRACE / 20).await;
            }
        })
        .await;
        self.inner.close();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

/// `initialize`.
#[derive(Deserialize)]
struct Initialize {
    params: Box<RawValue>,
}

impl Inner {
    /// Begins a session.
    async fn open(self: &Arc<Self>, message: &ToServer) -> Result<Reply, UpstreamError> {
        let wrong = UpstreamError::Malformed("a session that is not begun by initialize");
        let id = message.id().ok_or(wrong.clone())?;
        let Initialize { params } = serde_json::from_slice(&message.unchanged()).map_err(|_| wrong)?;
        let tried = self.lock().tried.take();
        let slot = match self.config.sharing {
            Sharing::Shared => self.shared(tried).await,
            Sharing::Session => Arc::new(self.slot(Role::Session(params), tried).await),
        };
        let (initialized, _starting) = match self.ready(&slot, false).await {
            Ok((Some(initialized), starting)) => (initialized, starting),
            Ok((None, _)) => return Err(UpstreamError::Closed),
            Err(error) => {
                if self.config.sharing == Sharing::Session {
                    slot.close();
                }
                return Err(error);
            }
        };
        let session = random_id();
        let mut state = self.lock();
        state.last_session += 1;
        let number = state.last_session;
        state.sessions.insert(session.clone(), Session { slot, number });
        let reply = Reply::json(message::result(id.raw(), initialized.get()));
        Ok(Reply { session: Some(session), ..reply })
    }

    fn modern(&self) -> Arc<Slot> {
        let mut state = self.lock();
        match state.modern.as_ref().filter(|slot| !slot.mux.is_closed()) {
            Some(slot) => Arc::clone(slot),
            None => Arc::clone(state.modern.insert(Arc::new(Slot::new(Role::Modern, &self.server, self.timeout_ms)))),
        }
    }

    async fn shared(&self, tried: Option<Arc<Slot>>) -> Arc<Slot> {
        let running = |state: &State| state.shared.clone().filter(|slot| !slot.mux.is_closed());
        if let Some(slot) = running(&self.lock()) {
            return slot;
        }
        let slot = Arc::new(self.slot(Role::Shared, tried).await);
        let mut state = self.lock();
        match running(&state) {
            Some(slot) => slot,
            None => Arc::clone(state.shared.insert(slot)),
        }
    }

    async fn slot(&self, role: Role, tried: Option<Arc<Slot>>) -> Slot {
        let handed_over = match tried {
            Some(tried) => tried.hand_over(role.clone()).await,
            None => None,
        };
        handed_over.unwrap_or_else(|| Slot::new(role, &self.server, self.timeout_ms))
    }

    /// Sees to it that a slot has its process. One that had to be started is counted as such until what comes with it is dropped.
    async fn ready(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        own: bool,
    ) -> Result<(Option<Arc<RawValue>>, Option<Starting<'_>>), UpstreamError> {
        if self.closed.is_cancelled() {
            return Err(UpstreamError::Closed);
        }
        let starting = if slot.is_running() { None } else { self.may_start(slot)? };
        let starter = Starter {
            server: &self.server,
            config: &self.config,
            timeout: self.timeout,
            timeout_ms: self.timeout_ms,
            tasks: &self.tasks,
        };
        let ready = slot.ready(&starter, own).await;
        let mut state = self.lock();
        match ready {
            Ok((initialized, started)) => {
                // One that was only started may end at once.
                if !started || initialized.is_some() {
                    state.failures = None;
                }
                let watched = std::mem::replace(&mut state.watched, true);
                drop(state);
                if !watched {
                    tokio::spawn(watch_idle(Arc::clone(self)));
                }
                if started && !matches!(slot.role, Role::Session(_)) {
                    self.restarts.send_modify(|restarts| *restarts += 1);
                }
                Ok((initialized, starting))
            }
            Err(error) => {
                if !matches!(error, UpstreamError::Rpc { .. }) {
                    state.fail(&error);
                }
                Err(error)
            }
        }
    }

    /// Makes room for another process: not right after failures, and not for more than there may be. One that nobody uses makes room.
    fn may_start(&self, slot: &Arc<Slot>) -> Result<Option<Starting<'_>>, UpstreamError> {
        let mut state = self.lock();
        if let Some(Failures { error, until, .. }) = &state.failures
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        let Role::Session(_) = slot.role else { return Ok(None) };
        let of_sessions = state.sessions.values().map(|session| &session.slot).filter(|other| other.is_running());
        let others = of_sessions.filter(|other| !state.starting.iter().any(|starting| Arc::ptr_eq(starting, other)));
        let mut running: Vec<_> = others.chain(&state.starting).filter(|other| !Arc::ptr_eq(other, slot)).collect();
        running.sort_by_key(|slot| std::cmp::Reverse(slot.unused_for()));
        let most = self.config.max_processes;
        let surplus = (running.len() + 1).saturating_sub(most);
        let made = running.iter().filter(|slot| slot.rest(JUST_USED)).take(surplus).count();
        if made < surplus {
            return Err(UpstreamError::Busy("processes in use (maxProcesses)", most));
        }
        state.starting.push(Arc::clone(slot));
        drop(state);
        Ok(Some(Starting { inner: self, slot: Arc::clone(slot) }))
    }

    /// The session of this id, as long as its process has not ended of its own accord.
    fn session(&self, id: &str) -> Option<Session> {
        let mut state = self.lock();
        let session = state.sessions.get(id)?.clone();
        if session.slot.mux.is_closed() {
            state.sessions.remove(id);
            return None;
        }
        Some(session)
    }

    fn end_session(&self, id: &str) {
        let Some(Session { slot, number }) = self.lock().sessions.remove(id) else { return };
        match slot.role {
            Role::Session(_) => slot.close(),
            Role::Shared | Role::Modern => slot.mux.leave(number),
        }
    }

    fn close(&self) {
        self.closed.cancel();
        let slots: Vec<_> = self.lock().slots().cloned().collect();
        for slot in slots {
            slot.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        let of_sessions = self.sessions.values().map(|session| &session.slot);
        [&self.modern, &self.shared, &self.tried].into_iter().flatten().chain(of_sessions)
    }

    /// Notes that a process could not be started: the next is not tried at once.
    fn fail(&mut self, error: &UpstreamError) {
        let delays = || {
            ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(250))
                .with_max_delay(Duration::from_secs(60))
                .with_jitter()
                .without_max_times()
                .build()
        };
        let mut delays = self.failures.take().map_or_else(delays, |failures| failures.delays);
        let until = Instant::now() + delays.next().unwrap_or_default();
        self.failures = Some(Failures { error: error.clone(), until, delays });
    }
}

/// Ends processes that nobody uses, and all of them when the server is no longer wanted.
async fn watch_idle(inner: Arc<Inner>) {
    let idle = Duration::from_secs(inner.config.idle_seconds);
    let pause = (idle / 4).clamp(Duration::from_millis(100), Duration::from_secs(10));
    while inner.closed.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        let slots: Vec<_> = inner.lock().slots().cloned().collect();
        for slot in slots {
            if slot.rest(idle) {
                tracing::info!(server = inner.server, "a process that nobody used is ended");
            }
        }
    }
    inner.close();
}
