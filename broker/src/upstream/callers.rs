//! A server as each of its callers sees it, where it tells them apart.
//!
//! Each caller has one of its own: with its own connection, lists and eras, for as long as it comes back within a while. Nothing
//! of it is ever another caller's.

use super::server::{Server, Snapshot, Start};
use crate::caller::Caller;
use crate::status::State;
use protocol::caller::Principal;
use protocol::era::Era;
use protocol::error::Refusal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// Callers of one server that are known at once.
const MOST: usize = 4096;
/// How long one is known that does not come back.
const IDLE: Duration = Duration::from_secs(300);
/// The same for one that the server does not take.
const IDLE_REFUSED: Duration = Duration::from_secs(10);
/// How long the first list of a caller waits for its server.
const FIRST: Duration = Duration::from_secs(5);
/// How long the others do.
const REFRESH: Duration = Duration::from_secs(1);

/// The callers of one server.
#[derive(Default)]
pub(super) struct Callers(Mutex<HashMap<Principal, Known>>);

struct Known {
    server: Arc<Server>,
    used: Instant,
    cancel: CancellationToken,
}

impl Known {
    fn is_needed(&self) -> bool {
        Arc::strong_count(&self.server.needed) > 1
    }

    fn is_old(&self) -> bool {
        let idle = if self.server.snapshot().state == State::Ready { IDLE } else { IDLE_REFUSED };
        !self.is_needed() && self.used.elapsed() >= idle
    }
}

impl Server {
    /// Under what its caller is known, if it is one caller's.
    pub fn principal(&self) -> Option<&Principal> {
        self.start.principal.as_ref()
    }

    /// Whether both are the same server of the same configuration, and the same caller's.
    pub fn is(&self, other: &Server) -> bool {
        self.start.incarnation == other.start.incarnation && self.start.principal == other.start.principal
    }

    /// Whether it tells callers apart.
    pub fn tells_callers_apart(&self) -> bool {
        !self.start.config.forward_headers.is_empty()
    }

    /// The server as `caller` sees it: itself, where it does not tell callers apart, or where this one shows nothing.
    ///
    /// # Errors
    /// It has too many callers at once.
    pub fn seen_by(self: &Arc<Self>, era: Era, caller: &Caller) -> Result<Arc<Self>, Refusal> {
        if !self.tells_callers_apart() {
            return Ok(Arc::clone(self));
        }
        let caller = caller.towards(&self.start.config);
        let Some(principal) = caller.principal() else { return Ok(Arc::clone(self)) };
        let mut all = self.callers.lock();
        if let Some(known) = all.get_mut(&principal) {
            known.used = Instant::now();
            return Ok(Arc::clone(&known.server));
        }
        if all.len() >= MOST {
            let unneeded = all.iter().filter(|(_, known)| !known.is_needed());
            let oldest = unneeded.min_by_key(|(_, known)| known.used).map(|(principal, _)| principal.clone());
            let oldest = oldest.and_then(|oldest| all.remove(&oldest)).ok_or_else(|| {
                let message = format!("Server {} has {MOST} callers at once, which is the limit.", self.name());
                Refusal::upstream(era, message)
            })?;
            oldest.cancel.cancel();
        }
        let Some(client) = self.start.client.showing(&caller.headers()) else { return Ok(Arc::clone(self)) };
        let cancel = self.start.cancel.child_token();
        let server = Arc::new(Server::start(Start {
            client,
            principal: Some(principal.clone()),
            // Whoever wants to know looks at its snapshots.
            changed: Arc::new(Notify::new()),
            cancel: cancel.clone(),
            ..self.start.clone()
        }));
        all.insert(principal, Known { server: Arc::clone(&server), used: Instant::now(), cancel });
        Ok(server)
    }

    /// Has it keep its connection, and what it knows, as long as what is returned is held.
    pub(super) fn need(&self) -> Arc<()> {
        Arc::clone(&self.needed)
    }

    /// What is known of it, as it changes.
    pub(super) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// Waits, not for long, until its lists are known and fresh. One that could not be used is tried again, and not waited for.
    pub(super) async fn settle(&self) {
        let patience = match self.snapshot().state {
            State::Connecting => FIRST,
            State::Ready => REFRESH,
            State::Down | State::PerCaller => return self.nudge(),
        };
        let _ = tokio::time::timeout(patience, self.refresh()).await;
    }

    /// Forgets callers that did not come back.
    pub(super) fn sweep(&self) {
        self.callers.lock().retain(|_, known| {
            let old = known.is_old();
            if old {
                known.cancel.cancel();
            }
            !old
        });
    }
}

impl Callers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Principal, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
