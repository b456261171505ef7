//! Takes a connection apart that carries the messages of all requests: each request gets a made-up stream of its own, as if it
//! had been posted to a Streamable HTTP server, and what belongs to none comes on the stream of its session.
//!
//! Ids and progress tokens of requests are replaced by numbers that are unique on the connection, and put back byte for byte.
//! Ids of the server's own requests are unique as they are.

mod from_server;
mod link;
mod queue;
mod state;
mod stream;
mod to_server;

pub(super) use link::Link;
pub(super) use to_server::ToServer;

use super::Exchange;
use crate::upstream::error::UpstreamError;
use crate::upstream::message;
use crate::upstream::reply::Reply;
use bytes::Bytes;
use from_server::{FromServer, event};
use protocol::jsonrpc::Id;
use protocol::request::MessageKind;
use protocol::sse;
use queue::Queue;
use state::{Kind, Pending, State};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use stream::Answer;

/// How long a server's request may wait for a client's stream in a session that has just begun.
const EARLY: Duration = Duration::from_secs(1);

/// One connection with a server, or one after the other for as long as its sessions live.
#[derive(Debug, Clone)]
pub(super) struct Mux {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: String,
    timeout: Duration,
    timeout_ms: u64,
    state: Mutex<State>,
}

impl Mux {
    /// One without a connection. `timeout_ms` is how long the server may take to begin an answer.
    pub(super) fn new(server: &str, timeout_ms: u64) -> Self {
        let timeout = Duration::from_millis(timeout_ms);
        let inner = Inner { server: server.to_owned(), timeout, timeout_ms, state: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Takes a connection. It is `exclusive` if all that comes on it is for one session.
    pub(super) fn attach(&self, link: Link, exclusive: bool) {
        let mut state = self.inner.lock();
        state.link = Some(link);
        state.exclusive = exclusive;
    }

    /// Says whether all that comes is for one session.
    pub(super) fn set_exclusive(&self, exclusive: bool) {
        self.inner.lock().exclusive = exclusive;
    }

    /// Lets go of the connection, which is to be ended; sessions go on. Subscriptions of the modern era end with it.
    pub(super) fn detach(&self) {
        let pending = {
            let mut state = self.inner.lock();
            state.link = None;
            state.asked.clear();
            std::mem::take(&mut state.pending)
        };
        for pending in pending.into_values() {
            pending.queue.end(Ok(None));
        }
    }

    /// Ends everything: what waits for an answer gets the error.
    pub(super) fn close(&self, error: &UpstreamError) {
        let (pending, listens) = {
            let mut state = self.inner.lock();
            state.link = None;
            state.closed.get_or_insert(error.clone());
            (std::mem::take(&mut state.pending), std::mem::take(&mut state.listens))
        };
        for pending in pending.into_values() {
            pending.queue.end(Err(error.clone()));
        }
        for listen in listens.into_values() {
            listen.end(Ok(None));
        }
    }

    /// Whether it was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// Why it was closed.
    pub(super) fn closed(&self) -> Option<UpstreamError> {
        self.inner.lock().closed.clone()
    }

    /// Whether somebody waits for something that the connection would have to be there for.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.inner.lock();
        !state.subscribers.is_empty() || state.pending.values().any(|pending| pending.kind != Kind::Subscription)
    }

    /// Sends a message of a session.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub(super) async fn post(
        &self,
        session: u64,
        message: &ToServer,
        exchange: &Exchange<'_>,
    ) -> Result<Reply, UpstreamError> {
        match message.kind() {
            MessageKind::Request => self.request(session, message, exchange).await,
            MessageKind::Notification if message.method() == "notifications/cancelled" => {
                let cancelled = message.request_id().and_then(|id| self.inner.lock().take(session, &id));
                let Some((number, pending)) = cancelled else { return Ok(Reply::empty(202)) };
                // The server is not to answer any more.
                pending.queue.end(Err(UpstreamError::Cancelled));
                self.send(message.cancelling(number), exchange).await
            }
            MessageKind::Response if !message.id().is_some_and(|id| self.inner.lock().was_asked(id)) => {
                Ok(Reply::empty(202))
            }
            MessageKind::Notification | MessageKind::Response => self.send(message.unchanged(), exchange).await,
        }
    }

    async fn request(&self, session: u64, message: &ToServer, exchange: &Exchange<'_>) -> Result<Reply, UpstreamError> {
        let id = message.id().cloned().ok_or(UpstreamError::Malformed("a request without an id"))?;
        let kind = match message.method() {
            "subscriptions/listen" => Kind::Subscription,
            "initialize" => Kind::Handshake,
            _ if exchange.own => Kind::Own,
            _ => Kind::Call,
        };
        match (message.method(), message.uri()) {
            ("resources/subscribe", Some(uri)) => self.inner.lock().subscribe(session, uri),
            ("resources/unsubscribe", Some(uri)) if !self.inner.lock().unsubscribe(session, uri) => {
                // Another session still wants it.
                return Ok(Reply::json(message::result(id.raw(), "{}")));
            }
            _ => {}
        }
        let queue = Arc::new(Queue::default());
        let pending = Pending { session, id, token: message.progress_token(), queue: Arc::clone(&queue), kind };
        let number = self.inner.lock().begin(pending)?;
        let answer = Answer::new(&self.inner, number, queue);
        let reply = self.send(message.numbered(number), exchange).await?;
        if !reply.is_success() {
            return Ok(reply);
        }
        self.inner.retry_early();
        Ok(Reply::made(answer.into_stream()))
    }

    async fn send(&self, message: Bytes, exchange: &Exchange<'_>) -> Result<Reply, UpstreamError> {
        let link = self.inner.lock().link()?;
        let sending = link.send(message, exchange.leg, exchange.extra);
        match tokio::time::timeout(self.inner.timeout, sending).await {
            Ok(sent) => sent.map(Reply::empty),
            Err(_) => Err(UpstreamError::Timeout(self.inner.timeout_ms)),
        }
    }

    /// The stream of what belongs to no request of a session. It takes the place of one that was opened before.
    pub(super) fn listen(&self, session: u64) -> Reply {
        let queue = Arc::new(Queue::default());
        let before = self.inner.lock().listens.insert(session, Arc::clone(&queue));
        if let Some(before) = before {
            before.end(Ok(None));
        }
        self.inner.retry_early();
        Reply::made(stream::listen(&self.inner, session, queue))
    }

    /// Forgets a session.
    pub(super) fn leave(&self, session: u64) {
        let (listen, calls, unsubscribed) = {
            let mut state = self.inner.lock();
            (state.listens.remove(&session), state.numbers_of(session), state.unsubscribe_all(session))
        };
        if let Some(listen) = listen {
            listen.end(Ok(None));
        }
        for number in calls {
            self.inner.abandon(number);
        }
        for uri in unsubscribed {
            self.inner.unsubscribe(&uri);
        }
    }

    /// Takes what the server sent: a message, or a batch of them. `false` if it is neither.
    pub(super) fn receive(&self, text: &str) -> bool {
        if !text.trim_start().starts_with('[') {
            return self.inner.receive(text);
        }
        let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).unwrap_or_default();
        !items.is_empty() && items.into_iter().all(|item| self.inner.receive(item.get()))
    }
}

impl Inner {
    fn receive(self: &Arc<Self>, text: &str) -> bool {
        let Some(message) = FromServer::read(text) else { return false };
        let mut state = self.lock();
        match message {
            FromServer::Response { id, subscription } => {
                let number = id.as_ref().map(|id| id.value).or_else(|| state.only_pending());
                let Some(pending) = number.and_then(|number| state.finish(number)) else {
                    tracing::debug!(server = self.server, "an answer to a request that nobody waits for");
                    return true;
                };
                let mut edits: Vec<_> = id.iter().map(|id| (id, pending.id.raw())).collect();
                edits.extend(subscription.iter().map(|subscription| (subscription, pending.id.raw())));
                let event = match id {
                    Some(_) => event(text, &edits),
                    None => sse::frame(&message::unreadable(pending.id.raw())),
                };
                pending.queue.end(Ok(Some(event.into())));
            }
            FromServer::Request { id, method } if method == "ping" => {
                state.answer(message::answer_unasked(&id, &method));
            }
            FromServer::Request { id, method } => {
                let place = state.place_of_requests();
                let asked = place.and_then(|place| Some((place, Id::from_raw(id.as_bytes())?)));
                if let Some((place, asked)) = asked
                    && state.push(place, sse::frame(text))
                {
                    state.note_asked(asked, place);
                } else if state.keep_early(text) {
                    self.wait_for_early();
                } else {
                    tracing::debug!(server = self.server, method, "a server's request that nobody can be asked");
                    state.answer(message::answer_unasked(&id, &method));
                }
            }
            FromServer::Notification { method, about } => {
                if !state.tell(text, &method, &about) {
                    tracing::debug!(server = self.server, method, "a notification that nobody reads");
                }
            }
        }
        true
    }

    /// Tries again to deliver requests that came before anybody could be asked.
    fn retry_early(self: &Arc<Self>) {
        let early = std::mem::take(&mut self.lock().early);
        for text in early {
            self.receive(&text);
        }
    }

    fn wait_for_early(self: &Arc<Self>) {
        let waiting = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(EARLY).await;
            if let Some(inner) = Weak::upgrade(&waiting) {
                inner.lock().early_is_over = true;
                inner.retry_early();
            }
        });
    }

    /// Nobody waits for the answer any more: the server is told.
    fn abandon(&self, number: u64) {
        let mut state = self.lock();
        if let Some(pending) = state.pending.remove(&number) {
            pending.queue.end(Ok(None));
            if pending.kind != Kind::Handshake {
                state.answer(message::cancelled(number));
            }
        }
    }

    /// Ends a subscription that nobody wants any more.
    fn unsubscribe(&self, uri: &str) {
        let mut state = self.lock();
        let number = state.next_number();
        state.answer(message::unsubscribe(number, uri));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
