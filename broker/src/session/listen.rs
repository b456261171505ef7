//! What servers send on their GET streams, on its way to the client's.

use super::state::Session;
use super::upstream::Upstream;
use crate::resolve::rules;
use crate::upstream::{ANSWER_LIMIT, EventStream, UpstreamError};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::answer::Editor;
use protocol::http::Media;
use protocol::request::{self, MessageKind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a call waits for the server's GET stream: some servers begin it only with its first event.
const PATIENCE: Duration = Duration::from_millis(500);

impl Upstream {
    /// Reads the server's GET stream from now on, for as long as the client has one open. Waits until it is open, so that what a
    /// call makes the server send there is not lost.
    pub(crate) async fn listen(self: &Arc<Self>, session: &Arc<Session>) {
        let mut listening = self.listening.lock().await;
        if *listening || !session.streams.any() {
            return;
        }
        *listening = true;
        let (open, opened) = oneshot::channel();
        tokio::spawn(Arc::clone(self).read_all(Arc::clone(session), open));
        drop(listening);
        let _ = tokio::time::timeout(PATIENCE, opened).await;
    }

    async fn read_all(self: Arc<Self>, session: Arc<Session>, open: oneshot::Sender<()>) {
        let mut count = session.streams.count();
        let mut first = Some(open);
        let patient = || ExponentialBuilder::default().with_jitter().without_max_times().build();
        let mut pauses = patient();
        loop {
            let reading = async {
                match self.stream().await {
                    Ok(Some(stream)) => {
                        first.take().map(|open| open.send(()));
                        self.read(&session, stream).await
                    }
                    // It has none, which is normal.
                    Ok(None) => {
                        first.take().map(|open| open.send(()));
                        std::future::pending().await
                    }
                    Err(error) => Err(error),
                }
            };
            let ended = tokio::select! {
                ended = reading => ended,
                () = self.ended.cancelled() => return,
                _ = count.wait_for(|count| *count == 0) => Ok(false),
            };
            first.take();
            match ended {
                Ok(true) => pauses = patient(),
                Ok(false) => {}
                Err(UpstreamError::SessionLost) => {
                    tokio::spawn(async move { session.reopen(&self).await.map(|_| ()) });
                    return;
                }
                Err(error) => {
                    tracing::debug!(server = self.server.name(), %error, "the server's GET stream failed");
                }
            }
            {
                // Whoever opens a stream now either sees that this one is read, or begins anew.
                let mut listening = self.listening.lock().await;
                if !session.streams.any() {
                    *listening = false;
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(60))) => {}
                () = self.ended.cancelled() => return,
            }
        }
    }

    /// The server's GET stream, from the event on that the client got last if the server can do that.
    async fn stream(&self) -> Result<Option<EventStream>, UpstreamError> {
        let last = self.last_event.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = last {
            if let Some(resumed) = self.server.client().resume(&self.leg, &last).await? {
                return Ok(Some(resumed.events(ANSWER_LIMIT)));
            }
            self.last_event.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        self.server.client().listen(&self.leg).await
    }

    /// Reads one stream to its end; whether anything came.
    async fn read(self: &Arc<Self>, session: &Arc<Session>, mut stream: EventStream) -> Result<bool, UpstreamError> {
        let mut any = false;
        while let Some(event) = stream.next().await {
            let event = event?;
            any = true;
            let delivered = event.data.is_empty() || self.forward(session, &event.data).await;
            if let Some(id) = event.id.filter(|id| !id.is_empty()) {
                if !delivered {
                    // It comes again when the client is back.
                    return Ok(any);
                }
                *self.last_event.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
            }
        }
        Ok(any)
    }

    /// Sends one of the server's messages on the client's GET stream. `false` for one that may come again.
    async fn forward(self: &Arc<Self>, session: &Arc<Session>, message: &str) -> bool {
        let mut editor = Editor::new(Media::Json, rules(&session.registry, &self.server));
        let mut edited = Vec::with_capacity(message.len() + 64);
        editor.push(message.as_bytes(), &mut edited);
        editor.finish(&mut edited);
        if editor.list_changed() {
            self.lists_changed();
        }
        if session.notify(&String::from_utf8_lossy(&edited)).await {
            return true;
        }
        self.refuse(message.as_bytes(), "The client has no stream open on which it could be asked.").await
    }

    /// Answers a server's request that the client cannot be asked; anything else is dropped. Whether it was a request.
    pub(crate) async fn refuse(&self, message: &[u8], why: &str) -> bool {
        let Ok(envelope) = request::read(message) else { return false };
        let method = envelope.method.as_deref().unwrap_or_default();
        let Ok(MessageKind::Request) = envelope.kind() else {
            tracing::debug!(server = self.server.name(), method, "a message could not be delivered: {why}");
            return false;
        };
        tracing::warn!(server = self.server.name(), method, "a server's request was refused: {why}");
        let refusal = protocol::error::Refusal::transport(200, protocol::error::code::INTERNAL, why.to_owned());
        let body = Bytes::from(refusal.body(envelope.id.as_ref()));
        if let Err(error) = self.server.client().post(&self.leg, body, &axum::http::HeaderMap::new()).await {
            tracing::debug!(server = self.server.name(), %error, "an answer could not be sent");
        }
        true
    }
}
