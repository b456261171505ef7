//! Modern clients of servers that are used in the legacy era.
//!
//! Each call runs in a session from a pool. What the server asks meanwhile becomes the result `input_required`: the call
//! waits here, and goes on when the client comes back with its answers and the state that it was given.
//!
//! * [`pool`] and [`session`]: the sessions;
//! * [`call`]: one call, over all its rounds; [`attempt`]: its request to the server; [`questions`]: what the server wants
//!   to know; [`outcome`]: what the client gets;
//! * [`round`]: one request of the client; [`state`]: what it brings back; [`held`]: the calls that wait for it;
//! * [`visits`]: pages that users were sent to;
//! * [`param_headers`]: what the gateway checks in the server's place;
//! * [`updates`]: subscriptions to resources.

mod attempt;
mod call;
mod held;
mod outcome;
mod param_headers;
mod pool;
mod questions;
mod round;
mod session;
mod state;
mod updates;
mod visits;

use crate::bridge;
use crate::catalog::Kind;
use crate::upstream::{Registry, Server};
use axum::http::HeaderMap;
use axum::response::Response;
use call::{Call, Request, Visited};
use held::HeldCalls;
use pool::{Key, Pool};
use protocol::config::{Gateway, Limits};
use protocol::era::from_modern::{Said, answers, asks_back, capabilities};
use protocol::era::to_modern::Level;
use protocol::era::{Asked, Era};
use protocol::error::{Refusal, code};
use protocol::route::CallKind;
use round::Round;
use serde_json::value::RawValue;
use state::{Awaited, States, Subject};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use updates::Hubs;

/// The way of modern clients to legacy servers.
pub(crate) struct LegacyServers(Arc<Inner>);

struct Inner {
    gateway: watch::Receiver<Arc<Gateway>>,
    registry: Arc<Registry>,
    pool: Arc<Pool>,
    held: HeldCalls,
    states: States,
    hubs: Hubs,
    ending: CancellationToken,
    tasks: TaskTracker,
}

impl Inner {
    fn limits(&self) -> Limits {
        self.gateway.borrow().limits.clone()
    }

    /// How long a client may take to come back.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.gateway.borrow().limits.input_seconds)
    }

    fn key(&self, server: &Arc<Server>, declared: &str) -> Key {
        let several_servers = self.registry.view().servers.len() > 1;
        Key {
            server: Arc::clone(server),
            principal: server.principal().cloned(),
            capabilities: capabilities(declared, several_servers).into(),
        }
    }
}

fn invalid(why: String) -> Refusal {
    Refusal::answer(Era::Modern, code::INVALID_PARAMS, why)
}

impl LegacyServers {
    /// Without sessions. `home` is where other replicas reach this one; `ending` ends all calls.
    pub(crate) fn new(
        gateway: watch::Receiver<Arc<Gateway>>,
        registry: Arc<Registry>,
        home: Option<SocketAddr>,
        ending: CancellationToken,
    ) -> Self {
        let tasks = TaskTracker::new();
        Self(Arc::new(Inner {
            gateway,
            registry,
            pool: Pool::new(tasks.clone()),
            held: HeldCalls::default(),
            states: States::from_environment(home),
            hubs: Hubs::default(),
            ending,
            tasks,
        }))
    }

    /// The replica in which the call waits that a request goes on with, if it is another one.
    pub(crate) fn elsewhere(&self, body: &[u8]) -> Option<SocketAddr> {
        let text = String::from_utf8_lossy(body);
        self.0.states.elsewhere(Said::read(&text)?.state?)
    }

    /// Carries a modern client's request to a legacy server. `target` is the name or URI as the server knows it, `headers`
    /// are the client's.
    pub(crate) async fn call(
        &self,
        request: bridge::Request,
        method: &str,
        target: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Refusal> {
        let inner = &self.0;
        let bridge::Request { server, id, body, accepts, rules, .. } = request;
        let text = String::from_utf8_lossy(&body);
        let said =
            Said::read(&text).ok_or_else(|| invalid("params and params._meta have to be objects.".to_owned()))?;
        let kind = CallKind::of(method);
        if kind == Some(CallKind::Tool) {
            let arguments = said.param("arguments").unwrap_or("{}");
            if let Some(tool) = listed_tool(&server, target) {
                param_headers::check(&tool, arguments, headers)?;
            }
        }
        let level = said.log_level.as_deref().map(|level| {
            let wrong = || invalid(format!("params._meta[\"io.modelcontextprotocol/logLevel\"] is no level: {level}."));
            Level::parse(level).ok_or_else(wrong)
        });
        let level = level.transpose()?;
        let key = inner.key(&server, said.capabilities);
        let member = kind.map_or("ref", |kind| if kind == CallKind::Resource { "uri" } else { "name" });
        let subject = Subject {
            principal: key.principal.clone(),
            method: method.to_owned(),
            server: server.name().to_owned(),
            target: target.to_owned(),
            digest: Subject::digest(&said.substance(member)),
        };
        let token = said.progress_token.map(str::to_owned);
        let (round, answering) = Round::new(id.clone(), token, level, said.capabilities, rules, accepts);
        let mut visited = None;
        if let Some(state) = said.state.filter(|_| kind.is_some()) {
            let state = inner.states.open(state, &subject)?;
            match state.awaited {
                Awaited::Call { handle, .. } => {
                    inner.held.retry(handle, said.responses, round)?;
                    return Ok(answering.response(&id).await);
                }
                Awaited::Pages { handle, pages } => {
                    visited = agreed(said.responses, &pages)?.then_some(Visited { handle, pages, round: state.round });
                }
            }
        } else if said.responses.is_some() {
            // Answers to nothing: they only have to be well-formed.
            answers(said.responses, []).map_err(invalid)?;
        }
        let alone = asks_back(said.capabilities) || level.is_some();
        let request = Request { key, subject, body: body.clone(), alone, visited };
        inner.tasks.spawn(Call::new(Arc::clone(inner), request).run(round));
        Ok(answering.response(&id).await)
    }

    /// The `params` of `initialize` that decide what a legacy server lists for a client that declares this.
    pub(crate) fn list_params(&self, server: &Arc<Server>, declared: &str) -> Option<Box<RawValue>> {
        let key = self.0.key(server, declared);
        (&*key.capabilities != "{}").then(|| key.params())
    }

    /// How many sessions with servers are open, and how many calls wait for their clients.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.0.pool.len(), self.0.held.len())
    }

    /// Ends what nobody used for long, and what is left of servers that are not configured any more.
    pub(crate) fn sweep(&self) {
        let view = self.0.registry.view();
        self.0.pool.sweep(|server| view.has(server));
    }

    /// Ends all sessions. The calls have ended already, or end meanwhile.
    pub(crate) async fn shutdown(&self) {
        self.0.pool.close();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

/// Whether the user agreed to visit all pages. `false` if the client did not say so of all: it is to be asked again.
fn agreed(responses: Option<&str>, pages: &[(String, String)]) -> Result<bool, Refusal> {
    let keys: Vec<_> = (1..=pages.len()).map(|at| at.to_string()).collect();
    let asked = keys.iter().map(|key| (key.as_str(), Asked::Elicitation));
    let answers = answers(responses, asked).map_err(invalid)?;
    let accepted = |result: &str| {
        protocol::json::Object::read(result).and_then(|result| result.text("action")).as_deref() == Some("accept")
    };
    if answers.iter().any(|answer| !accepted(&answer.result)) {
        let message = "The server needs the user to visit a page first, which the user did not agree to.";
        return Err(Refusal::answer(Era::Modern, code::INVALID_REQUEST, message));
    }
    Ok(answers.len() == pages.len())
}

/// A tool as its server lists it.
fn listed_tool(server: &Server, name: &str) -> Option<String> {
    let spoken = server.spoken(Era::Legacy)?;
    let items = &spoken.offer.list(Kind::Tools).items;
    items.iter().find(|item| &*item.own == name).map(|item| item.json.get().to_owned())
}
