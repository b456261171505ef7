//! When what a client sees of lists changes.

use super::registry::{Registry, View};
use super::server::{Server, Snapshot};
use crate::caller::Caller;
use crate::catalog::{Group, Kind, List};
use futures::future::select_all;
use protocol::era::Era;
use std::sync::Arc;
use tokio::sync::watch;

/// Tells one client when the lists changed that it sees: those of all, and those that servers give to it alone.
pub struct Changes {
    era: Era,
    caller: Caller,
    views: watch::Receiver<Arc<View>>,
    seen: [u64; 3],
    own: Vec<Own>,
}

/// A server that tells callers apart, as the client sees it.
struct Own {
    server: Arc<Server>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    seen: Arc<Snapshot>,
    #[expect(dead_code, reason = "holding it is what matters")]
    need: Arc<()>,
}

impl Changes {
    /// Those from now on.
    pub fn new(registry: &Registry, era: Era, caller: Caller) -> Self {
        let mut changes = Self { era, caller, views: registry.views(), seen: [0; 3], own: Vec::new() };
        changes.look();
        changes
    }

    /// Waits for the next ones. `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Vec<Group>> {
        loop {
            let own = self.own.iter_mut().map(|own| Box::pin(own.snapshots.changed()));
            let own: Vec<_> = own.collect();
            let told = async {
                if own.is_empty() {
                    return std::future::pending().await;
                }
                let (told, at, _) = select_all(own).await;
                (told.is_ok(), at)
            };
            let changed = tokio::select! {
                changed = self.views.changed() => {
                    changed.ok()?;
                    let before = self.seen;
                    self.look();
                    Group::ALL.into_iter().filter(|group| before[*group as usize] != self.seen[*group as usize]).collect()
                }
                (alive, at) = told => match alive {
                    true => self.own[at].changed(self.era),
                    // Its server is not configured any more, as the next view says.
                    false => { self.own.remove(at); Vec::new() }
                },
            };
            if !changed.is_empty() {
                return Some(changed);
            }
        }
    }

    /// Notes what is there now.
    fn look(&mut self) {
        let view = self.views.borrow_and_update().clone();
        self.seen = Group::ALL.map(|group| view.catalog.version(self.era, group));
        let seen_by = |server: &Arc<Server>| server.seen_by(self.era, &self.caller).ok();
        let servers: Vec<_> = view.servers.iter().filter_map(seen_by).filter(|s| s.principal().is_some()).collect();
        self.own.retain(|own| servers.iter().any(|server| Arc::ptr_eq(server, &own.server)));
        for server in servers {
            if !self.own.iter().any(|own| Arc::ptr_eq(&own.server, &server)) {
                let mut snapshots = server.snapshots();
                let seen = snapshots.borrow_and_update().clone();
                self.own.push(Own { need: server.need(), server, snapshots, seen });
            }
        }
    }
}

impl Own {
    /// The groups of lists that are others than they were.
    fn changed(&mut self, era: Era) -> Vec<Group> {
        let now = self.snapshots.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.seen, Arc::clone(&now));
        let list = |snapshot: &Snapshot, kind| shown(snapshot, era, kind);
        let differs = |kind: &Kind| !list(&before, *kind).shows_as(&list(&now, *kind));
        let kinds: Vec<_> = Kind::ALL.into_iter().filter(differs).collect();
        Group::ALL.into_iter().filter(|group| kinds.iter().any(|kind| kind.group() == *group)).collect()
    }
}

/// What clients of `era` see of a list.
pub(crate) fn shown(snapshot: &Snapshot, era: Era, kind: Kind) -> Arc<List> {
    let offer = snapshot.way(era, false).and_then(|way| snapshot.offer(era, way));
    offer.filter(|_| snapshot.is_ready()).map_or_else(|| Arc::new(List::empty()), |offer| Arc::clone(offer.list(kind)))
}
