//! Ends of sessions, told to the store that all replicas share.

use super::Session;
use super::id::{Handle, now};
use super::shared::Shared;
use super::upstream::end_in_background;
use crate::upstream::Registry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Ends that wait for the store to be back.
const MAX_UNTOLD: usize = 100_000;

/// A session that ends.
pub(super) struct End {
    handle: Handle,
    expires: u64,
    /// Ids of its upstream sessions that this broker ends itself.
    ending: Vec<String>,
}

impl End {
    /// Of a session that is still open.
    pub(super) fn of(session: &Session) -> Self {
        let open = session.open_upstreams();
        let ending = open.iter().filter_map(|upstream| upstream.session.id.clone()).collect();
        Self { handle: session.handle, expires: session.expires, ending }
    }
}

/// What tells of ends.
pub(super) struct Ends {
    registry: Arc<Registry>,
    shared: Arc<Shared>,
    /// Those that the store could not be told of.
    untold: Mutex<Vec<End>>,
}

impl Ends {
    pub(super) fn new(registry: Arc<Registry>, shared: Arc<Shared>) -> Self {
        Self { registry, shared, untold: Mutex::default() }
    }

    /// Tells the store, and with it the other brokers, and ends the sessions with servers that nobody has in memory.
    pub(super) async fn tell(&self, end: End) {
        if !self.shared.is_configured() {
            return;
        }
        let lifetime = Duration::from_secs(end.expires.saturating_sub(now()));
        let Some(kept) = self.shared.end(end.handle, lifetime).await else {
            let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
            if untold.len() < MAX_UNTOLD {
                untold.push(end);
            }
            return;
        };
        for (server, kept) in kept {
            if let Some(server) = self.registry.get(&server).filter(|server| kept.is_of(server))
                && !end.ending.iter().any(|id| id == kept.id())
            {
                end_in_background(&server, kept.session());
            }
        }
    }

    /// The same in the background.
    pub(super) fn tell_later(self: &Arc<Self>, end: End) {
        if self.shared.is_configured() {
            let ends = Arc::clone(self);
            tokio::spawn(async move { ends.tell(end).await });
        }
    }

    /// Tells what could not be told before.
    pub(super) async fn tell_all(&self) {
        let untold = std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner));
        for end in untold {
            self.tell(end).await;
        }
    }
}
