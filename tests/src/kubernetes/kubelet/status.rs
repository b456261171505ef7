//! What a pod's status says.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is known of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) image: String,
    pub(super) state: State,
    pub(super) ready: bool,
    pub(super) started: bool,
    pub(super) restarts: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It cannot be started: reason, message.
    Waiting(String, String),
    /// It runs since then.
    Running(Timestamp),
    /// It ended with this status, for good.
    Ended(i32),
}

/// Writes a pod's status when it has changed.
#[derive(Debug)]
pub(super) struct Reporter {
    address: String,
    since: Timestamp,
    /// Condition and since when it has been so.
    ready: (bool, Timestamp),
    written: Option<Value>,
}

impl Reporter {
    pub(super) fn new(address: String) -> Self {
        let now = Timestamp::now();
        Self { address, since: now, ready: (false, now), written: None }
    }

    /// Writes what is known, unless that is written. What fails (the API server is away) is tried with the next call.
    pub(super) async fn report(&mut self, client: &Client, pod: &Pod, containers: &BTreeMap<String, Seen>) {
        let ready = !containers.is_empty() && containers.values().all(|container| container.ready);
        if ready != self.ready.0 {
            self.ready = (ready, Timestamp::now());
        }
        let status = json!({"status": self.status(containers, ready)});
        if self.written.as_ref() == Some(&status) {
            return;
        }
        let api = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
        let patched = api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await;
        if patched.is_ok() {
            self.written = Some(status);
        }
    }

    fn status(&self, containers: &BTreeMap<String, Seen>, ready: bool) -> Value {
        let condition = |kind: &str, holds: bool, since: Timestamp| json!({"type": kind, "status": if holds { "True" } else { "False" }, "lastTransitionTime": time(since)});
        let statuses: Vec<_> = containers.iter().map(|(name, seen)| container_status(name, seen)).collect();
        json!({
            "phase": phase(containers),
            "hostIP": super::super::network::NODE,
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": time(self.since),
            "conditions": [
                condition("PodScheduled", true, self.since),
                condition("Initialized", true, self.since),
                condition("ContainersReady", ready, self.ready.1),
                condition("Ready", ready, self.ready.1),
            ],
            "containerStatuses": statuses,
        })
    }
}

fn phase(containers: &BTreeMap<String, Seen>) -> &'static str {
    let ended = |container: &Seen| match container.state {
        State::Ended(status) => Some(status),
        _ => None,
    };
    let statuses: Option<Vec<_>> = containers.values().map(ended).collect();
    match statuses {
        Some(statuses) if statuses.is_empty() => "Pending",
        Some(statuses) if statuses.iter().all(|status| *status == 0) => "Succeeded",
        Some(_) => "Failed",
        None if containers.values().any(|container| matches!(container.state, State::Running(_))) => "Running",
        None => "Pending",
    }
}

fn container_status(name: &str, seen: &Seen) -> Value {
    let state = match &seen.state {
        State::Waiting(reason, message) => json!({"waiting": {"reason": reason, "message": message}}),
        State::Running(since) => json!({"running": {"startedAt": time(*since)}}),
        State::Ended(status) => {
            json!({"terminated": {"exitCode": status, "reason": if *status == 0 { "Completed" } else { "Error" }}})
        }
    };
    json!({
        "name": name, "image": seen.image, "imageID": seen.image, "state": state, "ready": seen.ready,
        "started": seen.started, "restartCount": seen.restarts,
    })
}

/// Kubernetes' times have no fractions of a second.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
