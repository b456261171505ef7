//! The GET streams of legacy clients, and the end of their sessions.

use super::endpoint::text;
use super::internal::missing_session;
use super::scope::Scope;
use super::{App, keepalive, reply};
use crate::bridge;
use crate::caller::Caller;
use crate::catalog::Group;
use crate::resolve;
use crate::session::{Reading, Session};
use crate::upstream::Changes;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use protocol::era::Era;
use protocol::error::Refusal;
use protocol::http::header as names;
use protocol::route::Head;
use protocol::sse;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Opens a stream, or resumes one: what the client's servers send on theirs, and changes of the lists.
pub(super) async fn open(app: &Arc<App>, head: &Head<'_>, headers: &HeaderMap) -> Result<Response, Refusal> {
    let (session, caller) = find(app, head, headers).await?;
    let unknown = |refusal: Refusal| Refusal::transport(400, refusal.code, refusal.message);
    let scope = Scope::of(app, Era::Legacy, headers).map_err(unknown)?;
    if let Some(last) = text(headers, names::LAST_EVENT_ID)
        && let Some(resumed) = resumed(app, &session, last).await
    {
        return Ok(resumed);
    }
    let reading = session.streams.open();
    for upstream in session.open_upstreams() {
        let session = Arc::clone(&session);
        tokio::spawn(async move { upstream.listen(&session).await });
    }
    Ok(reply::stream(events(app, session, caller, reading, scope)))
}

/// The stream of a call that the client lost, after the event that it got last: its id names the server that gave it.
async fn resumed(app: &Arc<App>, session: &Arc<Session>, last: &str) -> Option<Response> {
    let (server, last) = last.split_once(':')?;
    let upstream = session.open_upstream(server).await?;
    let rules = resolve::rules(&app.registry, &upstream.server);
    bridge::resume(session, upstream, last, rules).await
}

/// Ends a session.
pub(super) async fn delete(app: &Arc<App>, head: &Head<'_>, headers: &HeaderMap) -> Result<Response, Refusal> {
    let (session, _) = find(app, head, headers).await?;
    app.sessions.end(&session, &app.limits()).await;
    Ok(reply::empty(200))
}

async fn find(app: &App, head: &Head<'_>, headers: &HeaderMap) -> Result<(Arc<Session>, Caller), Refusal> {
    let caller = Caller::of(&app.gateway(), headers)?;
    let session = app.sessions.find(head.session.ok_or_else(missing_session)?, &caller, &app.limits()).await?;
    Ok((session, caller))
}

/// What the client's servers send on their streams, and changes of the lists, until the session ends.
pub(super) fn events(
    app: &Arc<App>,
    session: Arc<Session>,
    caller: Caller,
    mut reading: Reading,
    scope: Scope,
) -> impl Stream<Item = Bytes> + Send + use<> {
    let (sender, receiver) = mpsc::channel(1);
    let mut changes = Changes::new(&app.registry, Era::Legacy, caller);
    let (mut scope, ending) = (scope.follow(app), app.ending.clone());
    tokio::spawn(async move {
        // The head of an answer goes out with its first bytes.
        let mut next = Some(keepalive::COMMENT);
        let ended = session.ended();
        loop {
            if let Some(event) = next.take()
                && sender.send(event).await.is_err()
            {
                return;
            }
            tokio::select! {
                event = reading.next() => next = event,
                groups = changes.next() => {
                    let Some(groups) = groups else { return };
                    if !tell(&reading, &sender, groups).await {
                        return;
                    }
                }
                groups = scope.changed() => {
                    if !tell(&reading, &sender, groups).await {
                        return;
                    }
                }
                () = ended.cancelled() => return,
                () = ending.cancelled() => return,
                () = sender.closed() => return,
            }
        }
    });
    keepalive::with_comments(receiver)
}

/// Tells of lists that have changed. `false` if nobody reads it.
async fn tell(reading: &Reading, client: &mpsc::Sender<Bytes>, groups: Vec<Group>) -> bool {
    for group in groups {
        // Of several streams only one tells.
        if reading.is_newest() && client.send(list_changed(group)).await.is_err() {
            return false;
        }
    }
    true
}

fn list_changed(group: Group) -> Bytes {
    sse::frame(&format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{}\"}}", group.notification())).into()
}
