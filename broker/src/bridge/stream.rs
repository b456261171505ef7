//! A server's stream of events, passed on as it is flushed.

use super::deliver::Delivery;
use crate::downstream::keepalive;
use crate::downstream::reply;
use crate::upstream::{ANSWER_LIMIT, Body, Cursor, UpstreamError};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::answer::Editor;
use protocol::era::Era;
use protocol::error::Refusal;
use protocol::http::Media;
use protocol::sse;
use std::time::Duration;
use tokio::sync::mpsc;

/// Chunks that wait for a client that reads slowly.
const QUEUE: usize = 16;

/// How long a legacy server may go on for a client that went away: leaving is not cancelling.
const DRAIN: Duration = Duration::from_secs(15 * 60);

/// The stream as the client's.
pub(super) fn forward(delivery: Delivery, body: Body) -> Response {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(pump(delivery, body, sender));
    reply::stream(keepalive::with_comments(receiver))
}

async fn pump(mut delivery: Delivery, mut body: Body, client: mpsc::Sender<Bytes>) {
    let mut editor = Editor::new(Media::Sse, delivery.rules.clone()).expect(delivery.id.clone());
    let mut cursor = Cursor::default();
    let gone = gone(&client, delivery.era);
    tokio::pin!(gone);
    let refused = loop {
        let chunk = tokio::select! {
            chunk = body.next() => chunk,
            () = delivery.ended.cancelled() => {
                let message = format!("The session ended before server {} answered.", delivery.server.name());
                break Some(Refusal::upstream(delivery.era, message));
            }
            () = &mut gone => return,
            // It asks for the rest, which a server may refuse as long as somebody else reads it.
            () = client.closed(), if delivery.resumes && cursor.position().is_known() => return,
        };
        let chunk = match chunk {
            Some(Ok(chunk)) => chunk,
            // Whoever cancelled it waits for nothing.
            Some(Err(UpstreamError::Cancelled)) => return,
            // The server has its client come back for the rest, as one does that answers late.
            None if delivery.resumes && cursor.position().is_known() => break None,
            ended => {
                let error = ended.and_then(Result::err).unwrap_or(UpstreamError::Closed);
                // A client that went away asks for the rest itself.
                if editor.answered() || client.is_closed() {
                    break Some(delivery.failed(&error));
                }
                let end: &'static [u8] = if cursor.cut() { b"\n\n" } else { b"" };
                let resumed = tokio::select! {
                    resumed = delivery.resume(cursor.position()) => resumed,
                    () = delivery.ended.cancelled() => None,
                };
                let Some(resumed) = resumed else { break Some(delivery.failed(&error)) };
                body = resumed;
                Bytes::from_static(end)
            }
        };
        cursor.push(&chunk);
        let mut out = Vec::with_capacity(chunk.len() + 64);
        editor.push(&chunk, &mut out);
        delivery.note(&editor);
        let Ok(out) = delivery.level.push(out) else {
            break Some(delivery.failed(&UpstreamError::TooLarge(ANSWER_LIMIT)));
        };
        if !out.is_empty() && client.send(out.into()).await.is_err() && delivery.era == Era::Modern {
            return;
        }
    };
    let mut last = Vec::new();
    editor.finish(&mut last);
    let refused = refused.filter(|_| !editor.answered());
    if refused.is_some() {
        editor.void(&mut last);
    }
    let mut last = delivery.level.push(last).unwrap_or_default();
    if let Some(refusal) = refused {
        tracing::warn!(server = delivery.server.name(), reason = %refusal.message, "a stream ended before its answer");
        last.extend_from_slice(sse::frame(&refusal.body(Some(&delivery.id))).as_bytes());
    }
    if !last.is_empty() {
        let _ = client.send(last.into()).await;
    }
}

/// Resolves when the client's going away ends the stream: at once for a modern one, whose closing cancels the request.
async fn gone(client: &mpsc::Sender<Bytes>, era: Era) {
    client.closed().await;
    if era == Era::Legacy {
        tokio::time::sleep(DRAIN).await;
    }
}
