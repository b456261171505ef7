//! What clients tell servers: answers and notifications.

use crate::session::{Session, Upstream};
use axum::http::HeaderMap;
use bytes::Bytes;
use protocol::naming::{Tagged, untag};
use protocol::request::Envelope;
use std::ops::Range;
use std::sync::Arc;

/// Takes an answer of the client to the server that asked, with the id that the server gave. An answer to nobody is dropped.
pub(super) fn answer(session: &Arc<Session>, to: Tagged, id: &Range<u64>, body: &Bytes) {
    if let Some(body) = replace(body, id, to.raw.as_bytes()) {
        tokio::spawn(send_to(Arc::clone(session), to.server, body));
    }
}

/// Takes an answer of the client, which carries the id that the server gave already, to that server.
pub(super) fn restored_answer(session: &Arc<Session>, server: &str, body: &Bytes) {
    tokio::spawn(send_to(Arc::clone(session), server.to_owned(), body.clone()));
}

/// Takes a notification where it belongs. The client does not wait for it.
pub(super) fn notification(session: &Arc<Session>, envelope: &Envelope, body: &Bytes) {
    match envelope.method.as_deref().unwrap_or_default() {
        // Ids are the client's own and unique in its session: only the server that runs the request knows it.
        "notifications/cancelled" | "notifications/roots/list_changed" => {
            let (session, body) = (Arc::clone(session), body.clone());
            tokio::spawn(async move {
                let upstreams = session.upstreams().await;
                futures::future::join_all(upstreams.iter().map(|u| send(u, body.clone()))).await;
            });
        }
        "notifications/progress" => {
            let Some(token) = &envelope.progress_token else { return };
            let Some(to) = untag(&token.bytes) else { return };
            let Some(body) = replace(body, &token.span, to.raw.as_bytes()) else { return };
            tokio::spawn(send_to(Arc::clone(session), to.server, body));
        }
        _ => {}
    }
}

async fn send_to(session: Arc<Session>, server: String, body: Bytes) {
    match session.open_upstream(&server).await {
        Some(upstream) => send(&upstream, body).await,
        None => tracing::debug!(server, "a message for a server without a session was dropped"),
    }
}

async fn send(upstream: &Upstream, body: Bytes) {
    match upstream.server.client().post(&upstream.leg, body, &HeaderMap::new()).await {
        Ok(reply) if reply.is_success() => {}
        Ok(reply) => {
            tracing::debug!(server = upstream.server.name(), status = reply.status, "a server refused a notice");
        }
        Err(error) => tracing::warn!(server = upstream.server.name(), %error, "a server could not be told"),
    }
}

/// `body` with other bytes in the place of a value.
fn replace(body: &[u8], span: &Range<u64>, with: &[u8]) -> Option<Bytes> {
    let (start, end) = (usize::try_from(span.start).ok()?, usize::try_from(span.end).ok()?);
    Some([body.get(..start)?, with, body.get(end..)?].concat().into())
}
