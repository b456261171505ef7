//! A server that answers: its eras, their lists and their streams.

use super::client::Client;
use super::error::UpstreamError;
use super::fresh::Fresh;
use super::leg::{Envelope, Leg};
use super::lists::fetch_list;
use super::probe::{Down, Hello, discover, probe};
use super::server::Spoken;
use super::stream::{self, Signal, What};
use super::transport::Stdio;
use crate::catalog::{Group, Kind, Offer, crossed};
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use protocol::answer::Rules;
use protocol::config::EraChoice;
use protocol::era::Era;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// No list is asked for more often, whatever its `ttlMs`, unless the server says that it changed.
const MIN_FRESH: Duration = Duration::from_secs(1);
/// How long a list is not asked for again, however often the server says that it changed: some say so whenever they are asked.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a server is asked whether it is there: with all its streams open, and without.
const HEALTH: Duration = Duration::from_secs(30);
const HEALTH_WITHOUT_STREAM: Duration = Duration::from_secs(10);
/// An era that could not be tried is tried again.
const PROBE_AGAIN: Duration = Duration::from_secs(300);
/// A stream that was open for so long begins anew with its delays.
const STABLE: Duration = Duration::from_secs(30);

/// Delays after failures: quick at first, and never so long that a restarted server is missed for more than seconds.
pub(super) fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
        .build()
}

/// Why a connection has to be made anew.
#[derive(Debug)]
pub(super) enum Lost {
    /// A request failed.
    Error(UpstreamError),
    /// The server says other things of itself than before, or an era could not be tried.
    Outdated,
}

/// Somebody who waits until the lists are fresh.
pub(super) type Waiter = oneshot::Sender<()>;

/// The connection to one server.
pub(super) struct Connection {
    client: Client,
    rules: Rules,
    legs: Vec<LiveLeg>,
    incomplete: bool,
    since: Instant,
    health_at: Instant,
    signals: mpsc::Receiver<Signal>,
    sender: mpsc::Sender<Signal>,
    /// Changes when a process was started again.
    restarts: Option<watch::Receiver<u64>>,
    fresh: Fresh,
}

/// One era of it.
struct LiveLeg {
    hello: Hello,
    offer: Offer,
    /// For clients of the other era.
    crossed: Offer,
    /// By kind: the list was said to have changed, or was not told of for a while.
    stale: [bool; 4],
    /// By kind: when it was asked for last, with or without success.
    asked: [Instant; 4],
    /// By kind: when it may be asked for again.
    again: [Instant; 4],
    /// By kind: what was wrong with the list.
    errors: [Option<String>; 4],
    stream: StreamState,
    delays: ExponentialBackoff,
    /// No list is kept for longer.
    max_age: Duration,
}

enum StreamState {
    /// There is none to be had.
    None,
    /// To be opened then.
    Closed(Instant),
    /// Being opened, or open since and telling of changes of these groups.
    Open { _task: AbortOnDropHandle<()>, since: Option<Instant>, groups: Vec<Group> },
}

impl Connection {
    /// Probes a server and fetches all its lists. No session is left behind if that fails or is cancelled once it is open.
    ///
    /// # Errors
    /// Why the server is down, after "the server …".
    pub(super) async fn open(
        client: Client,
        rules: Rules,
        choice: EraChoice,
        fresh: Fresh,
        cancel: CancellationToken,
    ) -> Result<Self, Down> {
        let found = probe(&client, choice).await?;
        let now = Instant::now();
        let (sender, signals) = mpsc::channel(64);
        let restarts = client.processes().map(Stdio::restarts);
        let legs = found.hellos.into_iter().map(|hello| LiveLeg::new(hello, now, client.cache().max_age())).collect();
        let mut connection = Self {
            client,
            rules,
            legs,
            incomplete: found.incomplete,
            since: now,
            health_at: now + HEALTH_WITHOUT_STREAM,
            signals,
            sender,
            restarts,
            fresh,
        };
        let error = match cancel.run_until_cancelled(connection.fetch_stale()).await {
            Some(Ok(_)) => return Ok(connection),
            Some(Err(error)) => Down::of(&error),
            None => Down::because("is no longer wanted"),
        };
        connection.end().await;
        Err(error)
    }

    /// The server in one era, as now known.
    pub(super) fn spoken(&self, era: Era) -> Option<Arc<Spoken>> {
        let leg = self.legs.iter().find(|leg| leg.hello.leg.era() == era)?;
        Some(Arc::new(Spoken {
            leg: leg.hello.leg.clone(),
            capabilities: leg.hello.capabilities.clone(),
            server_info: leg.hello.server_info.clone(),
            instructions: leg.hello.instructions.clone(),
            offer: Arc::new(leg.offer.clone()),
            crossed: Arc::new(leg.crossed.clone()),
        }))
    }

    /// What is wrong with its lists.
    pub(super) fn error(&self) -> Option<String> {
        let mut all: Vec<_> = self.legs.iter().flat_map(|leg| leg.errors.iter().flatten().cloned()).collect();
        all.sort();
        all.dedup();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// How long the connection has been there.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    fn max_age(&self) -> Duration {
        self.client.cache().max_age()
    }

    /// Marks the lists whose freshness has run out, as far as the server lets it run out.
    fn expire(&mut self) {
        let now = Instant::now();
        for leg in self.legs.iter_mut().filter(|leg| !self.client.is_dormant(&leg.hello.leg)) {
            for kind in Kind::ALL {
                leg.stale[kind as usize] |= now >= leg.asked[kind as usize] + leg.freshness(kind);
            }
        }
    }

    /// Watches until lists were fetched. Who waited for that hears of it when what is returned is dropped; who waited while
    /// all lists were fresh has heard of it.
    ///
    /// # Errors
    /// The connection has to be made anew.
    pub(super) async fn watch(&mut self, refresh: &mut mpsc::Receiver<Waiter>) -> Result<Vec<Waiter>, Lost> {
        let mut waiting = Vec::new();
        loop {
            self.open_streams();
            if self.fetch_stale().await.map_err(Lost::Error)? {
                return Ok(waiting);
            }
            if !self.legs.iter().any(LiveLeg::is_outdated) {
                waiting.clear();
                self.fresh.set(self.fresh_until());
            }
            let due = tokio::time::Instant::from_std(self.next_due());
            tokio::select! {
                Some(signal) = self.signals.recv() => {
                    self.apply(signal)?;
                    while let Ok(signal) = self.signals.try_recv() {
                        self.apply(signal)?;
                    }
                }
                Some(waiter) = refresh.recv() => {
                    waiting.push(waiter);
                    while let Ok(waiter) = refresh.try_recv() {
                        waiting.push(waiter);
                    }
                    self.expire();
                }
                // What it lists may have changed with it.
                () = restarted(&mut self.restarts) => self.legs.iter_mut().for_each(|leg| leg.stale = [true; 4]),
                () = tokio::time::sleep_until(due) => self.look_after().await?,
            }
        }
    }

    fn fresh_until(&self) -> Instant {
        let lists = self.legs.iter().flat_map(|leg| {
            let declared = Kind::ALL.into_iter().filter(|kind| leg.declares(*kind));
            declared.map(|kind| leg.asked[kind as usize] + leg.freshness(kind))
        });
        lists.min().unwrap_or_else(|| Instant::now() + self.max_age())
    }

    /// Fetches the lists that are marked, each after its pause. `true` if there were any.
    ///
    /// # Errors
    /// The connection failed; a list that is wrong in itself is noted instead.
    async fn fetch_stale(&mut self) -> Result<bool, UpstreamError> {
        let mut any = false;
        for leg in &mut self.legs {
            for kind in Kind::ALL {
                let (at, now) = (kind as usize, Instant::now());
                leg.stale[at] &= leg.declares(kind);
                if !leg.stale[at] {
                    continue;
                }
                self.fresh.clear();
                if now < leg.again[at] {
                    continue;
                }
                any = true;
                leg.stale[at] = false;
                (leg.asked[at], leg.again[at]) = (now, now + PAUSE);
                match fetch_list(&self.client, &leg.hello.leg, kind, &self.rules).await {
                    Ok(list) => {
                        leg.crossed.set(kind, crossed(leg.hello.leg.era(), kind, &list));
                        leg.offer.set(kind, list);
                        leg.errors[at] = None;
                    }
                    Err(error) => match error.is_connection() {
                        Some(upstream) => return Err(upstream.clone()),
                        // The last good list stays.
                        None => leg.errors[at] = Some(error.to_string()),
                    },
                }
            }
        }
        Ok(any)
    }

    /// Ends its session.
    pub(super) async fn end(self) {
        for leg in &self.legs {
            if let Leg::Legacy(session) = &leg.hello.leg {
                self.client.end_session(session).await;
            }
        }
    }

    fn open_streams(&mut self) {
        let now = Instant::now();
        for leg in self.legs.iter_mut().filter(|leg| !self.client.is_dormant(&leg.hello.leg)) {
            if matches!(leg.stream, StreamState::Closed(at) if at <= now) {
                let task = stream::spawn(self.client.clone(), leg.hello.clone(), self.sender.clone());
                leg.stream = StreamState::Open { _task: task, since: None, groups: Vec::new() };
            }
        }
    }

    fn apply(&mut self, Signal { era, what }: Signal) -> Result<(), Lost> {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.hello.leg.era() == era) else { return Ok(()) };
        match what {
            What::Open(now_told) => {
                if let StreamState::Open { since, groups, .. } = &mut leg.stream {
                    *since = Some(Instant::now());
                    groups.clone_from(&now_told);
                }
                // What changed before the stream was open was not told.
                self.mark(era, &now_told);
            }
            What::Changed(changed) => self.mark(era, &[changed]),
            What::None => leg.stream = StreamState::None,
            What::Ended(Some(UpstreamError::SessionLost)) => return Err(Lost::Error(UpstreamError::SessionLost)),
            What::Ended(_) => {
                if matches!(leg.stream, StreamState::Open { since: Some(since), .. } if since.elapsed() > STABLE) {
                    leg.delays = delays();
                }
                let delay = leg.delays.next().unwrap_or_default();
                leg.stream = StreamState::Closed(Instant::now() + delay);
                // It may have ended because the server did.
                self.health_at = Instant::now();
            }
        }
        Ok(())
    }

    /// Marks lists that a leg told of. A leg that does not tell of its lists itself has them change with the other's.
    fn mark(&mut self, era: Era, told: &[Group]) {
        for leg in &mut self.legs {
            let own = leg.hello.leg.era() == era;
            for kind in Kind::ALL.into_iter().filter(|kind| told.contains(&kind.group())) {
                leg.stale[kind as usize] |= own || !leg.tells(kind.group());
            }
        }
    }

    fn next_due(&self) -> Instant {
        let legs = self.legs.iter().filter(|leg| !self.client.is_dormant(&leg.hello.leg));
        legs.flat_map(LiveLeg::due).chain([self.health_at]).min().unwrap_or(self.health_at)
    }

    async fn look_after(&mut self) -> Result<(), Lost> {
        let (now, max_age) = (Instant::now(), self.max_age());
        if self.incomplete && self.age() >= PROBE_AGAIN {
            return Err(Lost::Outdated);
        }
        for leg in self.legs.iter_mut().filter(|leg| !self.client.is_dormant(&leg.hello.leg)) {
            for kind in Kind::ALL {
                leg.stale[kind as usize] |= leg.declares(kind) && now >= leg.asked[kind as usize] + max_age;
            }
        }
        if now >= self.health_at { self.check_health().await } else { Ok(()) }
    }

    async fn check_health(&mut self) -> Result<(), Lost> {
        for leg in self.legs.iter().filter(|leg| !self.client.is_dormant(&leg.hello.leg)) {
            let outcome = match &leg.hello.leg {
                Leg::Legacy(_) => self.client.request(&leg.hello.leg, "ping", None).await.map(drop),
                Leg::Modern(_) => match discover(&self.client, Envelope::gateway()).await {
                    Ok(hello) if !hello.same(&leg.hello) => return Err(Lost::Outdated),
                    outcome => outcome.map(drop),
                },
            };
            match outcome {
                // Whatever it says, it is there.
                Ok(()) | Err(UpstreamError::Rpc { .. }) => {}
                Err(error) => return Err(Lost::Error(error)),
            }
        }
        let streaming = self.legs.iter().all(|l| matches!(l.stream, StreamState::Open { since: Some(_), .. }));
        self.health_at = Instant::now() + if streaming { HEALTH } else { HEALTH_WITHOUT_STREAM };
        Ok(())
    }
}

/// Resolves when a process of the server was started again.
async fn restarted(restarts: &mut Option<watch::Receiver<u64>>) {
    let told = match restarts {
        Some(restarts) => restarts.changed().await.is_ok(),
        None => false,
    };
    if !told {
        std::future::pending::<()>().await;
    }
}

impl LiveLeg {
    fn new(hello: Hello, now: Instant, max_age: Duration) -> Self {
        let wanted = stream::is_wanted(&hello);
        let empty = Offer::empty(hello.capabilities.resources.is_some());
        Self {
            offer: empty.clone(),
            crossed: empty,
            hello,
            stale: [true; 4],
            asked: [now; 4],
            again: [now; 4],
            errors: Default::default(),
            stream: if wanted { StreamState::Closed(now) } else { StreamState::None },
            delays: delays(),
            max_age,
        }
    }

    fn declares(&self, kind: Kind) -> bool {
        self.hello.capabilities.listing(kind).is_some()
    }

    /// Whether a list is marked that can be fetched.
    fn is_outdated(&self) -> bool {
        Kind::ALL.into_iter().any(|kind| self.stale[kind as usize] && self.declares(kind))
    }

    /// For how long a list need not be asked for again, if nobody says that it changed.
    fn freshness(&self, kind: Kind) -> Duration {
        if self.tells(kind.group()) { self.max_age } else { self.offer.list(kind).ttl.clamp(MIN_FRESH, self.max_age) }
    }

    /// Whether its stream is open and tells of changes of a group.
    fn tells(&self, group: Group) -> bool {
        matches!(&self.stream, StreamState::Open { since: Some(_), groups, .. } if groups.contains(&group))
    }

    /// When something is to be done for it.
    fn due(&self) -> impl Iterator<Item = Instant> {
        let reopen = match self.stream {
            StreamState::Closed(at) => Some(at),
            _ => None,
        };
        let list = |kind| {
            let at = kind as usize;
            if self.stale[at] { self.again[at] } else { self.asked[at] + self.max_age }
        };
        let lists = Kind::ALL.into_iter().filter(|kind| self.declares(*kind));
        lists.map(list).chain(reopen).collect::<Vec<_>>().into_iter()
    }
}
