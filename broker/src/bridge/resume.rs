//! A stream that broke between the gateway and its client, from the event on that the client got last.

use super::level::Leveller;
use crate::downstream::keepalive;
use crate::downstream::reply;
use crate::session::{Session, Upstream};
use crate::upstream::{Body, UpstreamError};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::answer::{Editor, Rules};
use protocol::http::Media;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Chunks that wait for a client that reads slowly.
const QUEUE: usize = 16;

/// How often a stream is asked for that the server still takes for open, and how long to wait in between.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// What the server sends after its event `last`, up to the end of the stream that it belongs to. `None` if the server does not
/// resume it.
pub(crate) async fn resume(
    session: &Arc<Session>,
    upstream: Arc<Upstream>,
    last: &str,
    rules: Rules,
) -> Option<Response> {
    let mut body = rest(&upstream, last).await?;
    let (sender, receiver) = mpsc::channel::<Bytes>(QUEUE);
    let ended = session.ended();
    let mut level = Leveller::new(session.revision, &upstream.session.protocol_version);
    tokio::spawn(async move {
        let mut editor = Editor::new(Media::Sse, rules);
        // The head of an answer goes out with its first bytes.
        let mut out = keepalive::COMMENT.to_vec();
        loop {
            if !out.is_empty() && sender.send(std::mem::take(&mut out).into()).await.is_err() {
                return;
            }
            let chunk = tokio::select! {
                chunk = body.next() => chunk,
                () = ended.cancelled() => None,
                () = sender.closed() => None,
            };
            let Some(Ok(chunk)) = chunk else { return };
            editor.push(&chunk, &mut out);
            if editor.list_changed() {
                upstream.lists_changed();
            }
            let Ok(levelled) = level.push(out) else { return };
            out = levelled;
        }
    });
    Some(reply::stream(keepalive::with_comments(receiver)))
}

/// The stream from the server. Some give it once only, and may not have noticed yet that its first reader went away.
async fn rest(upstream: &Upstream, last: &str) -> Option<Body> {
    for _ in 0..TRIES {
        match upstream.server.client().resume(&upstream.leg, last).await {
            Ok(resumed) => return resumed,
            Err(UpstreamError::Status(409)) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::debug!(server = upstream.server.name(), %error, "a stream could not be resumed");
                return None;
            }
        }
    }
    None
}
