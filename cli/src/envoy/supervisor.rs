//! Envoy, started again whenever it ends.

use super::Admin;
use super::process::{Launch, Process};
use crate::{Failure, console};
use backon::{BackoffBuilder, ExponentialBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How long the first start may take.
const START: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);
/// After so long a life, an end does not count as one of a row.
const SETTLED: Duration = Duration::from_secs(60);
/// How long calls that are under way may take at the end.
const DRAIN: Duration = Duration::from_secs(1);

/// Envoy, up and serving.
pub(crate) struct Envoy {
    admin: Admin,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Envoy {
    /// Starts Envoy and waits until it serves. From then on it is started again when it ends.
    pub(crate) async fn start(launch: Launch, admin: Admin) -> Result<Self, Failure> {
        let started = launch.start();
        let mut process =
            started.map_err(|error| format!("error: {} cannot be started: {error}", launch.binary.display()))?;
        tokio::select! {
            ended = process.ended() => {
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                return Err(format!("error: Envoy did not start ({how}); its last words:{}", process.last_words()));
            }
            ready = tokio::time::timeout(START, serving(&admin)) => {
                if ready.is_err() {
                    let words = process.last_words();
                    process.end().await;
                    return Err(format!("error: Envoy was not ready within {} s; its last words:{words}", START.as_secs()));
                }
            }
        }
        let stop = CancellationToken::new();
        let task = tokio::spawn(supervise(launch, process, stop.clone()));
        Ok(Self { admin, stop, task })
    }

    /// Takes no new connections, and waits a little for the calls that are under way.
    pub(crate) async fn drain(&self) {
        self.admin.stop_listening().await;
        let idle = async {
            while self.admin.active_requests().await.is_some_and(|active| active > 0) {
                sleep(POLL).await;
            }
        };
        let _ = tokio::time::timeout(DRAIN, idle).await;
    }

    /// Ends it.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

/// Returns when a request through the listener is answered.
async fn serving(admin: &Admin) {
    let client = reqwest::Client::new();
    loop {
        if admin.is_ready().await
            && let Some(address) = admin.listen().await
            && client
                .get(format!("http://{}/healthz", from_here(address)))
                .send()
                .await
                .is_ok_and(|a| a.status().is_success())
        {
            return;
        }
        sleep(POLL).await;
    }
}

/// The address under which this machine reaches a listener.
pub(crate) fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn supervise(launch: Launch, mut process: Process, stop: CancellationToken) {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(10))
        .without_max_times();
    let mut row = pauses.build();
    loop {
        let started = Instant::now();
        let how = tokio::select! {
            () = stop.cancelled() => return process.end().await,
            ended = process.ended() => ended.map_or_else(|error| error.to_string(), |status| status.to_string()),
        };
        if started.elapsed() > SETTLED {
            row = pauses.build();
        }
        console::complain(&format!("Envoy ended ({how}) and is started again"));
        process = loop {
            let pause = row.next().unwrap_or(SETTLED);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
            match launch.start() {
                Ok(process) => break process,
                Err(error) => console::complain(&format!("Envoy cannot be started: {error}")),
            }
        };
    }
}
