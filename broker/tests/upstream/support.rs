//! A registry over fake servers, and waiting for what it comes to see.

use broker::caller::Caller;
use broker::catalog::Kind;
use broker::status::{ServerStatus, State};
use broker::upstream::{Registry, View};
use protocol::config::{Gateway, Server};
use protocol::era::Era;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A registry and the hand on its configuration.
pub(crate) struct Rig {
    pub(crate) registry: Registry,
    config: watch::Sender<Arc<Gateway>>,
}

fn gateway(servers: Vec<Server>) -> Arc<Gateway> {
    Arc::new(Gateway { servers, ..Gateway::default() })
}

/// Starts a registry for these servers.
pub(crate) fn rig(servers: Vec<Server>) -> Rig {
    let (config, followed) = watch::channel(gateway(servers));
    Rig { registry: Registry::start(followed), config }
}

impl Rig {
    pub(crate) fn configure(&self, servers: Vec<Server>) {
        self.config.send_replace(gateway(servers));
    }

    /// The registry with fresh lists, as those see it who show nothing of themselves.
    pub(crate) async fn refreshed(&self) -> Arc<View> {
        self.registry.seen_by(Era::Modern, &Caller::default()).await.view
    }

    /// Waits for a view in which something is so.
    pub(crate) async fn sees(&self, what: &str, so: impl Fn(&View) -> bool) -> Arc<View> {
        let mut views = self.registry.views();
        match tokio::time::timeout(PATIENCE, views.wait_for(|view| so(view))).await {
            Ok(view) => view.unwrap().clone(),
            Err(_) => panic!("waited in vain for {what}: {:#?}", *self.registry.status().borrow()),
        }
    }

    /// Waits until clients of `era` see exactly these tools.
    pub(crate) async fn sees_tools(&self, era: Era, tools: &[&str]) -> Arc<View> {
        self.sees(&format!("{tools:?}"), |view| names(view, era, Kind::Tools) == tools).await
    }

    /// Waits until a server is in this state.
    pub(crate) async fn is(&self, server: &str, state: State) -> ServerStatus {
        let mut status = self.registry.status();
        let find = |all: &broker::status::Status| all.servers.iter().find(|s| s.name == server).cloned();
        let wait = status.wait_for(|all| find(all).is_some_and(|s| s.state == state));
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(all) => find(&all.unwrap()).unwrap(),
            Err(_) => panic!("{server} did not become {state:?}: {:#?}", *self.registry.status().borrow()),
        }
    }
}

/// The names in a list, as clients see them.
pub(crate) fn names(view: &View, era: Era, kind: Kind) -> Vec<String> {
    view.catalog.list(era, kind).iter().map(|item| item.name.to_string()).collect()
}
