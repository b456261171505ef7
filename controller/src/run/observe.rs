//! What brokers tell of servers and filters, and whether a gateway answers.

use super::probe::{self, Probe};
use crate::model::ObjectName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often is asked while something changes, and when nothing has changed for a while.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);
/// How long after a change it is asked more often.
const RESTLESS: Duration = Duration::from_secs(15);
/// Answers that may fail one after the other before the last good one is worth nothing.
const FORGIVEN: u32 = 2;
/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of the longest answer that is read.
const LONGEST: usize = 16 << 20;

/// Whom to ask about one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The brokers' `/status`.
    pub(super) brokers: Vec<SocketAddr>,
    /// The endpoint, through the gateway.
    pub(super) endpoint: Option<Probe>,
}

/// What was heard of one gateway.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Observation {
    /// By broker. An error says why it gave no answer.
    pub(super) brokers: BTreeMap<SocketAddr, Result<BrokerStatus, String>>,
    /// Whether the endpoint answered. `None` before it was asked.
    pub(super) endpoint: Option<Result<(), String>>,
}

/// `/status` of a broker, as far as it is of interest here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BrokerStatus {
    pub(super) servers: Vec<ServerStatus>,
    /// Version of the configuration in force.
    pub(super) config: Option<String>,
    /// Version of the filters' table.
    pub(super) table: Option<String>,
    #[serde(default)]
    pub(super) filters: Vec<FilterStatus>,
    #[serde(default)]
    pub(super) virtual_servers: Vec<VirtualServerStatus>,
    /// The session store; `None` if there is none.
    #[serde(default)]
    pub(super) session_store: Option<StoreStatus>,
}

/// The session store, as a broker sees it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct StoreStatus {
    pub(super) state: String,
    pub(super) error: Option<String>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerStatus {
    pub(super) name: String,
    pub(super) state: State,
    #[serde(default)]
    pub(super) eras: Vec<String>,
    #[serde(default)]
    pub(super) revisions: Vec<String>,
    pub(super) transport: Option<String>,
    #[serde(default)]
    pub(super) tools: u64,
    #[serde(default)]
    pub(super) prompts: u64,
    #[serde(default)]
    pub(super) resources: u64,
    #[serde(default)]
    pub(super) templates: u64,
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) conflicts: Vec<Conflict>,
    /// When it answered last, in RFC 3339. It moves on all the time, which is no change.
    #[serde(default)]
    pub(super) last_contact: Moving,
}

/// A virtual server: how much there is in it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct VirtualServerStatus {
    /// `NAMESPACE/NAME`.
    pub(super) name: String,
    pub(super) tools: u64,
    pub(super) prompts: u64,
    pub(super) resources: u64,
    pub(super) templates: u64,
    /// What it selects and no server lists: `tool NAME`.
    pub(super) unmatched: Vec<String>,
}

/// Something of a server that no client sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Conflict {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) servers: Vec<String>,
    pub(super) message: String,
}

/// A value that makes no difference.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Moving(pub(super) Option<String>);

impl PartialEq for Moving {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Whether a server can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Connecting,
    Ready,
    #[serde(rename = "per-caller")]
    PerCaller,
    Down,
}

/// A proxy whose filter asks a broker.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct FilterStatus {
    pub(super) instance: String,
    pub(super) table: Option<String>,
}

#[derive(Default)]
struct Shared {
    targets: BTreeMap<ObjectName, Target>,
    observations: BTreeMap<ObjectName, Observation>,
    restless_until: Option<Instant>,
}

/// Asks, over and over.
pub(super) struct Observer {
    shared: Arc<Mutex<Shared>>,
    nudge: Arc<Notify>,
    _task: tokio_util::task::AbortOnDropHandle<()>,
}

impl Observer {
    /// Starts to ask. `changed` is told of news.
    pub(super) fn start(changed: Arc<Notify>) -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let nudge = Arc::<Notify>::default();
        let task = tokio::spawn(run(Arc::clone(&shared), Arc::clone(&nudge), changed));
        Self { shared, nudge, _task: tokio_util::task::AbortOnDropHandle::new(task) }
    }

    /// Whom to ask from now on.
    pub(super) fn set(&self, targets: BTreeMap<ObjectName, Target>) {
        let mut shared = lock(&self.shared);
        if shared.targets != targets {
            shared.observations.retain(|name, _| targets.contains_key(name));
            shared.targets = targets;
            drop(shared);
            self.hurry();
        }
    }

    /// Something has been changed: the answers will be others soon.
    pub(super) fn hurry(&self) {
        lock(&self.shared).restless_until = Some(Instant::now() + RESTLESS);
        self.nudge.notify_one();
    }

    /// What was heard last.
    pub(super) fn heard(&self) -> BTreeMap<ObjectName, Observation> {
        lock(&self.shared).observations.clone()
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(shared: Arc<Mutex<Shared>>, nudge: Arc<Notify>, changed: Arc<Notify>) {
    let mut endpoints = probe::Endpoints::default();
    let mut failures = Failures::default();
    let Ok(http) = probe::client(None) else {
        tracing::error!("brokers cannot be asked for their status: there is no HTTP client");
        return;
    };
    loop {
        let targets = lock(&shared).targets.clone();
        endpoints.keep(targets.values().filter_map(|target| target.endpoint.as_ref()));
        let asked = targets.into_iter().map(|(name, target)| {
            let endpoint = target.endpoint.and_then(|probe| endpoints.get(&probe));
            let http = http.clone();
            async move { (name, ask(&http, target.brokers, endpoint).await) }
        });
        let heard: BTreeMap<_, _> = futures::future::join_all(asked).await.into_iter().collect();
        let pause = {
            let mut shared = lock(&shared);
            let still = heard.into_iter().filter(|(name, _)| shared.targets.contains_key(name));
            let heard = failures.forgive(still.collect(), &shared.observations);
            if shared.observations != heard {
                shared.restless_until = Some(Instant::now() + RESTLESS);
                changed.notify_one();
            }
            shared.observations = heard;
            if shared.restless_until.is_some_and(|until| until > Instant::now()) { SOON } else { LATER }
        };
        // A nudge comes as soon as something is applied, and what comes of it takes a moment.
        let least = Duration::from_millis(200);
        tokio::time::sleep(least).await;
        let _ = tokio::time::timeout(pause - least, nudge.notified()).await;
    }
}

/// How often who was asked has failed in a row. A broker that is being replaced fails once, and nobody notices.
#[derive(Default)]
struct Failures(BTreeMap<(ObjectName, Option<SocketAddr>), u32>);

impl Failures {
    /// Puts the last good answers in the place of failures that are forgiven.
    fn forgive(
        &mut self,
        mut heard: BTreeMap<ObjectName, Observation>,
        before: &BTreeMap<ObjectName, Observation>,
    ) -> BTreeMap<ObjectName, Observation> {
        let mut failures = BTreeMap::new();
        for (name, observation) in &mut heard {
            let last = before.get(name);
            let mut failed = |asked: Option<SocketAddr>| {
                let key = (name.clone(), asked);
                let count = self.0.get(&key).copied().unwrap_or_default() + 1;
                failures.insert(key, count);
                count <= FORGIVEN
            };
            for (address, answer) in observation.brokers.iter_mut().filter(|(_, answer)| answer.is_err()) {
                let good = last.and_then(|last| last.brokers.get(address)).filter(|last| last.is_ok());
                if let (true, Some(good)) = (failed(Some(*address)), good) {
                    *answer = good.clone();
                }
            }
            if let (Some(Err(_)), Some(Some(Ok(())))) = (&observation.endpoint, last.map(|last| &last.endpoint))
                && failed(None)
            {
                observation.endpoint = Some(Ok(()));
            }
        }
        self.0 = failures;
        heard
    }
}

async fn ask(
    http: &reqwest::Client,
    brokers: Vec<SocketAddr>,
    endpoint: Option<(reqwest::Client, String)>,
) -> Observation {
    let brokers = brokers.into_iter().map(|address| async move { (address, status(http, address).await) });
    let endpoint = async {
        match endpoint {
            Some((client, url)) => Some(probe::answers(&client, &url).await),
            None => None,
        }
    };
    let (brokers, endpoint) = tokio::join!(futures::future::join_all(brokers), endpoint);
    Observation { brokers: brokers.into_iter().collect(), endpoint }
}

async fn status(http: &reqwest::Client, broker: SocketAddr) -> Result<BrokerStatus, String> {
    let asked = async {
        let response = http.get(format!("http://{broker}/status")).send().await.map_err(|error| probe::why(&error))?;
        if response.status() != 200 {
            return Err(format!("it answers {}", response.status()));
        }
        let body = response.bytes().await.map_err(|error| probe::why(&error))?;
        if body.len() > LONGEST {
            return Err("its answer is too long".to_owned());
        }
        serde_json::from_slice(&body).map_err(|error| format!("its answer cannot be read: {error}"))
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}
