//! Updates of legacy servers' resources, for modern clients' subscriptions.
//!
//! All subscriptions to one server share a session: a resource is subscribed to once, for as long as anybody listens.

use super::Inner;
use super::pool::Lease;
use super::session::Pooled;
use crate::upstream::{Server, UpstreamError};
use futures::stream::{BoxStream, unfold};
use futures::{Stream, StreamExt as _};
use protocol::caller::Principal;
use protocol::json::{Object, quote};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// The server's own URIs that it granted, and its messages about them.
type Subscription = (BTreeSet<String>, BoxStream<'static, String>);

/// What is subscribed to, by server.
#[derive(Default)]
pub(super) struct Hubs(std::sync::Mutex<HashMap<Whose, Arc<Hub>>>);

/// A server's name, and whose it is if it tells callers apart.
type Whose = (String, Option<Principal>);

/// The subscriptions to one server.
#[derive(Default)]
struct Hub(tokio::sync::Mutex<Subscribed>);

#[derive(Default)]
struct Subscribed {
    lease: Option<Lease>,
    /// How many listen to a resource.
    wanted: BTreeMap<String, usize>,
}

/// Resources that somebody listens to. Dropping it ends that.
struct Wanting {
    inner: Arc<Inner>,
    hub: Arc<Hub>,
    session: Arc<Pooled>,
    uris: BTreeSet<String>,
}

impl super::LegacyServers {
    /// Subscribes to resources by the server's own URIs. Gives those that it granted, and its messages from then on until
    /// its session ends.
    pub(crate) async fn subscribe(&self, server: &Arc<Server>, uris: &BTreeSet<String>) -> Option<Subscription> {
        // Goes on if nobody waits for it any more: a session may be opened.
        let subscribing = subscribe(Arc::clone(&self.0), Arc::clone(server), uris.clone());
        self.0.tasks.spawn(subscribing).await.ok().flatten()
    }
}

async fn subscribe(inner: Arc<Inner>, server: Arc<Server>, uris: BTreeSet<String>) -> Option<Subscription> {
    let hub = inner.hubs.of(&server);
    let mut subscribed = hub.0.lock().await;
    subscribed.open(&inner, &server).await?;
    let session = Arc::clone(&subscribed.lease.as_ref()?.session);
    if !session.session.capabilities.resources.is_some_and(|resources| resources.subscribe) {
        subscribed.lease = None;
        return None;
    }
    let updates = session.updates();
    let mut wanting = Wanting { inner, hub: Arc::clone(&hub), session: Arc::clone(&session), uris: BTreeSet::new() };
    for uri in uris {
        if !subscribed.wanted.contains_key(&uri) {
            let asked = server.client().request(&session.leg, "resources/subscribe", Some(&params(&uri))).await;
            if let Err(error) = asked {
                tracing::debug!(server = server.name(), %error, "a subscription was refused");
                if error == UpstreamError::SessionLost {
                    session.is_lost();
                    return None;
                }
                continue;
            }
        }
        *subscribed.wanted.entry(uri.clone()).or_default() += 1;
        wanting.uris.insert(uri);
    }
    if wanting.uris.is_empty() {
        return None;
    }
    let granted = wanting.uris.clone();
    let updates = updates_of(updates, session.ended().clone(), granted.clone()).boxed();
    let held = unfold((updates, wanting), async |(mut updates, wanting)| {
        let next = updates.next().await?;
        Some((next, (updates, wanting)))
    });
    Some((granted, held.boxed()))
}

/// The updates of these resources and of what is below them.
fn updates_of(
    updates: broadcast::Receiver<String>,
    ended: tokio_util::sync::CancellationToken,
    uris: BTreeSet<String>,
) -> impl Stream<Item = String> + Send {
    unfold((updates, ended, uris, Vec::new()), async |(mut updates, ended, uris, mut missed)| {
        loop {
            if let Some(message) = missed.pop() {
                return Some((message, (updates, ended, uris, missed)));
            }
            let heard = tokio::select! {
                heard = updates.recv() => heard,
                () = ended.cancelled() => return None,
            };
            match heard {
                Ok(message) if concerns(&message, &uris) => return Some((message, (updates, ended, uris, missed))),
                Ok(_) => {}
                // Any of them may have changed.
                Err(RecvError::Lagged(_)) => missed = uris.iter().map(|uri| updated(uri)).collect(),
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

/// Whether a message tells of one of these resources, or of one below.
fn concerns(message: &str, uris: &BTreeSet<String>) -> bool {
    let told = Object::read(message)
        .filter(|message| message.text("method").as_deref() == Some("notifications/resources/updated"))
        .and_then(|message| Object::read(message.get("params")?)?.text("uri"));
    told.is_some_and(|told| uris.iter().any(|uri| is_at_or_below(&told, uri)))
}

fn is_at_or_below(uri: &str, above: &str) -> bool {
    uri.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || above.ends_with('/') || rest.starts_with(['/', '?', '#']))
}

fn params(uri: &str) -> String {
    format!("{{\"uri\":{}}}", quote(uri))
}

fn updated(uri: &str) -> String {
    let params = params(uri);
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{params}}}")
}

impl Hubs {
    fn of(&self, server: &Arc<Server>) -> Arc<Hub> {
        let mut hubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody holds are of no use.
        hubs.retain(|_, hub| Arc::strong_count(hub) > 1);
        Arc::clone(hubs.entry((server.name().to_owned(), server.principal().cloned())).or_default())
    }
}

impl Subscribed {
    /// Has a session that lives, with this server as it is configured now.
    async fn open(&mut self, inner: &Arc<Inner>, server: &Arc<Server>) -> Option<()> {
        let lives = |lease: &Lease| !lease.session.ended().is_cancelled() && lease.session.server.is(server);
        if self.lease.as_ref().is_some_and(lives) {
            return Some(());
        }
        self.wanted.clear();
        let lease = inner.pool.lease(&inner.key(server, "{}"), inner.limits().pooled_sessions).await;
        let lease = lease.inspect_err(|refusal| tracing::warn!(server = server.name(), "{}", refusal.message)).ok()?;
        self.lease = Some(lease);
        Some(())
    }
}

impl Drop for Wanting {
    fn drop(&mut self) {
        let (inner, hub, session) = (Arc::clone(&self.inner), Arc::clone(&self.hub), Arc::clone(&self.session));
        let uris = std::mem::take(&mut self.uris);
        self.inner.tasks.spawn(async move {
            let mut subscribed = hub.0.lock().await;
            let current = subscribed.lease.as_ref().is_some_and(|lease| Arc::ptr_eq(&lease.session, &session));
            if !current || session.ended().is_cancelled() {
                return;
            }
            for uri in &uris {
                let Some(count) = subscribed.wanted.get_mut(uri) else { continue };
                *count -= 1;
                if *count == 0 {
                    subscribed.wanted.remove(uri);
                    let params = params(uri);
                    let gone = session.server.client().request(&session.leg, "resources/unsubscribe", Some(&params));
                    let _ = inner.ending.run_until_cancelled(gone).await;
                }
            }
            if subscribed.wanted.is_empty() {
                subscribed.lease = None;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_resource_concerns_who_listens_to_it() {
        let uris = BTreeSet::from(["file:///a".to_owned(), "x://b/".to_owned()]);
        for (uri, expected) in
            [("file:///a", true), ("file:///a/c", true), ("file:///ab", false), ("x://b/c", true), ("file:///", false)]
        {
            assert_eq!(concerns(&updated(uri), &uris), expected, "{uri}");
        }
        assert!(!concerns(r#"{"method":"notifications/tools/list_changed"}"#, &uris));
    }
}
