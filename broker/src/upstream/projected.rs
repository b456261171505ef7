//! What a server lists for sessions with other capabilities than the broker's own.
//!
//! Some servers offer more to clients that can be asked. One short session for all clients with the same capabilities finds
//! that out, in the modern era requests that declare these; it is kept for as long as the server's shared lists stay what they were.

use super::capabilities::Capabilities;
use super::client::Client;
use super::error::UpstreamError;
use super::leg::{Envelope, Leg};
use super::lists::{ListError, fetch_list};
use super::probe::discover;
use super::turn::in_turn;
use crate::catalog::{Kind, List, Offer};
use futures::FutureExt as _;
use futures::future::Shared;
use protocol::answer::Rules;
use protocol::era::MODERN;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Different capabilities whose lists are kept, a server.
const KEPT: usize = 64;
/// Bytes of the longest declaration that lists are fetched for: nobody fills the memory with invented capabilities.
const DECLARED_LIMIT: usize = 4096;
/// How long clients' lists wait for one fetch, from its beginning.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same where a process has to be started first.
const STARTING: Duration = Duration::from_secs(10);
/// How long the lists may take once the session is open.
const WHOLE: Duration = Duration::from_secs(30);
/// A fetch that failed is not repeated sooner.
const RETRY: Duration = Duration::from_secs(10);

/// By kind, in the order of [`Kind::ALL`]: the list, where it is not the shared one.
pub(super) type Differing = [Option<Arc<List>>; 4];

/// `None`: the server failed.
type Outcome = Option<Arc<Differing>>;

/// What clients declared, as a server is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Declared {
    /// The `params` of `initialize`.
    Handshake(Arc<str>),
    /// `params._meta` of every request (2026-07-28, *Overview*).
    Envelope(Arc<str>),
}

impl Declared {
    /// What all requests say of clients that declare these capabilities (raw JSON), in whatever words: the gateway is the client.
    /// `None` if they declare nothing.
    pub(super) fn envelope(capabilities: &str) -> Option<Self> {
        let capabilities: Value = serde_json::from_str(capabilities).ok()?;
        let declares = capabilities.as_object().is_some_and(|all| !all.is_empty());
        declares.then(|| Self::Envelope(Envelope::declaring(&capabilities).meta))
    }

    fn text(&self) -> &str {
        match self {
            Self::Handshake(text) | Self::Envelope(text) => text,
        }
    }

    /// A leg on which the server knows it, and what the server can do there.
    async fn open(&self, client: &Client) -> Result<(Leg, Capabilities), UpstreamError> {
        match self {
            Self::Handshake(params) => {
                let params: &RawValue =
                    serde_json::from_str(params).map_err(|_| UpstreamError::Malformed("was to be sent no JSON"))?;
                let session = client.open_session(params).await?;
                let capabilities = session.capabilities.clone();
                Ok((Leg::Legacy(session), capabilities))
            }
            Self::Envelope(meta) => {
                let hello = discover(client, Envelope { version: MODERN.into(), meta: Arc::clone(meta) }).await?;
                Ok((hello.leg, hello.capabilities))
            }
        }
    }
}

/// The lists of one server, by what its clients declared.
pub(super) struct Projected {
    kept: Mutex<HashMap<Declared, Kept>>,
    /// Shared with the other servers.
    turns: Arc<Semaphore>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Lists that are known, or being fetched.
#[derive(Clone)]
struct Kept {
    /// The shared lists that they were compared with.
    shared: Arc<Offer>,
    begun: Instant,
    fetch: Shared<oneshot::Receiver<Outcome>>,
}

impl Kept {
    fn is_good(&self, shared: &Offer, max_age: Duration) -> bool {
        let limit = match self.outcome() {
            Some(Ok(Some(_))) | None => max_age,
            Some(_) => RETRY,
        };
        self.begun.elapsed() < limit && self.shared.is(shared)
    }

    /// `None` while they are being fetched.
    fn outcome(&self) -> Option<Result<Outcome, oneshot::error::RecvError>> {
        self.fetch.clone().now_or_never()
    }
}

impl Projected {
    /// None yet. `cancel` ends fetches, whose tasks are among `tasks`; they begin when it is their turn.
    pub(super) fn new(turns: Arc<Semaphore>, cancel: CancellationToken, tasks: TaskTracker) -> Self {
        Self { kept: Mutex::default(), turns, cancel, tasks }
    }

    /// The lists for those who `declared` something, where they are not the `shared` ones. Five seconds at most, ten where a process
    /// has to be started for it.
    ///
    /// Whoever asks first has them fetched, others wait for the same. A server that is slow, or fails, differs in nothing.
    pub(super) async fn lists(
        &self,
        client: &Client,
        rules: &Rules,
        declared: Declared,
        shared: &Arc<Offer>,
    ) -> Outcome {
        if declared.text().len() > DECLARED_LIMIT {
            return None;
        }
        let Kept { begun, fetch, .. } = self.kept_or_begun(client, rules, declared, shared)?;
        let patience = if client.processes().is_some() { STARTING } else { PATIENCE };
        let left = patience.saturating_sub(begun.elapsed());
        if let Ok(outcome) = tokio::time::timeout(left, fetch).await {
            return outcome.ok().flatten();
        }
        tracing::warn!(server = &*rules.server, "lists for a client's capabilities are late: it gets the shared ones");
        None
    }

    /// `None` if too many are being fetched.
    fn kept_or_begun(&self, client: &Client, rules: &Rules, declared: Declared, shared: &Arc<Offer>) -> Option<Kept> {
        let max_age = client.cache().max_age();
        let mut all = self.lock();
        if let Some(kept) = all.get(&declared).filter(|kept| kept.is_good(shared, max_age)) {
            return Some(kept.clone());
        }
        all.remove(&declared);
        if all.len() >= KEPT {
            all.retain(|_, kept| kept.is_good(shared, max_age));
        }
        if all.len() >= KEPT {
            let finished = all.iter().filter(|(_, kept)| kept.outcome().is_some());
            let oldest = finished.min_by_key(|(_, kept)| kept.begun).map(|(declared, _)| declared.clone())?;
            all.remove(&oldest);
        }
        let (found, outcome) = oneshot::channel();
        let fetch = Fetch { client: client.clone(), rules: rules.clone(), shared: shared.clone(), found };
        self.tasks.spawn(in_turn(self.turns.clone(), fetch.run(declared.clone(), self.cancel.clone())));
        let kept = Kept { shared: shared.clone(), begun: Instant::now(), fetch: outcome.shared() };
        all.insert(declared, kept.clone());
        Some(kept)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Declared, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One fetch, which goes on if those who wait for it go away: its session is to be ended.
struct Fetch {
    client: Client,
    rules: Rules,
    shared: Arc<Offer>,
    found: oneshot::Sender<Outcome>,
}

impl Fetch {
    async fn run(self, declared: Declared, cancel: CancellationToken) {
        let Self { client, rules, shared, found } = self;
        let failed = |error: &dyn std::fmt::Display| {
            tracing::warn!(server = &*rules.server, %error, "lists for clients' capabilities could not be fetched: they get the shared ones");
        };
        let (leg, capabilities) = match declared.open(&client).await {
            Ok(opened) => opened,
            Err(error) => return failed(&error),
        };
        let fetching = async {
            let lists = Kind::ALL.map(|kind| {
                let (client, leg, rules, shared) = (&client, &leg, &rules, shared.list(kind));
                let has = capabilities.listing(kind).is_some();
                async move {
                    let list = if has { fetch_list(client, leg, kind, rules).await } else { Ok(List::empty()) };
                    differing(shared, list)
                }
            });
            let [tools, prompts, resources, templates] = lists;
            tokio::try_join!(tools, prompts, resources, templates)
        };
        match cancel.run_until_cancelled(tokio::time::timeout(WHOLE, fetching)).await {
            Some(Ok(Ok((tools, prompts, resources, templates)))) => {
                // Nobody may be waiting any more.
                let _ = found.send(Some(Arc::new([tools, prompts, resources, templates])));
            }
            Some(Ok(Err(error))) => failed(&error),
            Some(Err(late)) => failed(&late),
            None => {}
        }
        if let Leg::Legacy(session) = &leg {
            client.end_session(session).await;
        }
    }
}

/// The list if it is not the shared one. A list that is wrong in itself stays the shared one.
fn differing(shared: &List, list: Result<List, ListError>) -> Result<Option<Arc<List>>, ListError> {
    match list {
        Ok(list) => Ok((!list.shows_as(shared)).then(|| Arc::new(list))),
        Err(error) if error.is_connection().is_some() => Err(error),
        Err(_) => Ok(None),
    }
}
