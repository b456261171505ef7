//! Applying a changed declaration to a running gateway without losing a call.
//!
//! New clusters come first, then routes to them, then the broker, which tells the filter. Old routes go when the filter has
//! forgotten them and calls that take them have had time to begin, old clusters last.

use crate::console;
use crate::envoy::{Admin, Versions};
use crate::follow::Changes;
use controller::render::{Layout, Rendered, Routes, render, routed};
use controller::sink::Folder;
use controller::source::Declaration;
use protocol::config::Gateway;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How long Envoy may take to take up a file.
const UPTAKE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
/// How long routes and clusters stay that the broker has forgotten. The filter forgets them within two seconds.
const DRAIN: Duration = Duration::from_secs(5);

/// The parts that a change goes to.
pub(crate) struct Applier {
    pub(crate) layout: Layout,
    pub(crate) folder: Folder,
    pub(crate) admin: Admin,
    pub(crate) gateway: watch::Sender<Arc<Gateway>>,
    /// What is in force.
    pub(crate) rendered: Rendered,
    /// What the file said about the listener when the gateway started.
    pub(crate) listen: SocketAddr,
}

impl Applier {
    /// Applies every change, for ever.
    pub(crate) async fn follow(mut self, mut changes: Changes) {
        let mut drained: Option<Instant> = None;
        loop {
            let deadline = drained.unwrap_or_else(Instant::now);
            tokio::select! {
                declaration = changes.next() => {
                    drained = Some(Instant::now() + DRAIN);
                    match self.apply(declaration).await {
                        Ok(()) => console::say("The changed configuration is in force."),
                        Err(error) => console::complain(&format!("the changed configuration is not in force: {error}")),
                    }
                }
                () = sleep_until(deadline), if drained.is_some() => {
                    drained = None;
                    if let Err(error) = self.tidy().await {
                        console::complain(&format!("routes and clusters that are no longer needed stay: {error}"));
                    }
                }
            }
        }
    }

    async fn apply(&mut self, declaration: Declaration) -> Result<(), String> {
        if declaration.listen != self.listen {
            console::complain(&format!(
                "listen: {} takes effect when the gateway is started again",
                declaration.listen
            ));
        }
        let gateway = routed(declaration.gateway);
        let next = render(&gateway, &self.layout);
        let clusters = next.clusters.union(&self.rendered.clusters);
        self.folder.write_clusters(&clusters).map_err(written)?;
        self.taken_up("clusters", |in_force| in_force.clusters == clusters.version).await?;
        self.renew_routes(&next.routes.union(&self.rendered.routes)).await?;
        self.folder.write_extension(&next.extension).map_err(written)?;
        self.taken_up("filter", |in_force| in_force.extension == next.extension.version).await?;
        self.rendered = next;
        self.gateway.send_replace(Arc::new(gateway));
        Ok(())
    }

    /// Leaves only what is needed.
    async fn tidy(&self) -> Result<(), String> {
        self.renew_routes(&self.rendered.routes).await?;
        self.folder.write_clusters(&self.rendered.clusters).map_err(written)
    }

    async fn renew_routes(&self, routes: &Routes) -> Result<(), String> {
        self.folder.write_routes(routes).map_err(written)?;
        let version = routes.resources().version;
        self.taken_up("routes", |in_force| in_force.routes == version).await
    }

    /// Waits until Envoy says so. An Envoy that is starting again reads the files anyway.
    async fn taken_up(&self, what: &str, is_so: impl Fn(&Versions) -> bool) -> Result<(), String> {
        let wait = async {
            while self.admin.versions().await.is_some_and(|in_force| !is_so(&in_force)) {
                sleep(POLL).await;
            }
        };
        let taken = timeout(UPTAKE, wait).await;
        taken.map_err(|_| format!("Envoy has not taken up the {what}; its log says why"))
    }
}

fn written(error: std::io::Error) -> String {
    format!("its files cannot be written: {error}")
}
