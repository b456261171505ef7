//! Who of several controllers acts: the holder of a `Lease`.
//!
//! The clocks of machines differ, so a lease counts as abandoned when it has not been renewed for its whole duration by the watcher's
//! own clock (the rule of client-go).

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long a lease holds without being renewed.
const DURATION: Duration = Duration::from_secs(10);
/// A holder that could not renew for so long stops to act, before anybody else begins.
const RENEWED_WITHIN: Duration = Duration::from_secs(7);
/// How often it is looked at, or renewed.
const PERIOD: Duration = Duration::from_secs(2);

/// A candidate.
pub(super) struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    /// What was seen of another's lease, and when for the first time.
    seen: Option<(Option<String>, Instant)>,
}

impl Candidate {
    /// `identity` is this process's alone.
    pub(super) fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), identity, seen: None }
    }

    /// Waits until the lease is this candidate's.
    pub(super) async fn acquire(&mut self) {
        loop {
            match self.try_hold().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the lease cannot be had; it is tried again"),
            }
            sleep(PERIOD).await;
        }
    }

    /// Renews the lease. Returns when it is lost.
    pub(super) async fn keep(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(PERIOD).await;
            match timeout(RENEWED_WITHIN.saturating_sub(renewed.elapsed()), self.try_hold()).await {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) => return,
                Ok(Err(error)) => tracing::warn!(%error, "the lease could not be renewed"),
                Err(_) => {}
            }
            if renewed.elapsed() >= RENEWED_WITHIN {
                return;
            }
        }
    }

    /// Gives the lease back, so that nobody has to wait.
    pub(super) async fn release(&self) {
        let Ok(mut lease) = self.api.get(&self.name).await else { return };
        if let Some(spec) = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_ref() == Some(&self.identity)) {
            spec.holder_identity = None;
            // Who is faster has it anyway.
            let _ = self.api.replace(&self.name, &PostParams::default(), &lease).await;
        }
    }

    async fn try_hold(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(LeaseSpec::default(), false)) };
            return taken(self.api.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.take().unwrap_or_default();
        let own = spec.holder_identity.as_ref() == Some(&self.identity);
        let free = spec.holder_identity.as_deref().is_none_or(str::is_empty);
        if !own && !free && !self.abandoned(lease.metadata.resource_version.as_ref(), &spec) {
            return Ok(false);
        }
        lease.spec = Some(self.spec(spec, own));
        taken(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    fn abandoned(&mut self, version: Option<&String>, spec: &LeaseSpec) -> bool {
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let duration = seconds.map_or(DURATION, Duration::from_secs);
        match &self.seen {
            Some((seen, since)) if seen.as_ref() == version => since.elapsed() >= duration,
            _ => {
                self.seen = Some((version.cloned(), Instant::now()));
                false
            }
        }
    }

    fn spec(&self, before: LeaseSpec, own: bool) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let transitions = before.lease_transitions.unwrap_or_default();
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if own { before.acquire_time } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if own { transitions } else { transitions.saturating_add(1) }),
            ..before
        }
    }
}

/// Whether the lease was taken. If another one was faster, it was not.
fn taken(result: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
