//! One session with a legacy server, opened for modern clients.

use super::visits::Visits;
use crate::upstream::{EventStream, Leg, LegacySession, Server, UpstreamError};
use axum::http::HeaderMap;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::era::to_modern::{Level, Notice, notice};
use protocol::error::{Refusal, code};
use protocol::json::{Object, quote};
use protocol::jsonrpc::Id;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// How long a call waits for the server's GET stream: some servers begin it only with its first event.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between attempts to open that stream again, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Messages that a call holds before those who send to it have to wait.
const QUEUE: usize = 64;

/// A session, and what runs in it.
pub(super) struct Pooled {
    /// The server.
    pub(super) server: Arc<Server>,
    /// What `initialize` settled.
    pub(super) session: LegacySession,
    /// The same, to send requests with.
    pub(super) leg: Leg,
    /// What the server was last told to log.
    level: tokio::sync::Mutex<Option<Level>>,
    /// The calls that run in it, by their ids, which are their progress tokens too.
    calls: Mutex<HashMap<String, mpsc::Sender<String>>>,
    /// Updates of resources.
    updates: broadcast::Sender<String>,
    visits: Arc<Visits>,
    /// Its GET stream is open.
    listening: AtomicBool,
    ended: CancellationToken,
    #[expect(dead_code, reason = "it is its end that matters")]
    counted: Counted,
}

/// One of the sessions that are open.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// Counts one more.
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The part of a call in the session's own stream: what comes there for it. Dropping it takes the call out.
pub(super) struct Running {
    session: Arc<Pooled>,
    id: String,
    /// Messages of the server.
    pub(super) heard: mpsc::Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.session.lock().remove(&self.id);
    }
}

impl Pooled {
    /// Opens a session with these `params` of `initialize`, and its GET stream.
    pub(super) async fn open(
        server: Arc<Server>,
        params: &RawValue,
        visits: Arc<Visits>,
        counted: Counted,
    ) -> Result<Arc<Self>, UpstreamError> {
        let session = server.client().open_session(params).await?;
        let pooled = Arc::new(Self {
            leg: Leg::Legacy(session.clone()),
            session,
            server,
            level: tokio::sync::Mutex::default(),
            calls: Mutex::default(),
            updates: broadcast::channel(QUEUE).0,
            visits,
            listening: AtomicBool::new(false),
            ended: CancellationToken::new(),
            counted,
        });
        let (open, opened) = oneshot::channel();
        tokio::spawn(Arc::clone(&pooled).read_all(open));
        let _ = tokio::time::timeout(PATIENCE, opened).await;
        Ok(pooled)
    }

    /// How long the server may take to begin an answer.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.server.config().timeout_ms)
    }

    /// Takes a call in.
    pub(super) fn begin(self: &Arc<Self>, id: &str) -> Running {
        let (sender, heard) = mpsc::channel(QUEUE);
        self.lock().insert(id.to_owned(), sender);
        Running { session: Arc::clone(self), id: id.to_owned(), heard }
    }

    /// Updates of resources, from now on.
    pub(super) fn updates(&self) -> broadcast::Receiver<String> {
        self.updates.subscribe()
    }

    /// Whether the server can speak beside the streams of its calls.
    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// Resolves when the session has ended.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Has the server log from `level` on, if it logs.
    pub(super) async fn set_level(&self, level: Level) {
        let mut last = self.level.lock().await;
        if !self.session.capabilities.logging || *last == Some(level) {
            return;
        }
        let params = format!("{{\"level\":\"{}\"}}", level.as_str());
        match self.server.client().request(&self.leg, "logging/setLevel", Some(&params)).await {
            Ok(_) => *last = Some(level),
            Err(error) => tracing::warn!(server = self.server.name(), %error, "the log level could not be set"),
        }
    }

    /// Sends what needs no answer.
    pub(super) async fn tell(&self, message: String) {
        match self.server.client().post(&self.leg, Bytes::from(message), &HeaderMap::new()).await {
            Ok(reply) if reply.is_success() => {}
            Ok(reply) => {
                tracing::debug!(server = self.server.name(), status = reply.status, "a server refused a notice");
            }
            Err(error) => tracing::debug!(server = self.server.name(), %error, "a server could not be told"),
        }
    }

    /// Answers a request of the server (raw JSON) with an error; `ping` with its result.
    pub(super) fn refuse(self: &Arc<Self>, request: &str, code: i64, why: &str) {
        let Some(object) = Object::read(request) else { return };
        let (Some(method), Some(id)) = (object.text("method"), object.get("id")) else { return };
        let answer = if method == "ping" {
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}")
        } else {
            tracing::debug!(server = self.server.name(), method, "a server's request was refused: {why}");
            let id = Id::from_raw(id.as_bytes());
            Refusal::transport(200, code, why.to_owned()).body(id.as_ref())
        };
        let session = Arc::clone(self);
        tokio::spawn(async move { session.tell(answer).await });
    }

    /// Ends the session with the server.
    pub(super) async fn end(&self) {
        if !self.ended.is_cancelled() {
            self.ended.cancel();
            self.server.client().end_session(&self.session).await;
        }
    }

    /// Nothing is read from it any more: the server does not know it.
    pub(super) fn is_lost(&self) {
        self.ended.cancel();
    }

    /// Reads the GET stream for as long as the session lives.
    async fn read_all(self: Arc<Self>, open: oneshot::Sender<()>) {
        let mut first = Some(open);
        let patient = || ExponentialBuilder::default().with_jitter().without_max_times().build();
        let mut pauses = patient();
        loop {
            let reading = async {
                let stream = self.server.client().listen(&self.leg).await;
                self.listening.store(matches!(stream, Ok(Some(_))), Ordering::Relaxed);
                first.take().map(|open| open.send(()));
                match stream? {
                    Some(stream) => self.read(stream).await,
                    // It has none, which is normal.
                    None => std::future::pending().await,
                }
            };
            let ended = tokio::select! {
                ended = reading => ended,
                () = self.ended.cancelled() => return,
            };
            self.listening.store(false, Ordering::Relaxed);
            match ended {
                Ok(true) => pauses = patient(),
                Ok(false) => {}
                Err(UpstreamError::SessionLost) => return self.is_lost(),
                Err(error) => tracing::debug!(server = self.server.name(), %error, "a server's GET stream failed"),
            }
            tokio::select! {
                () = tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)) => {}
                () = self.ended.cancelled() => return,
            }
        }
    }

    /// Reads one stream to its end; whether anything came.
    async fn read(self: &Arc<Self>, mut stream: EventStream) -> Result<bool, UpstreamError> {
        let mut any = false;
        while let Some(event) = stream.next().await {
            any = true;
            self.hear(event?.data).await;
        }
        Ok(any)
    }

    /// Gives a message to the call that it belongs to.
    async fn hear(self: &Arc<Self>, message: String) {
        match notice(&message) {
            Some(Notice::Progress(token)) => {
                let call = self.lock().iter().find(|(id, _)| quote(id) == token).map(|(_, call)| call.clone());
                // Progress that nobody has time for is of no use later.
                call.map(|call| call.try_send(message));
            }
            Some(Notice::Visited(id)) => self.visits.note((self.server.name(), self.server.principal()), &id),
            Some(Notice::Elsewhere) => {
                let _ = self.updates.send(message);
            }
            Some(_) => {
                if let Some(call) = self.only_call() {
                    let _ = call.send(message).await;
                }
            }
            None if Object::read(&message).is_some_and(|message| message.get("method").is_some()) => {
                let refused = match self.only_call() {
                    Some(call) => call.send(message).await.err().map(|unsent| unsent.0),
                    None => Some(message),
                };
                if let Some(message) = refused {
                    self.refuse(
                        &message,
                        code::INTERNAL,
                        "No call is running in this session that this could belong to.",
                    );
                }
            }
            None => {}
        }
    }

    /// The call that a message without a name belongs to: the only one.
    fn only_call(&self) -> Option<mpsc::Sender<String>> {
        let calls = self.lock();
        let mut all = calls.values();
        all.next().filter(|_| all.next().is_none()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<String>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
