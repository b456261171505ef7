//! What clients tell servers: answers and notifications.

use super::endpoint::Posted;
use super::splice::Splice;
use super::{App, extension};
use crate::resolve;
use crate::session::{Session, Upstream};
use axum::http::HeaderMap;
use bytes::Bytes;
use protocol::request::Envelope;
use std::sync::Arc;

/// Takes an answer of the client to the server that asked, with what `splice` has to change. An answer to nobody is dropped.
pub(super) fn answer(app: &App, session: &Arc<Session>, server: &str, mut splice: Splice, posted: &Posted<'_>) {
    let Some(asked) = app.registry.get(server) else { return };
    posted.restore(&mut splice, &resolve::rules(&app.registry, &asked));
    if let Some(body) = splice.apply(&posted.body) {
        tokio::spawn(send_to(Arc::clone(session), server.to_owned(), body));
    }
}

/// Takes a notification where it belongs. The client does not wait for it.
pub(super) fn notification(app: &App, session: &Arc<Session>, envelope: &Envelope, body: &Bytes) {
    let mut splice = Splice::default();
    // A task's notifications belong to its server.
    let of_task = envelope.related_task().and_then(|task| splice.untag(task));
    let method = envelope.method.as_deref().unwrap_or_default();
    let to = match method {
        "notifications/progress" => {
            let made = envelope.progress_token.as_ref().and_then(|token| splice.untag(token));
            let Some(server) = made else { return };
            Some(server)
        }
        "notifications/cancelled" => of_task,
        "notifications/roots/list_changed" => None,
        "notifications/initialized" => return,
        _ => {
            let owner = of_task.or_else(|| Some(extension::notified(app, session, method)?.name().to_owned()));
            let Some(server) = owner else { return };
            Some(server)
        }
    };
    let (Some(body), session) = (splice.apply(body), Arc::clone(session)) else { return };
    match to {
        Some(server) => _ = tokio::spawn(send_to(session, server, body)),
        // Ids are the client's own and unique in its session: only the server that runs the request knows it.
        None => {
            tokio::spawn(async move {
                let upstreams = session.upstreams().await;
                futures::future::join_all(upstreams.iter().map(|u| send(u, body.clone()))).await;
            });
        }
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
