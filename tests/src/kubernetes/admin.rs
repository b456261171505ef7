//! What an Envoy in a pod says of itself.

use super::network::Network;
use crate::client::Http;
use std::fs::File;
use std::path::Path;

/// Asks for a page of its administration, which it gives to nobody outside of its pod. `None` if it does not answer.
pub(super) async fn ask(network: &Path, page: &str) -> Option<String> {
    let network = Network::of(File::open(network).ok()?);
    let url = format!("http://127.0.0.1:15000{page}");
    // A thread of its own, as it is in another network from then on.
    let asking = tokio::task::spawn_blocking(move || {
        std::thread::spawn(move || {
            network.enter();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            let reply = runtime.block_on(async { Http::new().try_get(&url).await })?;
            (reply.status == 200).then(|| reply.text().to_owned())
        })
        .join()
    });
    asking.await.ok()?.ok()?
}
