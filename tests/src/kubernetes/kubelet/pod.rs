//! A pod, from its start to its end.

use super::container::{self, Plan, Running};
use super::images::Image;
use super::probe;
use super::status::{Reporter, Seen, State};
use super::{Node, environment, volumes};
use crate::kubernetes::network::Network;
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt as _};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How often is looked whether a process has ended, or what was missing has come.
const PERIOD: Duration = Duration::from_millis(50);

/// What a container waits before it is started again. A kubelet waits longer, and longer each time.
const BACK_OFF: Duration = Duration::from_millis(500);

type Told = watch::Receiver<Option<Pod>>;

/// A pod that is being run.
struct Run {
    node: Arc<Node>,
    pod: Pod,
    address: String,
    folder: PathBuf,
    network: Network,
    seen: Mutex<BTreeMap<String, Seen>>,
}

/// Runs a pod until it is deleted.
pub(super) async fn run(node: Arc<Node>, mut told: Told) {
    let Some(pod) = told.borrow_and_update().clone() else { return };
    let number = node.pods.fetch_add(1, Ordering::Relaxed) + 2;
    let address = format!("10.99.{}.{}", number / 250 + 1, number % 250 + 1);
    let folder = node.folder.join(format!("{}_{}_{number}", pod.namespace().unwrap_or_default(), pod.name_any()));
    let of_pod = address.clone();
    let network =
        tokio::task::spawn_blocking(move || Network::of_pod(&of_pod, number)).await.expect("making a pod's network");
    std::fs::create_dir_all(&folder).expect("a folder for a pod");
    std::os::unix::fs::symlink(network.path(), folder.join(super::NETWORK)).expect("naming a pod's network");
    let run = Arc::new(Run { node, pod, address, folder, network, seen: Mutex::default() });
    let (end, ending) = watch::channel(None);
    let mut containers = JoinSet::new();
    for container in run.pod.spec.iter().flat_map(|spec| spec.containers.clone()) {
        containers.spawn(keep(run.clone(), container, ending.clone()));
    }
    let report = tokio::spawn(report(run.clone()));
    let grace = ended(&mut told).await;
    let _ = end.send(Some(Instant::now() + grace));
    let all = async { while containers.join_next().await.is_some() {} };
    tokio::select! {
        () = all => {}
        () = vanished(&mut told) => {}
    }
    drop(containers);
    report.abort();
    remove(&run).await;
}

/// Waits for the pod's deletion, and gives the time that its containers have then.
async fn ended(told: &mut Told) -> Duration {
    loop {
        let grace = match told.borrow_and_update().as_ref() {
            None => Some(0),
            Some(pod) if pod.metadata.deletion_timestamp.is_some() => {
                Some(pod.metadata.deletion_grace_period_seconds.unwrap_or(30))
            }
            Some(_) => None,
        };
        if let Some(grace) = grace {
            return Duration::from_secs(grace.unsigned_abs());
        }
        if told.changed().await.is_err() {
            return Duration::ZERO;
        }
    }
}

/// Waits until there is no such pod any more.
async fn vanished(told: &mut Told) {
    while told.borrow_and_update().is_some() {
        if told.changed().await.is_err() {
            return;
        }
    }
}

/// Tells the API server that nothing of the pod runs any more.
async fn remove(run: &Run) {
    let api = Api::<Pod>::namespaced(run.node.client.0.clone(), &run.pod.namespace().unwrap_or_default());
    let preconditions = Some(Preconditions { uid: run.pod.uid(), resource_version: None });
    let params = DeleteParams { grace_period_seconds: Some(0), preconditions, ..DeleteParams::default() };
    while let Err(error) = api.delete(&run.pod.name_any(), &params).await {
        if matches!(error, kube::Error::Api(_)) {
            return;
        }
        sleep(PERIOD).await;
    }
}

/// Reports what is seen, as it changes.
async fn report(run: Arc<Run>) {
    let mut reporter = Reporter::new(run.address.clone());
    loop {
        let seen = run.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        reporter.report(&run.node.client.0, &run.pod, &seen).await;
        sleep(PERIOD).await;
    }
}

/// Keeps a container running until the pod ends.
async fn keep(run: Arc<Run>, container: Container, mut ending: watch::Receiver<Option<Instant>>) {
    let policy = run.pod.spec.as_ref().and_then(|spec| spec.restart_policy.clone());
    for restarts in 0.. {
        let started = tokio::select! {
            started = start(&run, &container, restarts) => started,
            _ = ending.changed() => return,
        };
        let Ok(mut running) = started else { return };
        let status = tokio::select! {
            status = run_out(&run, &container, &mut running) => status,
            _ = ending.changed() => {
                let deadline = (*ending.borrow()).unwrap_or_else(Instant::now);
                end(&container, running, deadline).await;
                return;
            }
        };
        drop(running);
        let over = match policy.as_deref() {
            Some("Never") => true,
            Some("OnFailure") => status == 0,
            _ => false,
        };
        if over {
            run.see(&container, |seen| (seen.state, seen.ready) = (State::Ended(status), false));
            return;
        }
        run.see(&container, |seen| {
            seen.state = State::Waiting("CrashLoopBackOff".to_owned(), format!("it ended with {status}"));
            (seen.ready, seen.started) = (false, false);
        });
        tokio::select! {
            () = sleep(BACK_OFF) => {}
            _ = ending.changed() => return,
        }
    }
}

/// Starts a container, as soon as there is what it needs. `Err` if it cannot be started.
async fn start(run: &Run, container: &Container, restarts: u32) -> Result<Running, ()> {
    let name = container.image.clone().unwrap_or_default();
    let waiting = |reason: &str, message: String| {
        run.see(container, |seen| (seen.state, seen.restarts) = (State::Waiting(reason.to_owned(), message), restarts));
    };
    let image = loop {
        match Image::find(&name, &run.node.images).await {
            Ok(image) => break image,
            Err(why) => waiting("ErrImagePull", why),
        }
        sleep(PERIOD * 4).await;
    };
    loop {
        let client = &run.node.client.0;
        let prepared = async {
            for volume in run.pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
                volumes::make(client, &run.pod, &run.address, volume, &container::volume(&run.folder, &volume.name))
                    .await?;
            }
            environment::variables(client, &run.pod, container, &run.address).await
        };
        match prepared.await {
            Ok(variables) => {
                let hosts = run.node.hosts.file();
                let plan = Plan {
                    pod: &run.pod,
                    container,
                    image: &image,
                    variables: &variables,
                    folder: &run.folder,
                    hosts,
                    network: &run.network,
                };
                let running = plan.start(&run.node.launcher).map_err(drop)?;
                run.see(container, |seen| {
                    (seen.state, seen.restarts) = (State::Running(Timestamp::now()), restarts);
                    seen.started = container.startup_probe.is_none();
                    seen.ready = seen.started && container.readiness_probe.is_none();
                });
                return Ok(running);
            }
            Err(missing) => waiting("ContainerCreating", missing),
        }
        sleep(PERIOD * 4).await;
    }
}

/// Probes a container until it has ended, and gives its status.
async fn run_out(run: &Run, container: &Container, running: &mut Running) -> i32 {
    let over = async {
        loop {
            if let Some(status) = running.ended() {
                return Some(status);
            }
            sleep(PERIOD).await;
        }
    };
    let probes = async {
        if let Some(startup) = &container.startup_probe {
            if !holds(run, container, startup).await {
                return;
            }
            run.see(container, |seen| (seen.started, seen.ready) = (true, container.readiness_probe.is_none()));
        }
        tokio::join!(ready(run, container), alive(run, container));
    };
    let status = tokio::select! {
        status = over => status,
        () = probes => None,
    };
    if let Some(status) = status {
        return status;
    }
    // It does not answer: ended as at a pod's end.
    let grace = run.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds).unwrap_or(30);
    running.stop();
    let deadline = Instant::now() + Duration::from_secs(grace.unsigned_abs());
    while running.ended().is_none() && Instant::now() < deadline {
        sleep(PERIOD).await;
    }
    running.kill();
    137
}

/// Whether a probe succeeds once before it has failed as often as it may.
async fn holds(run: &Run, container: &Container, probe: &Probe) -> bool {
    let patience = Duration::from_secs(u64::from(
        probe.failure_threshold.unwrap_or(3).unsigned_abs() * probe.period_seconds.unwrap_or(10).unsigned_abs(),
    ));
    let succeeds = async {
        while !probe::succeeds(probe, container, &run.address).await {
            sleep(probe::period(probe, false)).await;
        }
    };
    timeout(patience, succeeds).await.is_ok()
}

/// Tells for ever whether the container is ready.
async fn ready(run: &Run, container: &Container) {
    let Some(probe) = &container.readiness_probe else { return std::future::pending().await };
    let mut failures = 0;
    loop {
        if probe::succeeds(probe, container, &run.address).await {
            failures = 0;
            run.see(container, |seen| seen.ready = true);
        } else {
            failures += 1;
            if failures >= probe.failure_threshold.unwrap_or(3) {
                run.see(container, |seen| seen.ready = false);
            }
        }
        sleep(probe::period(probe, failures == 0)).await;
    }
}

/// Returns when the container does not answer its liveness probe any more.
async fn alive(run: &Run, container: &Container) {
    let Some(probe) = &container.liveness_probe else { return std::future::pending().await };
    sleep(Duration::from_secs(probe.initial_delay_seconds.unwrap_or_default().unsigned_abs().into())).await;
    let mut failures = 0;
    while failures < probe.failure_threshold.unwrap_or(3) {
        sleep(probe::period(probe, true)).await;
        failures = if probe::succeeds(probe, container, &run.address).await { 0 } else { failures + 1 };
    }
}

/// Ends a container: waits as its `preStop` hook says, tells it, and kills it when its time is over.
async fn end(container: &Container, mut running: Running, deadline: Instant) {
    let pre_stop = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref()?.sleep.as_ref());
    if let Some(wait) = pre_stop {
        sleep_until(deadline.min(Instant::now() + Duration::from_secs(wait.seconds.unsigned_abs()))).await;
    }
    running.stop();
    while running.ended().is_none() && Instant::now() < deadline {
        sleep(PERIOD).await;
    }
    running.kill();
}

impl Run {
    fn see(&self, container: &Container, change: impl FnOnce(&mut Seen)) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(container.name.clone()).or_insert_with(|| Seen {
            image: container.image.clone().unwrap_or_default(),
            state: State::Waiting("ContainerCreating".to_owned(), String::new()),
            ready: false,
            started: false,
            restarts: 0,
        });
        change(seen);
    }
}
