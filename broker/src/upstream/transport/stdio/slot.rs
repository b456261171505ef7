//! A place for a process: it is started when it is needed, and again after it was ended for being idle.

use super::process::{self, Process};
use crate::upstream::error::UpstreamError;
use crate::upstream::leg::gateway_info;
use crate::upstream::message::{self, Incoming};
use crate::upstream::reply::ANSWER_LIMIT;
use crate::upstream::transport::Exchange;
use crate::upstream::transport::mux::{Mux, ToServer};
use futures::StreamExt as _;
use protocol::config;
use protocol::era::Revision;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::task::TaskTracker;

/// What a slot's process serves.
#[derive(Debug, Clone)]
pub(super) enum Role {
    /// Everybody, statelessly.
    Modern,
    /// All legacy sessions. It knows no client's capabilities.
    Shared,
    /// One legacy session, opened with these `params` of `initialize`.
    Session(Box<RawValue>),
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) role: Role,
    pub(super) mux: Mux,
    state: tokio::sync::Mutex<State>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct State {
    process: Option<Process>,
    /// What `initialize` was answered with.
    initialized: Option<Arc<RawValue>>,
}

#[derive(Debug)]
struct Used {
    last: Instant,
    /// A process is there.
    running: bool,
}

/// What a slot needs to start a process.
pub(super) struct Starter<'a> {
    pub(super) server: &'a str,
    pub(super) config: &'a config::Process,
    pub(super) timeout: Duration,
    pub(super) timeout_ms: u64,
    pub(super) tasks: &'a TaskTracker,
}

impl Slot {
    /// A slot without a process.
    pub(super) fn new(role: Role, server: &str, timeout_ms: u64) -> Self {
        Self::with(role, Mux::new(server, timeout_ms), State::default())
    }

    fn with(role: Role, mux: Mux, state: State) -> Self {
        let used = Used { last: Instant::now(), running: state.process.is_some() };
        Self { role, mux, state: tokio::sync::Mutex::new(state), used: Mutex::new(used) }
    }

    /// The process of a slot, which was not initialized yet, in another role.
    pub(super) async fn hand_over(&self, role: Role) -> Option<Self> {
        let mut state = self.state.lock().await;
        let process = state.process.take().filter(|_| !self.mux.is_closed())?;
        self.set(|used| used.running = false);
        self.mux.set_exclusive(role.is_exclusive());
        Some(Self::with(role, self.mux.clone(), State { process: Some(process), initialized: None }))
    }

    /// Sees to it that the process is there and, in the legacy era, initialized; with what, and whether it had to be started.
    ///
    /// # Errors
    /// Why it could not be started, or [`UpstreamError::Rpc`] if it refuses `initialize`.
    pub(super) async fn ready(
        &self,
        starter: &Starter<'_>,
        own: bool,
    ) -> Result<(Option<Arc<RawValue>>, bool), UpstreamError> {
        let mut state = self.state.lock().await;
        if !own {
            self.touch();
        }
        if let Some(error) = self.mux.closed() {
            return Err(error);
        }
        let start = state.process.is_none();
        if start {
            let (process, link) = process::start(starter.server, starter.config, &self.mux, starter.tasks)?;
            self.mux.attach(link, self.role.is_exclusive());
            state.process = Some(process);
            self.set(|used| used.running = true);
            self.touch();
        }
        if state.initialized.is_none() && !matches!(self.role, Role::Modern) {
            let outcome = tokio::time::timeout(starter.timeout, self.initialize()).await;
            match outcome.unwrap_or(Err(UpstreamError::Timeout(starter.timeout_ms))) {
                Ok(initialized) => state.initialized = Some(initialized),
                Err(error) => {
                    self.release(&mut state);
                    return Err(error);
                }
            }
        }
        Ok((state.initialized.clone(), start))
    }

    async fn initialize(&self) -> Result<Arc<RawValue>, UpstreamError> {
        let own = own_params();
        let params = match &self.role {
            Role::Session(params) => params.get(),
            Role::Shared | Role::Modern => &own,
        };
        let id = "initialize";
        let mut answers = self.send(message::request(None, id, id, Some(params))).await?.body.events(ANSWER_LIMIT);
        let result = loop {
            let event = answers.next().await.unwrap_or(Err(UpstreamError::Closed))?;
            if let Some(Incoming::Response { outcome, .. }) = Incoming::read(&event.data) {
                break outcome?;
            }
        };
        self.send("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}".to_owned()).await?;
        Ok(result.into())
    }

    async fn send(&self, message: String) -> Result<crate::upstream::reply::Reply, UpstreamError> {
        let none = HeaderMap::new();
        let exchange =
            Exchange { method: Method::POST, leg: None, body: None, extra: &none, own: true, patient: false };
        self.mux.post(0, &ToServer::read(message.into())?, &exchange).await
    }

    /// Ends the process if nobody has used it for so long; the slot can start another. Whether it did.
    pub(super) fn rest(&self, unused: Duration) -> bool {
        // Locked while it is being started.
        let Ok(mut state) = self.state.try_lock() else { return false };
        let idle = state.process.is_some() && self.unused_for() >= unused && !self.mux.is_busy();
        if idle && !self.mux.is_closed() {
            self.release(&mut state);
        }
        idle
    }

    fn release(&self, state: &mut State) {
        self.mux.detach();
        *state = State::default();
        self.set(|used| used.running = false);
    }

    /// Ends the process for ever.
    pub(super) fn close(&self) {
        self.mux.close(&UpstreamError::Closed);
        self.set(|used| used.running = false);
        if let Ok(mut state) = self.state.try_lock() {
            *state = State::default();
        }
    }

    /// Notes a request.
    fn touch(&self) {
        self.set(|used| used.last = Instant::now());
    }

    pub(super) fn unused_for(&self) -> Duration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).last.elapsed()
    }

    /// Whether a process is there.
    pub(super) fn is_running(&self) -> bool {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).running && !self.mux.is_closed()
    }

    fn set(&self, change: impl FnOnce(&mut Used)) {
        change(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Role {
    fn is_exclusive(&self) -> bool {
        matches!(self, Self::Session(_))
    }
}

/// The `params` of `initialize` of a process that all share: no client's capabilities.
fn own_params() -> String {
    let info = gateway_info();
    let version = Revision::LATEST.as_str();
    format!("{{\"protocolVersion\":\"{version}\",\"capabilities\":{{}},\"clientInfo\":{info}}}")
}
