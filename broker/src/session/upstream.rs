//! One session of a client with one server.

use super::place::{Kept, Place};
use super::shared::Claim;
use super::shared::kept::{KeptUpstream, Raw};
use super::state::Session;
use crate::catalog::{Kind, List};
use crate::upstream::{Leg, LegacySession, Server, UpstreamError, Way, fetch_list};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use protocol::era::Era;
use protocol::error::Refusal;
use protocol::json::quote;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// A session with a server, open or being opened.
pub(crate) struct Slot {
    /// The server as it was when the session was opened: a changed one needs another.
    pub(super) server: Arc<Server>,
    /// How the server was reached then: another way needs another session.
    pub(super) way: Option<Way>,
    /// Tells it from those before it.
    pub(super) number: u64,
    /// What everybody who needs it waits for.
    pub(super) opening: Shared<BoxFuture<'static, Result<Arc<Upstream>, Refusal>>>,
}

/// An open session with a server.
pub struct Upstream {
    /// The server.
    pub server: Arc<Server>,
    /// What `initialize` settled.
    pub session: LegacySession,
    /// The same, to send requests with.
    pub leg: Leg,
    /// Tells it from those that the client had with this server before.
    pub(super) number: u64,
    /// Cancelled when nothing is to be read from it any more.
    pub(super) ended: CancellationToken,
    /// Whether its GET stream is being read.
    pub(super) listening: tokio::sync::Mutex<bool>,
    /// Id of the last event of its GET stream that went on to the client.
    pub(super) last_event: Mutex<Option<String>>,
    lists: Mutex<Lists>,
    place: Place,
}

/// The lists that this session said to have changed: the client's are its own from then on.
#[derive(Default)]
struct Lists {
    own: HashSet<Kind>,
    known: HashMap<Kind, Arc<List>>,
}

/// Begins to open a session with `server`. It goes on if those who wait for it go away.
pub(super) fn open(session: &Arc<Session>, server: &Arc<Server>, number: u64) -> Slot {
    let name = server.name().to_owned();
    let way = session.way(server);
    let task = tokio::spawn(opening(Arc::clone(session), Arc::clone(server), way, number));
    let opening = async move {
        task.await.unwrap_or_else(|_| {
            Err(Refusal::upstream(Era::Legacy, format!("Opening a session with server {name} failed.")))
        })
    };
    Slot { server: Arc::clone(server), way, number, opening: opening.boxed().shared() }
}

async fn opening(
    session: Arc<Session>,
    server: Arc<Server>,
    way: Option<Way>,
    number: u64,
) -> Result<Arc<Upstream>, Refusal> {
    let crossed = server.serving(Era::Legacy, session.asks_back()).filter(|_| way == Some(Way::Crossed));
    let (settled, place) = match crossed {
        Some(spoken) => (LegacySession::crossed(session.crossing(&server), &spoken), Place::nowhere(&session)),
        None => found_or_opened(&session, &server).await?,
    };
    let resumed = place.resumed();
    let upstream = Arc::new(Upstream {
        leg: Leg::Legacy(settled.clone()),
        session: settled,
        number,
        ended: session.ended().child_token(),
        listening: tokio::sync::Mutex::new(false),
        last_event: Mutex::new(resumed.and_then(|kept| kept.last_event.clone())),
        lists: Mutex::new(Lists::of(resumed)),
        server,
        place,
    });
    if session.ended().is_cancelled() {
        upstream.end().await;
        return Err(Refusal::unknown_session());
    }
    if let Some(level) = session.level() {
        upstream.send_level(&level).await;
    }
    let subscriptions = match upstream.place.resumed() {
        // The server has them.
        Some(_) => Vec::new(),
        None => session.subscriptions(upstream.server.name()),
    };
    for uri in subscriptions {
        if let Err(error) = upstream.send_subscription("resources/subscribe", &uri, None).await {
            tracing::warn!(server = upstream.server.name(), %error, "a subscription could not be repeated");
        }
    }
    upstream.listen(&session).await;
    Ok(upstream)
}

/// The session that is kept for the client elsewhere, or a new one, which is kept there from then on.
async fn found_or_opened(session: &Arc<Session>, server: &Arc<Server>) -> Result<(LegacySession, Place), Refusal> {
    let name = server.name();
    let found = session.shared.upstream(session.handle, name).await;
    let lost = session.lost(name);
    let instead = match found {
        Some((raw, kept)) if kept.is_of(server) && Some(&raw) != lost.as_ref() => {
            tracing::debug!(server = name, "a session that another broker opened goes on here");
            return Ok((kept.session(), Place::of(session, raw, kept)));
        }
        Some((raw, _)) => Some(raw),
        None => None,
    };
    let params = session.initialize_params();
    let opened = server.client().open_session(&params).await.map_err(|e| failed(Era::Legacy, name, &e))?;
    let Some(kept) = KeptUpstream::new(server, &opened) else { return Ok((opened, Place::nowhere(session))) };
    match session.shared.claim(session.handle, name, &kept, instead.as_ref(), session.lease()).await {
        Claim::Kept(raw) => {
            session.mark_renewed();
            Ok((opened, Place::new(session, Some(raw))))
        }
        Claim::Taken(raw, theirs) if theirs.is_of(server) => {
            session.mark_renewed();
            end_in_background(server, opened);
            Ok((theirs.session(), Place::of(session, raw, theirs)))
        }
        // Brokers that reach the server in different ways have sessions of their own with it.
        Claim::Taken(..) => Ok((opened, Place::nowhere(session))),
        Claim::Not => Ok((opened, Place::new(session, None))),
        Claim::Ended => {
            end_in_background(server, opened);
            session.leave();
            Err(Refusal::unknown_session())
        }
    }
}

/// Ends a session that nobody uses.
pub(super) fn end_in_background(server: &Arc<Server>, opened: LegacySession) {
    let server = Arc::clone(server);
    tokio::spawn(async move { server.client().end_session(&opened).await });
}

impl Slot {
    /// Ends the session in the background, if it is open.
    pub(super) fn end(self) {
        tokio::spawn(self.ending());
    }

    /// Ends the session, if it is open.
    async fn ending(self) {
        if let Ok(upstream) = self.opening.await {
            upstream.end().await;
        }
    }

    /// Ends the session, unless it is kept and a server that is reached in the same way goes on with it.
    pub(super) async fn making_way(self, server: Arc<Server>, way: Option<Way>) {
        let Ok(upstream) = self.opening.await else { return };
        if way == Some(Way::Direct) && upstream.place.is_kept() && upstream.is_of(&server) {
            upstream.ended.cancel();
        } else {
            upstream.end().await;
        }
    }

    /// Leaves the session to other brokers if it is kept for them; ends it if not.
    pub(crate) async fn leaving(self) {
        let Ok(upstream) = self.opening.await else { return };
        if !upstream.place.is_kept() {
            upstream.end().await;
            return;
        }
        upstream.ended.cancel();
        if upstream.last_event().is_some() {
            // Whoever goes on with it has the server send what comes after that.
            upstream.keep().await;
        }
    }
}

impl Lists {
    /// Of a session that another broker opened.
    fn of(kept: Option<&KeptUpstream>) -> Self {
        let own = kept.is_some_and(|kept| kept.own_lists);
        Self { own: if own { Kind::ALL.into() } else { HashSet::new() }, known: HashMap::new() }
    }
}

impl Upstream {
    /// Keeps it elsewhere as it is now.
    pub(super) async fn keep(&self) -> Kept {
        let Some(mut kept) = KeptUpstream::new(&self.server, &self.session) else { return Kept::Not };
        kept.own_lists = !self.lists.lock().unwrap_or_else(PoisonError::into_inner).own.is_empty();
        kept.last_event = self.last_event();
        self.place.keep(self.server.name(), &kept).await
    }

    /// Whether it is a session with this server, reached as now.
    fn is_of(&self, server: &Server) -> bool {
        KeptUpstream::new(&self.server, &self.session).is_some_and(|kept| kept.is_of(server))
    }

    /// What is kept of it elsewhere.
    pub(super) fn kept_as(&self) -> Option<Raw> {
        self.place.raw()
    }

    fn last_event(&self) -> Option<String> {
        self.last_event.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends the log level, if the server logs.
    pub(super) async fn send_level(&self, level: &str) {
        if !self.session.capabilities.logging {
            return;
        }
        let params = format!("{{\"level\":{}}}", quote(level));
        if let Err(error) = self.server.client().request(&self.leg, "logging/setLevel", Some(&params)).await {
            tracing::warn!(server = self.server.name(), %error, "the log level could not be set");
        }
    }

    /// Asks the server whether it still knows this session.
    pub async fn is_forgotten(&self) -> bool {
        let answer = self.server.client().request(&self.leg, "ping", None).await;
        matches!(answer, Err(UpstreamError::SessionLost))
    }

    /// Sends `resources/subscribe` or `resources/unsubscribe` for one of the server's own URIs, with this `_meta` (raw JSON).
    pub async fn send_subscription(&self, method: &str, uri: &str, meta: Option<&str>) -> Result<(), UpstreamError> {
        let meta = meta.map_or_else(String::new, |meta| format!(",\"_meta\":{meta}"));
        let params = format!("{{\"uri\":{}{meta}}}", quote(uri));
        self.server.client().request(&self.leg, method, Some(&params)).await.map(|_| ())
    }

    /// Notes that the server said in this session that its lists changed.
    pub fn lists_changed(self: &Arc<Self>) {
        let is_first = {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = lists.own.is_empty();
            lists.own.extend(Kind::ALL);
            lists.known.clear();
            is_first
        };
        if is_first && self.place.is_kept() {
            let upstream = Arc::clone(self);
            tokio::spawn(async move { upstream.keep().await });
        }
    }

    /// What this session lists, if it differs from what the server lists for everybody.
    pub async fn own_list(&self, kind: Kind) -> Option<Arc<List>> {
        {
            let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            if !lists.own.contains(&kind) {
                return None;
            }
            if let Some(known) = lists.known.get(&kind) {
                return Some(Arc::clone(known));
            }
        }
        match fetch_list(self.server.client(), &self.leg, kind, self.server.list_rules()).await {
            Ok(list) => {
                let list = Arc::new(list);
                self.lists.lock().unwrap_or_else(PoisonError::into_inner).known.insert(kind, Arc::clone(&list));
                Some(list)
            }
            Err(error) => {
                tracing::warn!(server = self.server.name(), %error, "a session's own list could not be read");
                None
            }
        }
    }

    async fn end(&self) {
        self.ended.cancel();
        self.server.client().end_session(&self.session).await;
    }
}

/// What a client is told about a server that failed.
pub(crate) fn failed(era: Era, server: &str, error: &UpstreamError) -> Refusal {
    let retry_after = match error {
        UpstreamError::Throttled(retry_after) => retry_after.as_deref(),
        _ => None,
    };
    Refusal::upstream(era, format!("Server {server} {error}.")).with_retry_after(retry_after)
}
