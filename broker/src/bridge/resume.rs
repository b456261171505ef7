//! A stream that broke between the gateway and its client, from the event on that the client got last.

use super::level::Leveller;
use crate::downstream::keepalive;
use crate::downstream::reply;
use crate::session::{Session, Upstream};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::answer::{Editor, Rules};
use protocol::http::Media;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Chunks that wait for a client that reads slowly.
const QUEUE: usize = 16;

/// What the server sends after its event `last`, up to the end of the stream that it belongs to. `None` if the server does not
/// resume it.
pub(crate) async fn resume(
    session: &Arc<Session>,
    upstream: Arc<Upstream>,
    last: &str,
    rules: Rules,
) -> Option<Response> {
    let resumed = upstream.server.client().resume(&upstream.leg, last).await;
    let mut body = resumed.inspect_err(|error| tracing::debug!(%error, "a stream could not be resumed")).ok()??;
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
