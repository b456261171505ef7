//! The gateway's CRDs and controller, as an operator installs them.

use super::Cluster;
use super::testbed::program;
use crate::process::{built, root};
use std::path::Path;
use tokio::process::Command;

/// Where the filter's module is.
const MODULE: &str = "oci://10.99.0.1:5000/mcp-gateway/filter:test";

/// Installs them by Helm, with the filter's module in the cluster's registry.
pub(super) async fn install(cluster: &Cluster) {
    push(MODULE).await;
    let mut helm = Command::new(program("helm"));
    helm.args(["install", "mcp-gateway"]).arg(root().join("charts/mcp-gateway"));
    helm.args(["--namespace", "mcp-system", "--create-namespace", "--wait", "--timeout", "60s"]);
    let registry = format!("module.insecureRegistries={{{}}}", cluster.registry());
    for value in
        ["image.repository=mcp-gateway", "image.tag=test", "replicas=1", &format!("module.url={MODULE}"), &registry]
    {
        helm.args(["--set", value]);
    }
    run(helm, &cluster.kubeconfig(), &cluster.home()).await;
}

/// Pushes the filter's module.
pub(super) async fn push(url: &str) {
    let mut push = Command::new(built("mcp-gateway"));
    push.args(["push", url, "--plain-http", "--module"]).arg(built("mcp-gateway.wasm"));
    run(push, Path::new("none"), Path::new("none")).await;
}

/// Runs a command that keeps what it keeps in `home`.
async fn run(mut command: Command, kubeconfig: &Path, home: &Path) {
    command
        .env("KUBECONFIG", kubeconfig)
        .env("HELM_CACHE_HOME", home)
        .env("HELM_CONFIG_HOME", home)
        .env("HELM_DATA_HOME", home);
    let output = command.output().await.expect("running a command");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
}
