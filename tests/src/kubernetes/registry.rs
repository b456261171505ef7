//! An OCI registry.

use super::launcher::Launcher;
use super::network::NODE;
use super::part::Part;
use std::path::Path;
use std::sync::Arc;

/// Host and port of the registry, which speaks plain HTTP.
pub(super) const HOST: &str = "10.99.0.1:5000";

/// The registry, which keeps what it is given in its own folder.
pub(super) fn registry(cluster: &Path, launcher: &Arc<Launcher>) -> Part {
    debug_assert!(HOST.starts_with(NODE));
    let part = Part::new("registry", "docker-registry".into(), cluster, launcher);
    let config = serde_json::json!({
        "version": "0.1",
        "log": {"accesslog": {"disabled": true}},
        "storage": {"filesystem": {"rootdirectory": part.folder().join("data")}, "delete": {"enabled": true}},
        "http": {"addr": HOST},
    });
    let file = part.folder().join("config.yml");
    std::fs::write(&file, config.to_string()).expect("writing the registry's configuration");
    part.args(["serve".to_owned(), file.display().to_string()])
}

/// Waits until the registry takes connections.
pub(super) async fn answers() {
    crate::until_told_within(super::PATIENCE, "the registry takes connections", async || {
        tokio::net::TcpStream::connect(HOST).await.ok().map(drop)
    })
    .await;
}
