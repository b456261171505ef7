//! The made-up streams, as the rest of the broker reads them.

use super::Inner;
use super::queue::Queue;
use crate::upstream::error::UpstreamError;
use bytes::Bytes;
use futures::Stream;
use std::sync::{Arc, Weak};
use tokio::time::Instant;

/// The stream of a request. Dropping it before its end cancels the request.
pub(super) struct Answer {
    mux: Weak<Inner>,
    number: u64,
    queue: Arc<Queue>,
    /// The server has until then to begin.
    begins: Option<Instant>,
    timeout_ms: u64,
}

impl Answer {
    pub(super) fn new(mux: &Arc<Inner>, number: u64, queue: Arc<Queue>) -> Self {
        let begins = Some(Instant::now() + mux.timeout);
        Self { mux: Arc::downgrade(mux), number, queue, begins, timeout_ms: mux.timeout_ms }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, UpstreamError>> + Send + 'static {
        futures::stream::unfold(self, |mut answer| async move {
            let next = match answer.begins.take() {
                Some(deadline) => tokio::time::timeout_at(deadline, answer.queue.next())
                    .await
                    .unwrap_or(Some(Err(UpstreamError::Timeout(answer.timeout_ms)))),
                None => answer.queue.next().await,
            };
            next.map(|next| (next, answer))
        })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.queue.is_ended()
            && let Some(mux) = self.mux.upgrade()
        {
            mux.abandon(self.number);
        }
    }
}

/// The stream of a session. Its place is free again when it is dropped.
struct Listen {
    mux: Weak<Inner>,
    session: u64,
    queue: Arc<Queue>,
}

pub(super) fn listen(
    mux: &Arc<Inner>,
    session: u64,
    queue: Arc<Queue>,
) -> impl Stream<Item = Result<Bytes, UpstreamError>> + Send + 'static {
    let listen = Listen { mux: Arc::downgrade(mux), session, queue };
    futures::stream::unfold(listen, |listen| async move { listen.queue.next().await.map(|next| (next, listen)) })
}

impl Drop for Listen {
    fn drop(&mut self) {
        if let Some(mux) = self.mux.upgrade() {
            let mut state = mux.lock();
            if state.listens.get(&self.session).is_some_and(|queue| Arc::ptr_eq(queue, &self.queue)) {
                state.listens.remove(&self.session);
            }
        }
    }
}
