//! What a server answers: the head, and the body as it comes.

use super::error::UpstreamError;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use protocol::http::{Media, header};
use protocol::sse::{Decoder, Event};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Most bytes of one event or JSON answer to the broker's own requests.
pub const ANSWER_LIMIT: usize = 64 << 20;

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// What the body is; `None` if it is nothing of MCP.
    pub media: Option<Media>,
    /// `Mcp-Session-Id`.
    pub session: Option<String>,
    /// `Retry-After`.
    pub(super) retry_after: Option<String>,
    /// The body, as sent. Dropping it closes the stream, which cancels a modern request.
    pub body: Body,
}

impl Reply {
    /// The answer as it came.
    ///
    /// # Errors
    /// [`UpstreamError::Compressed`], where that is all that is wrong with it.
    pub(super) fn new(response: reqwest::Response) -> Result<Self, UpstreamError> {
        let text = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let compressed = text("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        let media = Media::parse(text("content-type")).filter(|_| !compressed);
        if compressed && response.status().is_success() {
            return Err(UpstreamError::Compressed);
        }
        let session = text(header::SESSION_ID).filter(|id| !id.is_empty()).map(str::to_owned);
        let retry_after = text("retry-after").map(str::to_owned);
        Ok(Self { status: response.status().as_u16(), media, session, retry_after, body: Body::new(response) })
    }

    /// A stream of events that the broker makes itself.
    pub fn made(events: impl Stream<Item = Result<Bytes, UpstreamError>> + Send + 'static) -> Self {
        Self { media: Some(Media::Sse), body: Body(events.boxed()), ..Self::empty(200) }
    }

    /// 202 without a body: what was sent needs no answer.
    pub fn accepted() -> Self {
        Self::empty(202)
    }

    /// A status without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, media: None, session: None, retry_after: None, body: Body(futures::stream::empty().boxed()) }
    }

    /// A JSON answer that the broker makes itself.
    pub(super) fn json(message: String) -> Self {
        let body = futures::stream::iter([Ok(Bytes::from(message))]).boxed();
        Self { media: Some(Media::Json), body: Body(body), ..Self::empty(200) }
    }

    /// Whether the status is a success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What a status that is no success means, where the body is no answer.
    pub fn failure(&self) -> UpstreamError {
        match self.status {
            429 => UpstreamError::Throttled(self.retry_after.clone()),
            status => UpstreamError::Status(status),
        }
    }
}

/// The bytes of an answer.
pub struct Body(BoxStream<'static, Result<Bytes, UpstreamError>>);

impl Body {
    fn new(response: reqwest::Response) -> Self {
        let chunks = response.bytes_stream();
        Self(chunks.map(|chunk| chunk.map_err(|e| UpstreamError::from_transport(&e))).boxed())
    }

    /// The body as events of at most `limit` bytes.
    pub fn events(self, limit: usize) -> EventStream {
        EventStream { body: self, decoder: Decoder::new(limit), ready: VecDeque::new(), limit, done: false }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, UpstreamError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// A stream of events from a server. Ends with the connection.
#[derive(Debug)]
pub struct EventStream {
    body: Body,
    decoder: Decoder,
    ready: VecDeque<Event>,
    limit: usize,
    done: bool,
}

impl Stream for EventStream {
    type Item = Result<Event, UpstreamError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.done {
                return Poll::Ready(None);
            }
            let Some(chunk) = futures::ready!(self.body.poll_next_unpin(cx)) else {
                self.done = true;
                let last = self.decoder.finish().filter(|event| is_json(&event.data));
                self.ready.extend(last);
                continue;
            };
            let limit = self.limit;
            let events = chunk.and_then(|chunk| self.decoder.push(&chunk).map_err(|_| UpstreamError::TooLarge(limit)));
            match events {
                Ok(events) => self.ready.extend(events),
                Err(error) => {
                    self.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

/// Whether an event that its server did not end is a whole message all the same.
fn is_json(data: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok()
}
