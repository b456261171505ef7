//! A server's answer, in the form that the client can read.

use super::level::Leveller;
use super::stream;
use crate::downstream::reply;
use crate::session::{InFlight, Upstream, failed};
use crate::upstream::{ANSWER_LIMIT, Body, EventStream, Position, Reply, Server, UpstreamError};
use axum::response::Response;
use futures::StreamExt as _;
use protocol::answer::{Editor, Rules};
use protocol::era::Era;
use protocol::error::{self, Refusal};
use protocol::http::{Accepts, Media};
use protocol::jsonrpc::Id;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Whose answer it is, and for whom.
pub(crate) struct Delivery {
    /// The client's era, which is also the server's.
    pub(crate) era: Era,
    /// Where the answer comes from.
    pub(crate) server: Arc<Server>,
    /// The session with the server (legacy).
    pub(crate) upstream: Option<Arc<Upstream>>,
    /// The end of the client's session (legacy), or of the broker.
    pub(crate) ended: CancellationToken,
    /// Kept until the answer is out (legacy).
    #[expect(dead_code, reason = "it is its end that matters")]
    pub(crate) in_flight: Option<InFlight>,
    /// Of the request.
    pub(crate) id: Id,
    /// What the client can read.
    pub(crate) accepts: Accepts,
    /// Whether the client can have a stream resumed that ends before its answer.
    pub(crate) resumes: bool,
    /// How the server's messages become the client's.
    pub(crate) rules: Rules,
    /// For a client of an older revision.
    pub(crate) level: Leveller,
}

/// A response, as far as it is looked at.
#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<SeenError>,
}

#[derive(Deserialize)]
struct SeenError {
    #[serde(default)]
    code: i64,
}

fn look(message: &[u8]) -> Option<Seen<'_>> {
    serde_json::from_slice(message).ok()
}

/// Whether a message is the response to the request with this id.
pub(crate) fn answers(message: &[u8], id: &Id) -> bool {
    look(message).is_some_and(|seen| {
        seen.method.is_none()
            && (seen.result.is_some() || seen.error.is_some())
            && seen.id.and_then(|raw| Id::from_raw(raw.get().as_bytes())).as_ref() == Some(id)
    })
}

/// A whole body.
pub(crate) async fn collect(mut body: Body) -> Result<Vec<u8>, UpstreamError> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        if all.len() + chunk.len() > ANSWER_LIMIT {
            return Err(UpstreamError::TooLarge(ANSWER_LIMIT));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

impl Delivery {
    /// An answer that is still coming.
    pub(crate) async fn reply(self, reply: Reply) -> Result<Response, Refusal> {
        match reply.media {
            Some(Media::Sse) if reply.is_success() && self.accepts.sse => Ok(stream::forward(self, reply.body)),
            Some(Media::Sse) => {
                let events = reply.body.events(ANSWER_LIMIT);
                self.fold(events).await
            }
            Some(Media::Json) => {
                let failure = (!reply.is_success()).then(|| reply.failure());
                let message = collect(reply.body).await.map_err(|e| self.failed(&e))?;
                if answers(&message, &self.id) {
                    return Ok(self.whole(&message));
                }
                let no_answer = UpstreamError::Malformed("no answer to the request, or one with another id");
                Err(self.failed(&failure.unwrap_or(no_answer)))
            }
            None if reply.is_success() => Err(self.failed(&UpstreamError::Media)),
            None => Err(self.failed(&reply.failure())),
        }
    }

    /// The response, whole.
    pub(crate) fn whole(&self, message: &[u8]) -> Response {
        let status = look(message).and_then(|seen| seen.error).map_or(200, |error| error::status(self.era, error.code));
        reply::message(status, self.accepts, self.level.message(self.edit(message)))
    }

    /// A stream for a client that reads only JSON: its response alone. The server's requests are refused at once, since it may
    /// not go on before they are answered.
    async fn fold(self, mut events: EventStream) -> Result<Response, Refusal> {
        let mut position = Position::default();
        loop {
            let event = match events.next().await {
                Some(Ok(event)) => event,
                ended => {
                    let error = ended.and_then(Result::err).unwrap_or(UpstreamError::Closed);
                    let resumed = self.resume(&mut position).await;
                    events = resumed.ok_or_else(|| self.failed(&error))?.events(ANSWER_LIMIT);
                    continue;
                }
            };
            position.note(&event);
            let message = event.data.as_bytes();
            if message.is_empty() {
                continue;
            }
            if answers(message, &self.id) {
                return Ok(self.whole(message));
            }
            self.edit(message);
            if let Some(upstream) = &self.upstream {
                upstream.refuse(message, "The client accepts only JSON: it cannot be asked or told anything.").await;
            }
        }
    }

    /// The rest of a stream that the server ended before its answer, if it says that it can be resumed.
    pub(super) async fn resume(&self, position: &mut Position) -> Option<Body> {
        let upstream = self.upstream.as_ref()?;
        while let Some(last) = position.again().await {
            match self.server.client().resume(&upstream.leg, &last).await {
                Ok(resumed) => return resumed,
                Err(error) => tracing::debug!(server = self.server.name(), %error, "a stream is not resumed yet"),
            }
        }
        None
    }

    /// A message as the client is to see it.
    fn edit(&self, message: &[u8]) -> Vec<u8> {
        let mut editor = Editor::new(Media::Json, self.rules.clone());
        let mut out = Vec::with_capacity(message.len() + 64);
        editor.push(message, &mut out);
        editor.finish(&mut out);
        self.note(&editor);
        out
    }

    /// Takes notice of what has passed.
    pub(super) fn note(&self, editor: &Editor) {
        if editor.list_changed()
            && let Some(upstream) = &self.upstream
        {
            upstream.lists_changed();
        }
    }

    /// What the client is told instead of an answer.
    pub(super) fn failed(&self, error: &UpstreamError) -> Refusal {
        failed(self.era, self.server.name(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_id_and_an_outcome() {
        let id = Id::from_raw(b"1").unwrap();
        for (message, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, true),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}}"#, true),
            (r#"{"jsonrpc":"2.0","id":"1","result":{}}"#, false),
            (r#"{"jsonrpc":"2.0","id":2,"result":{}}"#, false),
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1}}"#, false),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, false),
            (r#"{"jsonrpc":"2.0","id":1}"#, false),
            ("<html>", false),
        ] {
            assert_eq!(answers(message.as_bytes(), &id), expected, "{message}");
        }
    }
}
