//! Disturbing a cluster while clients call: no call may be lost.

use super::{Cluster, Load, Mode, Site, Size, test_on};
use crate::fake::{Exchange, Fake};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Clients of either era, at each site.
const CLIENTS: usize = 1;

/// How long clients call before and after the disturbance, at least, and how long something is away.
pub const WHILE: Duration = Duration::from_secs(2);

/// Runs a test on a cluster whose parts may be broken. The tests of a binary come one after the other there, since each
/// would disturb the others.
///
/// # Panics
///
/// When the test does, and when the test bed cannot be used.
pub fn breakable(run: impl AsyncFnOnce(&Cluster) + Send) {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    test_on(CLUSTER.get_or_init(|| Cluster::start(Size::Whole)), run);
}

/// Runs `disturb` on a site of each of these modes, while clients of both eras call a server of their own era at each of them.
///
/// # Panics
///
/// When a call is lost.
pub async fn under_load(cluster: &Cluster, modes: &[Mode], what: &str, disturb: impl AsyncFnOnce(&[Site<'_>])) {
    let set_up = modes.iter().map(async |mode| {
        let site = Site::new(cluster, *mode).await;
        let at = |server: crate::fake::Builder| server.at(cluster.node()).tool("add", Exchange::ok).start();
        let (old, new) = (at(Fake::legacy()), at(Fake::modern()));
        tokio::join!(site.add("old", "old_", &old), site.add("new", "new_", &new));
        site.is_straight("new_add", &new).await;
        let load = Load::start(&site, ("old_add", "new_add"), CLIENTS).await;
        (site, (load, [old, new]))
    });
    let (sites, loads): (Vec<_>, Vec<_>) = futures::future::join_all(set_up).await.into_iter().unzip();
    tokio::time::sleep(WHILE).await;
    disturb(&sites).await;
    tokio::time::sleep(WHILE).await;
    for ((load, _servers), mode) in loads.into_iter().zip(modes) {
        load.stop().await.nothing_lost(&format!("{what} ({})", mode.name()));
    }
}
