//! One request, and the ways to answer it.

use super::{Fake, Recorded};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use std::io::Error;
use tokio::sync::{mpsc, oneshot};

/// A request that waits for its answer. Dropped, it is never answered.
pub struct Exchange {
    /// What arrived.
    pub request: Recorded,
    /// Where it arrived.
    pub server: Fake,
    pub(super) reply: oneshot::Sender<Response>,
}

/// The body of an answer that is being sent. Dropped, it ends as it should.
pub struct Sender(mpsc::UnboundedSender<Result<Bytes, Error>>);

impl Exchange {
    /// The request's id, raw.
    pub fn id(&self) -> &str {
        self.request.id.as_deref().unwrap_or("null")
    }

    /// A response with this result, as JSON.
    pub async fn result(self, result: impl Into<String>) {
        let message = self.response(&result.into());
        self.json(message).await;
    }

    /// The response with this result, as text.
    pub fn response(&self, result: &str) -> String {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", self.id())
    }

    /// Any bytes, said to be JSON.
    pub async fn json(self, message: impl Into<Bytes>) {
        self.http(200, "application/json", message).await;
    }

    /// Any answer.
    pub async fn http(self, status: u16, media: &str, body: impl Into<Bytes>) {
        self.send(status, &[("content-type", media)], Body::from(body.into()));
    }

    /// An `ok` with further headers.
    ///
    /// # Panics
    ///
    /// When they are not well-formed.
    pub async fn ok_with(self, headers: &[(&str, &str)]) {
        let body = self.response(r#"{"content":[{"type":"text","text":"ok"}]}"#);
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send(200, &headers, Body::from(body));
    }

    /// No answer: the client is to come again after that many seconds.
    pub async fn too_many(self, seconds: &str) {
        self.send(429, &[("retry-after", seconds)], Body::empty());
    }

    /// An event stream.
    pub fn events(self) -> Sender {
        self.stream("text/event-stream")
    }

    /// An answer that is sent piece by piece.
    pub fn stream(self, media: &str) -> Sender {
        let (sender, receiver) = mpsc::unbounded_channel();
        let chunks = futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        self.send(200, &[("content-type", media)], Body::from_stream(chunks));
        Sender(sender)
    }

    /// A text result that says `ok`.
    pub async fn ok(self) {
        self.result(r#"{"content":[{"type":"text","text":"ok"}]}"#).await;
    }

    /// A text result that says which server answers.
    pub async fn who(self) {
        let text = self.server.authority();
        self.result(format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#)).await;
    }

    fn send(self, status: u16, headers: &[(&str, &str)], body: Body) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        // The client may be gone.
        let _ = self.reply.send(response.body(body).expect("the answer is well-formed"));
    }
}

impl Sender {
    /// Sends bytes as they are; `false` if nobody reads them.
    pub fn bytes(&self, bytes: impl Into<Bytes>) -> bool {
        self.0.send(Ok(bytes.into())).is_ok()
    }

    /// Sends a message as an event.
    pub fn message(&self, message: impl AsRef<str>) -> bool {
        self.bytes(format!("event: message\ndata: {}\n\n", message.as_ref()))
    }

    /// Closes the connection without ending the body.
    pub fn cut(self) {
        let _ = self.0.send(Err(Error::other("cut")));
    }

    /// Waits until nobody reads it any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}
