//! Who is told that the list of tools changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::{Peer, RoleServer, service::SubscriptionContext};
use tokio::sync::watch;

/// All legacy sessions, and all open `subscriptions/listen` requests of 2026-07-28.
#[derive(Default)]
pub(super) struct Listeners {
    sessions: Mutex<Vec<Peer<RoleServer>>>,
    changes: watch::Sender<()>,
}

impl Listeners {
    /// Adds a legacy session, which is told until it ends.
    pub(super) fn add_session(&self, peer: Peer<RoleServer>) {
        let mut sessions = self.live_sessions();
        sessions.push(peer);
    }

    /// Tells one subscription of 2026-07-28 until its client ends it.
    pub(super) async fn serve_subscription(&self, subscription: &SubscriptionContext) {
        let mut changes = self.changes.subscribe();
        let tell = async {
            while changes.changed().await.is_ok() && subscription.sink().notify_tool_list_changed().await.is_ok() {}
        };
        if subscription.accepted().tools_list_changed == Some(true) {
            tokio::select! {
                () = tell => {}
                () = subscription.cancelled() => {}
            }
        } else {
            subscription.cancelled().await;
        }
    }

    /// Tells everybody that the list of tools changed.
    pub(super) async fn tools_changed(&self) {
        self.changes.send_replace(());
        let sessions = self.live_sessions().clone();
        for peer in sessions {
            // A session that ends meanwhile needs no news.
            let _ = peer.notify_tool_list_changed().await;
        }
    }

    fn live_sessions(&self) -> MutexGuard<'_, Vec<Peer<RoleServer>>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|peer| !peer.is_transport_closed());
        sessions
    }
}
