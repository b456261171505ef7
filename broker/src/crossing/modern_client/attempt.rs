//! One request to a legacy server, and what comes back for it.

use super::session::Pooled;
use crate::bridge::{answers, collect};
use crate::upstream::{ANSWER_LIMIT, EventStream, Position, Reply, UpstreamError};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use protocol::http::Media;
use protocol::jsonrpc::Id;
use std::sync::Arc;

/// Messages of the server, an empty one when its answer begins; an error is the end.
pub(super) type Messages = BoxStream<'static, Result<String, UpstreamError>>;

/// Sends a request with this `id` and gives what the server says to it. Its first and last word may be
/// [`UpstreamError::SessionLost`]: then it has not seen the request.
pub(super) fn send(session: Arc<Pooled>, id: Id, request: String) -> Messages {
    let sent = async move {
        let reply = session.server.client().post_patiently(&session.leg, Bytes::from(request)).await?;
        read(&session, &id, reply).await
    };
    stream::once(sent).try_flatten().boxed()
}

async fn read(session: &Arc<Pooled>, id: &Id, reply: Reply) -> Result<Messages, UpstreamError> {
    let (status, media, success) = (reply.status, reply.media, reply.is_success());
    if success {
        session.session.mark_worked();
        if media == Some(Media::Sse) {
            let events = resumed(Arc::clone(session), reply.body.events(ANSWER_LIMIT));
            return Ok(stream::once(async { Ok(String::new()) }).chain(events).boxed());
        }
    }
    // An HTTP error may still carry the answer; only one that does not can mean that the session is gone.
    if media == Some(Media::Json) {
        let message = collect(reply.body).await?;
        if answers(&message, id) {
            let message = String::from_utf8(message).map_err(|_| UpstreamError::Malformed("text that is not UTF-8"))?;
            return Ok(stream::once(async { Ok(message) }).boxed());
        }
    }
    Err(match (success, media) {
        (true, Some(_)) => UpstreamError::Malformed("no answer to the request, or one with another id"),
        (true, None) => UpstreamError::Media,
        (false, _) if session.session.lost(status) => {
            session.is_lost();
            UpstreamError::SessionLost
        }
        (false, _) => UpstreamError::Status(status),
    })
}

/// The events of a stream, which goes on where it was when the server or the network ends it, if the server does that.
fn resumed(session: Arc<Pooled>, events: EventStream) -> Messages {
    let start = (session, events, Position::default());
    stream::unfold(Some(start), async |open| {
        let (session, mut events, mut position) = open?;
        loop {
            let ended = match events.next().await {
                Some(Ok(event)) => {
                    position.note(&event);
                    return Some((Ok(event.data), Some((session, events, position))));
                }
                Some(Err(error)) => error,
                None => UpstreamError::Closed,
            };
            let Some(last) = position.again().await else { return Some((Err(ended), None)) };
            match session.server.client().resume(&session.leg, &last).await {
                Ok(Some(body)) => events = body.events(ANSWER_LIMIT),
                Ok(None) => return Some((Err(ended), None)),
                // It is tried again as long as the position allows.
                Err(error) => tracing::debug!(server = session.server.name(), %error, "a stream could not be resumed"),
            }
        }
    })
    .boxed()
}
