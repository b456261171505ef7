//! Where a session with a server is kept, beside the memory of this broker.

use super::id::Handle;
use super::shared::kept::{KeptUpstream, Raw};
use super::shared::{self, Claim, Shared};
use super::state::Session;
use crate::upstream::Registry;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a session with a server is kept.
pub(super) struct Place {
    handle: Handle,
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    /// What it looks like there; `None` if it is not kept.
    raw: Mutex<Option<Raw>>,
    /// What another broker kept, with which this one went on.
    resumed: Option<KeptUpstream>,
}

/// What became of a session that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is.
    Yes,
    /// It is not.
    Not,
    /// The client's session has ended.
    Ended,
}

impl Place {
    /// Of a session that this broker opened, and that is kept as `raw`, or is to be kept as soon as that is possible.
    pub(super) fn new(session: &Session, raw: Option<Raw>) -> Self {
        Self {
            handle: session.handle,
            shared: Arc::clone(&session.shared),
            registry: Arc::clone(&session.registry),
            raw: Mutex::new(raw),
            resumed: None,
        }
    }

    /// Of a session that nobody else could go on with.
    pub(super) fn nowhere(session: &Session) -> Self {
        Self::new(session, None)
    }

    /// Of a session that another broker opened.
    pub(super) fn of(session: &Session, raw: Raw, resumed: KeptUpstream) -> Self {
        Self { resumed: Some(resumed), ..Self::new(session, Some(raw)) }
    }

    /// What another broker kept, if this one went on with that.
    pub(super) fn resumed(&self) -> Option<&KeptUpstream> {
        self.resumed.as_ref()
    }

    /// Whether others can go on with it.
    pub(super) fn is_kept(&self) -> bool {
        self.shared.outlives_this_broker() && self.lock().is_some()
    }

    /// What it looks like there.
    pub(super) fn raw(&self) -> Option<Raw> {
        self.lock().clone()
    }

    /// Keeps it as it is now, unless another one is kept meanwhile.
    pub(super) async fn keep(&self, server: &str, upstream: &KeptUpstream) -> Kept {
        let (before, lease) = (self.raw(), shared::lease(&self.registry.limits()));
        let mut claim = self.shared.claim(self.handle, server, upstream, before.as_ref(), lease).await;
        if let Claim::Taken(raw, theirs) = &claim
            && theirs.id() == upstream.id()
        {
            let same = raw.clone();
            claim = self.shared.claim(self.handle, server, upstream, Some(&same), lease).await;
        }
        let (raw, kept) = match claim {
            Claim::Kept(raw) => (Some(raw), Kept::Yes),
            Claim::Taken(..) => (None, Kept::Not),
            Claim::Ended => (None, Kept::Ended),
            Claim::Not => return Kept::Not,
        };
        *self.lock() = raw;
        kept
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Raw>> {
        self.raw.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
