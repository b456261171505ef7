//! The made-up stream of one request, or of what belongs to no request.

use crate::upstream::error::UpstreamError;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Messages that wait for a reader who is slow. What comes beyond, but for the end, is left out.
const MESSAGES: usize = 1024;
/// Bytes of them.
const BYTES: usize = 8 << 20;

/// Events on their way to one reader.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Nothing is added any more; an error is told once.
    ended: bool,
    error: Option<UpstreamError>,
}

impl Queue {
    /// Adds an event. `false` if there is no room, or the stream has ended.
    pub(super) fn push(&self, frame: Bytes) -> bool {
        let mut state = self.lock();
        if state.ended || state.frames.len() >= MESSAGES || state.bytes + frame.len() > BYTES {
            return false;
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Ends the stream with its last event, for which there is always room, or with an error.
    pub(super) fn end(&self, last: Result<Option<Bytes>, UpstreamError>) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        state.ended = true;
        match last {
            Ok(frame) => state.frames.extend(frame),
            Err(error) => state.error = Some(error),
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Whether nothing will be added any more.
    pub(super) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// The next event. There is one reader only.
    pub(super) async fn next(&self) -> Option<Result<Bytes, UpstreamError>> {
        loop {
            {
                let mut state = self.lock();
                if let Some(frame) = state.frames.pop_front() {
                    state.bytes = state.bytes.saturating_sub(frame.len());
                    return Some(Ok(frame));
                }
                if state.ended {
                    return state.error.take().map(Err);
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_comes_through_when_nothing_else_does() {
        let queue = Queue::default();
        let pushed = (0..2 * MESSAGES).filter(|_| queue.push(Bytes::from_static(b"x"))).count();
        assert_eq!(pushed, MESSAGES);
        queue.end(Ok(Some(Bytes::from_static(b"end"))));
        assert!(!queue.push(Bytes::from_static(b"late")));
        let mut last = None;
        while let Some(frame) = queue.next().await {
            last = Some(frame.unwrap());
        }
        assert_eq!(last.as_deref(), Some(b"end".as_slice()));
    }

    #[tokio::test]
    async fn an_error_is_told_once_after_what_came_before() {
        let queue = Queue::default();
        assert!(queue.push(Bytes::from_static(b"x")));
        queue.end(Err(UpstreamError::Closed));
        assert_eq!(queue.next().await, Some(Ok(Bytes::from_static(b"x"))));
        assert_eq!(queue.next().await, Some(Err(UpstreamError::Closed)));
        assert_eq!(queue.next().await, None);
    }
}
