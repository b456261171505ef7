//! The messages of an answer, for those who send them on in a stream of their own.

use super::endpoint::Posted;
use super::{App, legacy};
use crate::session::Session;
use crate::upstream::ANSWER_LIMIT;
use axum::body::BodyDataStream;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures::StreamExt as _;
use protocol::era::Era;
use protocol::error::Refusal;
use protocol::http::Media;
use protocol::route::verify;
use protocol::sse::Decoder;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a message of a client is answered with, one message after the other.
pub(super) struct Messages {
    ready: VecDeque<String>,
    rest: Rest,
}

/// What has not come yet.
enum Rest {
    Nothing,
    /// The bytes of one message.
    Json(BodyDataStream),
    Events(BodyDataStream, Box<Decoder>),
}

/// Answers a message of a session.
pub(super) async fn answer(app: &Arc<App>, session: &Arc<Session>, posted: &Posted<'_>) -> Messages {
    let answer = async {
        let kind = verify(Era::Legacy, &posted.head, &posted.envelope)?;
        legacy::message(app, session, posted, kind).await
    };
    Messages::from(answer.await, posted)
}

impl Messages {
    /// Those that answer a message.
    pub(super) fn from(answer: Result<Response, Refusal>, posted: &Posted<'_>) -> Self {
        match answer {
            Ok(response) => Self::of(response),
            Err(refusal) => Self::one(refusal.body(posted.id())),
        }
    }

    /// A single one.
    pub(super) fn one(message: String) -> Self {
        Self { ready: VecDeque::from([message]), rest: Rest::Nothing }
    }

    /// Those of an answer of this endpoint.
    fn of(response: Response) -> Self {
        let media = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media = Media::parse(media);
        let body = response.into_body().into_data_stream();
        let rest = match media {
            Some(Media::Sse) => Rest::Events(body, Box::new(Decoder::new(ANSWER_LIMIT))),
            Some(Media::Json) => Rest::Json(body),
            None => Rest::Nothing,
        };
        Self { ready: VecDeque::new(), rest }
    }

    /// Whether they come one by one.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.rest, Rest::Events(..))
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            match &mut self.rest {
                Rest::Nothing => return None,
                Rest::Json(body) => {
                    let mut all = Vec::new();
                    while let Some(Ok(chunk)) = body.next().await {
                        all.extend_from_slice(&chunk);
                    }
                    self.rest = Rest::Nothing;
                    self.ready.push_back(String::from_utf8_lossy(&all).into_owned());
                }
                Rest::Events(body, decoder) => {
                    let chunk = body.next().await.and_then(Result::ok);
                    match chunk.and_then(|chunk| decoder.push(&chunk).ok()) {
                        Some(events) => {
                            let data = events.into_iter().map(|event| event.data);
                            self.ready.extend(data.filter(|data| !data.is_empty()));
                        }
                        None => self.rest = Rest::Nothing,
                    }
                }
            }
        }
    }
}
