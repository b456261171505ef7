//! Event streams, read as they come.

use futures::StreamExt as _;
use hyper::body::Incoming;
use serde_json::Value;
use sse_stream::{Sse, SseStream};

/// A stream of events.
pub struct Events(SseStream<Incoming>);

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}

impl Events {
    pub(super) fn new(body: Incoming) -> Self {
        Self(SseStream::new(body))
    }

    /// The next event; `None` at the end, also where that is sudden.
    ///
    /// # Panics
    ///
    /// When nothing comes in time.
    pub async fn event(&mut self) -> Option<Sse> {
        crate::within("the next event", self.0.next()).await?.ok()
    }

    /// The data of the next event that has any; `None` at the end.
    pub async fn data(&mut self) -> Option<String> {
        loop {
            if let Some(data) = self.event().await?.data.filter(|data| !data.is_empty()) {
                return Some(data);
            }
        }
    }

    /// The next message.
    ///
    /// # Panics
    ///
    /// When the stream ends before it.
    pub async fn message(&mut self) -> Value {
        let data = self.data().await.expect("the stream goes on");
        serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}"))
    }

    /// The next message that `pick` picks.
    pub async fn find(&mut self, pick: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.message().await;
            if pick(&message) {
                return message;
            }
        }
    }

    /// The next message with this method.
    pub async fn method(&mut self, method: &str) -> Value {
        self.find(|message| message["method"] == method).await
    }
}
