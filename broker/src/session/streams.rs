//! The GET streams of one client: each message goes to exactly one of them (*Transports*, *Multiple Connections*).

use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

/// Events that a stream holds before those who send to it have to wait.
const QUEUE: usize = 64;

/// The streams that a client has open.
#[derive(Debug)]
pub struct Streams {
    open: Mutex<Vec<Open>>,
    count: watch::Sender<usize>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    events: mpsc::Sender<Bytes>,
}

/// The reading end of one stream. Dropping it closes the stream.
#[derive(Debug)]
pub struct Reading {
    number: u64,
    events: mpsc::Receiver<Bytes>,
    streams: Arc<Streams>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { open: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Streams {
    /// Opens one more.
    pub fn open(self: &Arc<Self>) -> Reading {
        let (sender, events) = mpsc::channel(QUEUE);
        let mut open = self.lock();
        let number = open.last().map_or(0, |last| last.number + 1);
        open.push(Open { number, events: sender });
        self.count.send_replace(open.len());
        Reading { number, events, streams: Arc::clone(self) }
    }

    /// How many are open, and when that changes.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// Whether any is open.
    pub fn any(&self) -> bool {
        *self.count.borrow() > 0
    }

    /// Gives an event to the newest stream, waiting while it is full. `false` if none is open.
    pub async fn send(&self, event: Bytes) -> bool {
        loop {
            let newest = self.lock().last().map(|o| o.events.clone());
            let Some(newest) = newest else { return false };
            match newest.reserve().await {
                Ok(place) => {
                    place.send(event);
                    return true;
                }
                // Closed meanwhile: it takes itself off the list when its `Reading` is gone.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// The next event. Never `None` while the stream is open.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.events.recv().await
    }

    /// Whether this is the stream that messages go to.
    pub fn is_newest(&self) -> bool {
        self.streams.lock().last().is_some_and(|o| o.number == self.number)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.retain(|o| o.number != self.number);
        self.streams.count.send_replace(open.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_goes_to_one_stream_only() {
        let streams = Arc::new(Streams::default());
        assert!(!streams.send(Bytes::from_static(b"lost")).await);
        let mut first = streams.open();
        let mut second = streams.open();
        assert!(second.is_newest() && !first.is_newest());
        assert!(streams.send(Bytes::from_static(b"a")).await);
        assert_eq!(second.next().await.as_deref(), Some(b"a".as_slice()));
        drop(second);
        assert!(streams.send(Bytes::from_static(b"b")).await);
        assert_eq!(first.next().await.as_deref(), Some(b"b".as_slice()));
        drop(first);
        assert!(!streams.any());
    }

    #[tokio::test]
    async fn whoever_waits_for_a_stream_that_closes_goes_on_with_the_next() {
        let streams = Arc::new(Streams::default());
        let mut first = streams.open();
        let second = streams.open();
        for _ in 0..QUEUE {
            assert!(streams.send(Bytes::from_static(b"x")).await);
        }
        let waiting = tokio::spawn({
            let streams = Arc::clone(&streams);
            async move { streams.send(Bytes::from_static(b"y")).await }
        });
        tokio::task::yield_now().await;
        drop(second);
        assert!(waiting.await.unwrap());
        assert_eq!(first.next().await.as_deref(), Some(b"y".as_slice()));
    }
}
