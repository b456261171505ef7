//! A legacy client's session with a server that is used in the modern era.
//!
//! To everything above it ([`crate::upstream::Client`] with such a session's leg) it looks like a session with a legacy
//! server: a posted request is answered with a stream that holds what belongs to the request, the server's questions among
//! it; the client's answers are posted like any message; what changes comes on a stream of its own. To the server every
//! request stands for itself.
//!
//! * [`call`]: one request, from its first attempt to its answer;
//! * [`attempt`]: one modern request and what came back;
//! * [`headers`]: what a modern request carries beside its body;
//! * [`questions`]: what the client was asked and has not answered yet;
//! * [`input`]: one round of questions;
//! * [`subscriptions`]: the resources whose updates the client wants.

mod attempt;
mod call;
mod headers;
mod input;
mod questions;
mod subscriptions;

use crate::session::id::ClientSaid;
use crate::upstream::{Envelope, EventStream, Leg, Reply, Server, UpstreamError};
use axum::http::HeaderMap;
use bytes::Bytes;
use protocol::config::Limits;
use protocol::era::from_legacy::{self, capabilities};
use protocol::era::{MODERN, Revision};
use protocol::error::code;
use protocol::jsonrpc::Id;
use protocol::request::{self, MessageKind};
use questions::Questions;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use subscriptions::Subscriptions;
use tokio_util::sync::CancellationToken;

/// A session of a legacy client with a modern server. Clones are the same session.
#[derive(Clone)]
pub(crate) struct Crossing(Arc<Inner>);

struct Inner {
    server: Arc<Server>,
    revision: Revision,
    client_info: Option<Box<RawValue>>,
    /// What the server is told of the client's capabilities, raw JSON.
    capabilities: String,
    /// How long the client may take to answer, each time.
    patience: Duration,
    /// How often a server may ask during one call.
    rounds: u32,
    level: Mutex<Option<String>>,
    /// Requests that have no answer yet, by the client's ids.
    running: Mutex<HashMap<Id, CancellationToken>>,
    questions: Questions,
    subscriptions: Subscriptions,
    ended: CancellationToken,
}

impl fmt::Debug for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crossing").field("server", &self.0.server.name()).finish_non_exhaustive()
    }
}

impl Crossing {
    /// Opens the session, which costs the server nothing.
    pub(crate) fn open(
        server: Arc<Server>,
        revision: Revision,
        client: &ClientSaid,
        several_servers: bool,
        limits: &Limits,
    ) -> Self {
        Self(Arc::new(Inner {
            server,
            revision,
            client_info: client.info.clone(),
            capabilities: capabilities(revision, client.capabilities.get(), several_servers),
            patience: Duration::from_secs(limits.input_seconds),
            rounds: limits.input_rounds,
            level: Mutex::default(),
            running: Mutex::default(),
            questions: Questions::default(),
            subscriptions: Subscriptions::default(),
            ended: CancellationToken::new(),
        }))
    }

    /// Takes any message of the client, with further headers for the server.
    pub(crate) fn post(&self, body: &Bytes, extra: &HeaderMap) -> Reply {
        let Ok(envelope) = request::read(body) else { return Reply::accepted() };
        match (envelope.kind(), &envelope.id) {
            (Ok(MessageKind::Request), Some(id)) => {
                return call::start(self, id.clone(), envelope.clone(), body.clone(), extra.clone());
            }
            (Ok(MessageKind::Response), Some(id)) => self.0.questions.answered(id, body),
            (Ok(MessageKind::Notification), _) => match envelope.method.as_deref() {
                Some("notifications/cancelled") => {
                    let id = envelope.request_id.as_ref().and_then(|raw| Id::from_raw(&raw.bytes));
                    if let Some(running) = id.and_then(|id| self.running().get(&id).cloned()) {
                        running.cancel();
                    }
                }
                // The modern era asks for roots when it needs them, and takes no progress from clients.
                method => {
                    tracing::debug!(server = self.0.server.name(), method, "has no form in the modern era: dropped");
                }
            },
            _ => {}
        }
        Reply::accepted()
    }

    /// Answers a request of the broker's own in this session.
    pub(crate) async fn request(&self, method: &str, params: Option<&str>) -> Result<Box<RawValue>, UpstreamError> {
        let member = |name: &str| protocol::json::Object::read(params?).and_then(|params| params.text(name));
        match method {
            "ping" => {}
            "logging/setLevel" => *self.0.level.lock().unwrap_or_else(PoisonError::into_inner) = member("level"),
            "resources/subscribe" => subscriptions::add(self, member("uri").unwrap_or_default()).await?,
            "resources/unsubscribe" => subscriptions::remove(self, &member("uri").unwrap_or_default()).await,
            _ => {
                let message = format!("The modern era has no {method}.");
                return Err(UpstreamError::Rpc { code: code::METHOD_NOT_FOUND, message, data: None });
            }
        }
        Ok(RawValue::from_string("{}".to_owned()).unwrap_or_default())
    }

    /// The stream on which the server's changes come. A later one takes the place of this one.
    pub(crate) fn listen(&self) -> EventStream {
        self.0.subscriptions.listen()
    }

    /// Ends all that runs in the session.
    pub(crate) fn end(&self) {
        self.0.ended.cancel();
    }

    /// A leg for requests that say who the client is.
    fn leg(&self) -> Leg {
        Leg::Modern(Envelope { version: MODERN.into(), meta: self.envelope(None).meta().into() })
    }

    fn envelope<'a>(&'a self, log_level: Option<&'a str>) -> from_legacy::Envelope<'a> {
        from_legacy::Envelope {
            version: MODERN,
            client_info: self.0.client_info.as_deref().map(RawValue::get),
            capabilities: &self.0.capabilities,
            log_level,
        }
    }

    fn level(&self) -> Option<String> {
        self.0.level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Id, CancellationToken>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
