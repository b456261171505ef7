//! The store that all replicas share: Redis or Valkey.
//!
//! A session's id says itself what `initialize` settled, and its home is the memory of one broker. What is lost with that memory is
//! kept here, so that a broker that is started again, or another one, goes on with the sessions at the servers and with whatever
//! state servers keep in them.
//!
//! | key | holds | until |
//! | --- | --- | --- |
//! | `PREFIXsession:HANDLE`, a hash | `server:NAME`: an upstream session's id, the revision and the capabilities that were negotiated, whether its lists are its own, the last event of its GET stream; `level`; `subscriptions`; `client`: what the client said of itself, if that is too long for the id | the session was unused for its time |
//! | `PREFIXended:HANDLE` | that the session has ended | its id expires |
//! | `PREFIXended`, a channel | handles of sessions that end, for the brokers that have them in memory | – |
//!
//! * What is kept is sealed with the session key, and bound to its session and field: who can read the store learns no credential, who can
//!   write to it can end sessions and lose state, and put nobody into another's session.
//! * An upstream session is kept before it is used. Of several brokers that open one at once the first one's counts: the others take
//!   it over and end theirs. Only who names the one that a server has forgotten can put another in its place.
//! * Nothing here is needed to go on. While the store is away, or before it has answered in time, brokers do as if there were none; when it
//!   is back they tell it what they have. A request waits for it once for [`PATIENCE`] at most.
//! * Each entry expires, and none is larger than [`kept::LONGEST`].
//!
//! What stays in one broker: streams, calls under way, what waits for a client's answer, sessions with servers of the other era, with
//! processes and with servers of HTTP+SSE. Those requests are passed on to it ([`crate::peers`]) for as long as it is there.

mod commands;
mod fault;
pub(crate) mod kept;
mod link;

pub use link::StoreStatus;

use super::id::{ClientSaid, Handle};
use commands::Claimed;
use kept::{Field, KeptUpstream, Raw, Subscriptions, Vault};
use link::{Link, Up};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use protocol::config::{Gateway, Limits};
use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long is waited for an answer of the store.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// How often sessions are looked through.
pub const SWEEP: Duration = Duration::from_secs(30);

/// News that may wait to be heard.
const NEWS: usize = 64;

/// What comes of the store by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It can be used, from now on or again: what it missed has to be told.
    Up,
    /// Another broker ended a session.
    Ended(Handle),
}

/// The way to the store, if there is one.
pub struct Shared {
    link: watch::Receiver<Link>,
    vault: Vault,
    operations: Family<Operation, Counter>,
}

/// An operation and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Operation {
    operation: &'static str,
    outcome: &'static str,
}

/// What is kept of a session that another broker knew.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// It has ended.
    pub(super) has_ended: bool,
    pub(super) client: Option<ClientSaid>,
    pub(super) level: Option<String>,
    pub(super) subscriptions: Subscriptions,
}

/// What became of an upstream session that was to be kept.
#[derive(Debug)]
pub(super) enum Claim {
    /// It is kept; this is what it looks like there.
    Kept(Raw),
    /// Another broker was first: this is the one that counts.
    Taken(Raw, KeptUpstream),
    /// The client's session has ended.
    Ended,
    /// It is not kept: the store is away, or it is too large.
    Not,
}

impl Shared {
    /// Follows the configuration until `ending`. What happens by itself comes through the receiver.
    pub fn start(
        gateway: watch::Receiver<Arc<Gateway>>,
        ending: CancellationToken,
    ) -> (Arc<Self>, mpsc::Receiver<News>) {
        let (news, heard) = mpsc::channel(NEWS);
        let link = link::start(gateway, news, ending);
        let vault = Vault::from_environment();
        (Arc::new(Self { link, vault, operations: Family::default() }), heard)
    }

    /// How the store is; `None` if there is none.
    pub fn status(&self) -> Option<StoreStatus> {
        self.link.borrow().status()
    }

    /// Resolves when the store has been reached, or was found not to be.
    pub async fn settled(&self) {
        let mut link = self.link.clone();
        let _ = link.wait_for(|link| !link.is_connecting()).await;
    }

    /// Whether there is to be one.
    pub(super) fn is_configured(&self) -> bool {
        !matches!(*self.link.borrow(), Link::Off)
    }

    /// Whether what is kept can be read by another broker, or by this one after its next start.
    pub(super) fn outlives_this_broker(&self) -> bool {
        self.is_configured() && self.vault.is_shared()
    }

    /// Operations so far.
    pub(crate) fn operations(&self) -> Family<Operation, Counter> {
        self.operations.clone()
    }

    /// What is kept of a session. `None` if there is nobody to ask.
    pub(super) async fn load(&self, handle: Handle) -> Option<Loaded> {
        let (has_ended, fields) = self.run("load", async |up, c| commands::load(c, &up.keys, handle).await).await?;
        let mut loaded = Loaded { has_ended, ..Loaded::default() };
        for (name, raw) in &fields {
            match Field::parse(name) {
                Some(field @ Field::Client) => loaded.client = self.vault.open(handle, &field, raw),
                Some(field @ Field::Level) => loaded.level = self.vault.open(handle, &field, raw),
                Some(field @ Field::Subscriptions) => {
                    loaded.subscriptions = self.vault.open(handle, &field, raw).unwrap_or_default();
                }
                Some(Field::Server(_)) | None => {}
            }
        }
        Some(loaded)
    }

    /// The session with a server that is kept for a client's session.
    pub(super) async fn upstream(&self, handle: Handle, server: &str) -> Option<(Raw, KeptUpstream)> {
        let field = Field::Server(server.to_owned());
        let raw = self.run("read", async |up, c| commands::read(c, &up.keys, handle, &field).await).await??;
        let kept = self.vault.open(handle, &field, &raw)?;
        Some((raw, kept))
    }

    /// Keeps a session with a server, if none is kept for it or `instead` is.
    pub(super) async fn claim(
        &self,
        handle: Handle,
        server: &str,
        upstream: &KeptUpstream,
        instead: Option<&Raw>,
        lease: Duration,
    ) -> Claim {
        let field = Field::Server(server.to_owned());
        let Some(raw) = self.vault.seal(handle, &field, upstream) else { return Claim::Not };
        let claimed = self
            .run("keep", async |up, c| commands::claim(c, &up.keys, (handle, &field), instead, &raw, lease).await)
            .await;
        match claimed {
            None => Claim::Not,
            Some(Claimed::Ended) => Claim::Ended,
            Some(Claimed::Kept) => Claim::Kept(raw),
            Some(Claimed::Taken(theirs)) => match self.vault.open(handle, &field, &theirs) {
                Some(kept) => Claim::Taken(theirs, kept),
                // Sealed with another key: whoever can read that is not served by this gateway.
                None => Claim::Not,
            },
        }
    }

    /// Keeps something else of a session. `false` if that was not possible.
    pub(super) async fn keep<T: serde::Serialize>(
        &self,
        handle: Handle,
        field: &Field,
        value: &T,
        lease: Duration,
    ) -> bool {
        if !self.is_configured() {
            return false;
        }
        let Some(raw) = self.vault.seal(handle, field, value) else { return false };
        let entry = (handle, field);
        self.run("keep", async |up, c| commands::keep(c, &up.keys, entry, &raw, lease).await).await.is_some()
    }

    /// Keeps that a session has ended, tells the other brokers, and gives the sessions with servers that were kept for it, by server.
    /// `None` if there is nobody to tell.
    pub(super) async fn end(&self, handle: Handle, lifetime: Duration) -> Option<Vec<(String, KeptUpstream)>> {
        let fields = self.run("end", async |up, c| commands::end(c, &up.keys, handle, lifetime).await).await?;
        let opened = fields.into_iter().filter_map(|(name, raw)| match Field::parse(&name)? {
            field @ Field::Server(_) => Some((field.server()?.to_owned(), self.vault.open(handle, &field, &raw)?)),
            _ => None,
        });
        Some(opened.collect())
    }

    /// Which of these sessions have ended. `None` if there is nobody to ask.
    pub(super) async fn ended(&self, handles: &[Handle]) -> Option<Vec<bool>> {
        self.run("check", async |up, c| commands::ended(c, &up.keys, handles).await).await
    }

    /// Has what is kept of these sessions stay for another `lease`; tells of which of them something is kept.
    pub(super) async fn renew(&self, handles: &[Handle], lease: Duration) -> Option<Vec<bool>> {
        self.run("renew", async |up, c| commands::renew(c, &up.keys, handles, lease).await).await
    }

    /// For how long what is kept of these sessions will stay; nothing for those of which nothing is kept.
    pub(super) async fn remaining(&self, handles: &[Handle]) -> Option<Vec<Duration>> {
        self.run("check", async |up, c| commands::remaining(c, &up.keys, handles).await).await
    }

    /// Has the store do something, in time. `None` if it did not.
    async fn run<T>(
        &self,
        operation: &'static str,
        ask: impl AsyncFnOnce(&Up, &mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Option<T> {
        if !self.is_configured() {
            return None;
        }
        let answered = timeout(PATIENCE, async {
            let up = self.up().await?;
            let mut connection = up.connection.clone();
            let answered = ask(&up, &mut connection).await;
            Some((answered, up))
        });
        match answered.await {
            Ok(None) => {
                self.count(operation, "away");
                return None;
            }
            Ok(Some((Ok(answer), _))) => {
                self.count(operation, "ok");
                return Some(answer);
            }
            Ok(Some((Err(error), up))) => up.failed(fault::why(&error)),
            Err(_) => {
                if let Link::Up(up) = &*self.link.borrow() {
                    up.failed(fault::no_answer(PATIENCE));
                }
            }
        }
        self.count(operation, "failed");
        None
    }

    /// The connection, as soon as it has been tried.
    async fn up(&self) -> Option<Up> {
        let mut link = self.link.clone();
        let link = link.wait_for(|link| !link.is_connecting()).await.ok()?;
        match &*link {
            Link::Up(up) if up.is_good() => Some(up.clone()),
            _ => None,
        }
    }

    fn count(&self, operation: &'static str, outcome: &'static str) {
        self.operations.get_or_create(&Operation { operation, outcome }).inc();
    }
}

/// How often what is kept of a session in use is renewed.
pub(super) fn renewal(limits: &Limits) -> Duration {
    Duration::from_secs(limits.session_idle_seconds / 24).max(SWEEP)
}

/// How long what is kept of a session stays after it was renewed: longer than the session may be unused.
pub(super) fn lease(limits: &Limits) -> Duration {
    Duration::from_secs(limits.session_idle_seconds) + renewal(limits) + 2 * SWEEP
}

/// What remains of a lease at most when the broker that renewed it last finds the session unused. More is another broker's doing.
pub(super) fn left_over(limits: &Limits) -> Duration {
    renewal(limits) + 3 * SWEEP
}
