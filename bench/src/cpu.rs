//! CPU time of Envoy per call, with and without the filter.

use crate::call::{Call, FIRST_ID, TOOL, head};
use crate::client::Connection;
use crate::process::Process;
use crate::rig::{FAST_PREFIX, Rig};
use crate::{Failure, console, session};
use controller::render::BROKER_CLUSTER;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Bytes of the bodies that are measured.
const SIZES: [usize; 2] = [300, 16 << 10];
/// How long each side is warmed up at each size: the module is compiled for speed while it runs.
const WARM_UP: Duration = Duration::from_secs(2);
/// What a round may take beyond its length.
const GRACE: Duration = Duration::from_secs(30);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: u32,
    pub(crate) length: Duration,
    /// Connections at once, each with a session of its own.
    pub(crate) connections: u32,
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) sizes: Vec<Comparison>,
    /// Requests to the broker while calls were measured.
    pub(crate) broker_requests: u64,
    /// How long that was, warming up left out.
    pub(crate) elapsed: Duration,
}

/// One body size.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Bytes of the body.
    pub(crate) size: usize,
    pub(crate) plain: Vec<Round>,
    pub(crate) filter: Vec<Round>,
    /// Of each module that is compared with.
    pub(crate) against: Vec<Vec<Round>>,
}

/// One round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) cpu: Duration,
    pub(crate) requests: u64,
    pub(crate) errors: Vec<String>,
}

/// One way through Envoy.
struct Side {
    address: SocketAddr,
    tool: String,
}

impl Outcome {
    /// Answers that were wrong.
    pub(crate) fn errors(&self) -> usize {
        self.rounds().map(|round| round.errors.len()).sum()
    }

    pub(crate) fn first_error(&self) -> Option<&str> {
        self.rounds().flat_map(|round| &round.errors).next().map(String::as_str)
    }

    /// Calls through the filter.
    pub(crate) fn filter_calls(&self) -> u64 {
        self.sizes.iter().flat_map(|size| &size.filter).map(|round| round.requests).sum()
    }

    fn rounds(&self) -> impl Iterator<Item = &Round> {
        self.sizes.iter().flat_map(|size| size.plain.iter().chain(&size.filter).chain(size.against.iter().flatten()))
    }
}

/// Measures all sizes.
pub(crate) async fn measure(rig: &Rig, plan: Plan) -> Result<Outcome, Failure> {
    let envoy = rig.envoy.process()?;
    let plain = Side { address: rig.plain, tool: TOOL.to_owned() };
    let filtered = |address| Side { address, tool: format!("{FAST_PREFIX}{TOOL}") };
    let filter = filtered(rig.filter);
    let against: Vec<_> = rig.against.iter().map(|address| filtered(*address)).collect();
    let mut sessions = Vec::new();
    for _ in 0..plan.connections {
        sessions.push(session::open(rig.filter).await?);
    }
    let mut outcome = Outcome { sizes: Vec::new(), broker_requests: 0, elapsed: Duration::ZERO };
    for size in SIZES {
        for side in [&plain, &filter].into_iter().chain(&against) {
            let warm_up = round(&envoy, side, &sessions, size, WARM_UP).await?;
            if let Some(error) = warm_up.errors.first() {
                return Err(format!("error: {error}"));
            }
        }
        let (asked, start) = (rig.envoy.requests_to(BROKER_CLUSTER).await?, Instant::now());
        let rounds = against.iter().map(|_| Vec::new()).collect();
        let mut comparison = Comparison { size, plain: Vec::new(), filter: Vec::new(), against: rounds };
        for number in 1..=plan.rounds {
            comparison.plain.push(round(&envoy, &plain, &sessions, size, plan.length).await?);
            comparison.filter.push(round(&envoy, &filter, &sessions, size, plan.length).await?);
            for (side, rounds) in against.iter().zip(&mut comparison.against) {
                rounds.push(round(&envoy, side, &sessions, size, plan.length).await?);
            }
            console::complain(&format!("  {size} bytes: round {number} of {}", plan.rounds));
        }
        outcome.broker_requests += rig.envoy.requests_to(BROKER_CLUSTER).await? - asked;
        outcome.elapsed += start.elapsed();
        outcome.sizes.push(comparison);
    }
    Ok(outcome)
}

/// Calls over new connections for some time. Connecting is not counted. New ones each time, since they are spread over
/// the workers by chance.
async fn round(
    envoy: &Process,
    side: &Side,
    sessions: &[String],
    size: usize,
    length: Duration,
) -> Result<Round, Failure> {
    let call = Call::new(&side.tool, size);
    let mut prepared = Vec::new();
    for session in sessions {
        let mut connection = Connection::open(side.address).await?;
        let head = head(side.address, Some(session), size);
        // The connection is taken up by a worker before the measurement begins.
        session::call(&mut connection, &head, call.bytes(), FIRST_ID).await?;
        prepared.push((connection, head));
    }
    let before = envoy.cpu()?;
    let end = Instant::now() + length;
    let mut running = JoinSet::new();
    for (connection, head) in prepared {
        running.spawn(repeat(connection, head, call.clone(), end));
    }
    let done = tokio::time::timeout(length + GRACE, running.join_all()).await;
    let done = done.map_err(|_| format!("error: a call was not answered within {} s", GRACE.as_secs()))?;
    let mut round = Round { cpu: envoy.cpu()? - before, ..Round::default() };
    for (requests, error) in done {
        round.requests += requests;
        round.errors.extend(error);
    }
    if round.requests == 0 && round.errors.is_empty() {
        return Err("error: no call was answered within a round: use longer ones".to_owned());
    }
    Ok(round)
}

/// Calls until `end` or until an answer is wrong. Returns how many were right.
async fn repeat(mut connection: Connection, head: Vec<u8>, mut call: Call, end: Instant) -> (u64, Option<String>) {
    let mut right = 0;
    while Instant::now() < end {
        let id = FIRST_ID + right;
        call.set_id(id);
        if let Err(error) = session::call(&mut connection, &head, call.bytes(), id).await {
            return (right, Some(error));
        }
        right += 1;
    }
    (right, None)
}
