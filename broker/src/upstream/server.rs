//! A registered server, as the rest of the broker sees it.

use super::callers::Callers;
use super::capabilities::Capabilities;
use super::client::Client;
use super::connection::Waiter;
use super::fresh::Fresh;
use super::leg::Leg;
use super::projected::{Declared, Projected};
use super::supervisor::Supervisor;
use super::way::Way;
use crate::catalog::{Kind, List, Offer};
use crate::status::State;
use protocol::answer::Rules;
use protocol::caller::Principal;
use protocol::config;
use protocol::era::Era;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A registered server and what is known of it.
pub struct Server {
    pub(super) start: Start,
    pub(super) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(super) fresh: Fresh,
    pub(super) refresh: mpsc::Sender<Waiter>,
    pub(super) projected: Projected,
    /// The same server as those see it who show something to it.
    pub(super) callers: Callers,
    /// Held by those who need to hear from it.
    pub(super) needed: Arc<()>,
}

/// What a server is started with.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) config: config::Server,
    pub(super) client: Client,
    pub(super) rules: Rules,
    /// Tells servers of one name apart that were configured one after the other.
    pub(super) incarnation: u64,
    /// Whose server it is. `None`: everybody's, or that of those who show nothing.
    pub(super) principal: Option<Principal>,
    /// Told whenever something else is known of it.
    pub(super) changed: Arc<Notify>,
    /// Opening connections at once is limited.
    pub(super) openings: Arc<Semaphore>,
    /// Among which its own tasks run.
    pub(super) tasks: TaskTracker,
    /// Ends them.
    pub(super) cancel: CancellationToken,
}

/// What was last known of a server.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Whether it can be used.
    pub state: State,
    /// Why it is down, or what it was last found doing wrong.
    pub error: Option<String>,
    /// What it said in the legacy era, last time that it was asked with success.
    pub legacy: Option<Arc<Spoken>>,
    /// What it said in the modern era, last time that it was asked with success.
    pub modern: Option<Arc<Spoken>>,
}

/// A server in one era.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// The broker's own leg: a session without capabilities, or the gateway's envelope.
    pub leg: Leg,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// `serverInfo`, as sent.
    pub server_info: Option<Arc<RawValue>>,
    /// `instructions`.
    pub instructions: Option<String>,
    /// Its lists, as clients of this era see them.
    pub offer: Arc<Offer>,
    /// The same for clients of the other era.
    pub crossed: Arc<Offer>,
}

impl fmt::Debug for Server {
    /// Without the configured headers, which hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.start.config.name).finish_non_exhaustive()
    }
}

impl Spoken {
    /// Whether the server has a session for each client: without one it cannot ask back.
    pub fn has_sessions(&self) -> bool {
        matches!(&self.leg, Leg::Legacy(session) if session.id.is_some() && session.exclusive)
    }
}

impl Snapshot {
    /// Its lists as clients of `era` see them when they are reached by this way.
    pub fn offer(&self, era: Era, way: Way) -> Option<&Arc<Offer>> {
        let spoken = self.spoken(way.leg(era))?;
        Some(match way {
            Way::Direct => &spoken.offer,
            Way::Crossed => &spoken.crossed,
        })
    }

    /// The server in one era; `None` if it does not speak it. Also told while the server is down.
    pub fn spoken(&self, era: Era) -> Option<&Arc<Spoken>> {
        match era {
            Era::Legacy => self.legacy.as_ref(),
            Era::Modern => self.modern.as_ref(),
        }
    }

    /// Whether its lists are known, and calls would be answered.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// The eras that it speaks.
    pub fn eras(&self) -> Vec<Era> {
        [Era::Legacy, Era::Modern].into_iter().filter(|era| self.spoken(*era).is_some()).collect()
    }
}

impl Server {
    /// Starts to keep a connection to it.
    pub(super) fn start(start: Start) -> Self {
        let unknown = Snapshot { state: State::Connecting, error: None, legacy: None, modern: None };
        let (snapshot, snapshots) = watch::channel(Arc::new(unknown));
        let (refresh, refreshes) = mpsc::channel(64);
        let fresh = Fresh::unknown();
        let supervisor = Supervisor { start: start.clone(), snapshot, fresh: fresh.clone(), refresh: refreshes };
        let Start { openings, cancel, tasks, .. } = &start;
        tasks.spawn(supervisor.run(cancel.clone()));
        let projected = Projected::new(openings.clone(), cancel.clone(), tasks.clone());
        let (callers, needed) = (Callers::default(), Arc::default());
        Self { start, snapshot: snapshots, fresh, refresh, projected, callers, needed }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.start.config.name
    }

    /// As it was configured.
    pub fn config(&self) -> &config::Server {
        &self.start.config
    }

    /// Sends requests to it.
    pub fn client(&self) -> &Client {
        &self.start.client
    }

    /// How its lists are edited for clients ([`super::fetch_list`]).
    pub fn list_rules(&self) -> &Rules {
        &self.start.rules
    }

    /// What is known of it now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// The server in one era; `None` if it does not speak it, or has not said so yet.
    pub fn spoken(&self, era: Era) -> Option<Arc<Spoken>> {
        self.snapshot.borrow().spoken(era).cloned()
    }

    /// Has it tried soon if it is down, without waiting.
    pub fn nudge(&self) {
        let (done, _) = oneshot::channel();
        // A full queue means that others have asked already.
        let _ = self.refresh.try_send(done);
    }

    /// Has those of its lists fetched anew that are no longer fresh, and waits for it. The wait is not bounded here.
    pub async fn refresh(&self) {
        if self.fresh.is() {
            return;
        }
        let (done, wait) = oneshot::channel();
        if self.refresh.send(done).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Its list in sessions that are opened with these `params` of `initialize`, if that differs from what it lists for everybody
    /// in the legacy era. Two seconds at most, ten where a process has to be started for it; a server that does not answer by
    /// then differs in nothing.
    pub async fn list_in(&self, params: &RawValue, kind: Kind) -> Option<Arc<List>> {
        let snapshot = self.snapshot();
        // Without sessions it does not know whom it answers.
        let spoken = snapshot.legacy.as_ref().filter(|s| snapshot.state == State::Ready && s.has_sessions())?;
        self.projected_list(Declared::Handshake(params.get().into()), &spoken.offer, kind).await
    }

    /// Its list for modern clients that declare these `capabilities` (raw JSON), if that differs from what it lists for everybody in
    /// the modern era. As [`Server::list_in`] otherwise.
    pub async fn list_declaring(&self, capabilities: &str, kind: Kind) -> Option<Arc<List>> {
        let snapshot = self.snapshot();
        let spoken = snapshot.modern.as_ref().filter(|_| snapshot.state == State::Ready)?;
        self.projected_list(Declared::envelope(capabilities)?, &spoken.offer, kind).await
    }

    async fn projected_list(&self, declared: Declared, shared: &Arc<Offer>, kind: Kind) -> Option<Arc<List>> {
        let differing = self.projected.lists(self.client(), self.list_rules(), declared, shared).await?;
        differing[kind as usize].clone()
    }
}
