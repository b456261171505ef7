//! One request of the client: a call, or what continues one.

use crate::downstream::{keepalive, reply};
use axum::response::Response;
use bytes::Bytes;
use protocol::answer::{Rules, edit};
use protocol::era::from_modern::Answer;
use protocol::era::to_modern::Level;
use protocol::error::Refusal;
use protocol::http::Accepts;
use protocol::jsonrpc::Id;
use protocol::sse;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the head of an answer may wait for its status.
const HEAD: Duration = Duration::from_secs(5);
/// Messages that wait for a client that reads slowly.
const QUEUE: usize = 16;

/// A request of the client, as long as it is there.
pub(super) struct Round {
    /// Of the request.
    pub(super) id: Id,
    /// Its progress token, raw JSON.
    pub(super) token: Option<String>,
    /// From which on it wants log messages.
    pub(super) level: Option<Level>,
    /// What it declares, raw JSON.
    pub(super) capabilities: String,
    /// What it brought.
    pub(super) answers: Vec<Answer>,
    rules: Rules,
    out: mpsc::Sender<Out>,
}

/// What the client gets.
enum Out {
    /// A message on the way.
    Message(String),
    /// The response, and the status that it has if it is all there is.
    Last(u16, Vec<u8>),
}

/// What the client of a round reads.
pub(super) struct Answering {
    out: mpsc::Receiver<Out>,
    accepts: Accepts,
}

impl Round {
    /// A round, and what its client reads.
    pub(super) fn new(
        id: Id,
        token: Option<String>,
        level: Option<Level>,
        capabilities: &str,
        rules: Rules,
        accepts: Accepts,
    ) -> (Self, Answering) {
        let (out, receiver) = mpsc::channel(QUEUE);
        let round = Self { id, token, level, capabilities: capabilities.to_owned(), answers: Vec::new(), rules, out };
        (round, Answering { out: receiver, accepts })
    }

    /// Sends a message of the server, which may wait for the client.
    pub(super) async fn send(&self, message: &str) {
        let edited = edit(message.as_bytes(), &self.rules);
        // A client that is gone is noticed where its going is waited for.
        let _ = self.out.send(Out::Message(String::from_utf8_lossy(&edited).into_owned())).await;
    }

    /// Ends the round with the response to its request, in the server's words; `false` if the client is gone.
    pub(super) async fn end(&self, status: u16, response: &str) -> bool {
        self.out.send(Out::Last(status, edit(response.as_bytes(), &self.rules))).await.is_ok()
    }

    /// Ends the round with an error of the gateway's own.
    pub(super) async fn refuse(&self, refusal: &Refusal) {
        let _ = self.out.send(Out::Last(refusal.status, refusal.body(Some(&self.id)).into_bytes())).await;
    }

    /// Resolves when the client is gone.
    pub(super) async fn left(&self) {
        self.out.closed().await;
    }
}

impl Answering {
    /// The answer: JSON if nothing comes before the response, else a stream.
    pub(super) async fn response(mut self, id: &Id) -> Response {
        let ended = |id: &Id| {
            let refusal = Refusal::upstream(protocol::era::Era::Modern, "The gateway is shutting down.");
            reply::refusal(&refusal, Some(id), self.accepts)
        };
        if !self.accepts.sse {
            loop {
                match self.out.recv().await {
                    Some(Out::Last(status, response)) => return reply::message(status, self.accepts, response),
                    // Such a client can be told nothing.
                    Some(Out::Message(_)) => {}
                    None => return ended(id),
                }
            }
        }
        let first = match tokio::time::timeout(HEAD, self.out.recv()).await {
            Ok(Some(Out::Last(status, response))) => return reply::message(status, self.accepts, response),
            Ok(Some(Out::Message(message))) => Bytes::from(sse::frame(&message)),
            Ok(None) => return ended(id),
            Err(_) => keepalive::COMMENT,
        };
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut next = Some(first);
            while let Some(event) = next.take() {
                if sender.send(event).await.is_err() {
                    return;
                }
                let out = tokio::select! {
                    out = self.out.recv() => out,
                    () = sender.closed() => return,
                };
                next = out.map(|out| match out {
                    Out::Message(message) => Bytes::from(sse::frame(&message)),
                    Out::Last(_, response) => Bytes::from(sse::frame(&String::from_utf8_lossy(&response))),
                });
            }
        });
        reply::stream(keepalive::with_comments(receiver))
    }
}
