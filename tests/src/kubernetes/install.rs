//! The gateway's CRDs and controller, as an operator installs them, changes them and takes them away.

use super::{Cluster, registry};
use crate::process::{built, root};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Where the filter's module is, to begin with.
pub(super) const MODULE: &str = "oci://10.99.0.1:5000/mcp-gateway/filter:test";

/// The image's first tag.
pub(super) const TAG: &str = "test";

const NAMESPACE: &str = "mcp-system";

/// A section of a module that says nothing to who runs it: its kind, its length, its name's length, its name.
const SECTION: &[u8] = b"\x00\x06\x05other";

impl Cluster {
    /// Installs by Helm, or changes what is installed: with this image tag and module.
    ///
    /// # Panics
    ///
    /// When Helm refuses, or the controller does not become ready.
    pub async fn upgrade(&self, tag: &str, module: &str) {
        let chart = root().join("charts/mcp-gateway").display().to_string();
        let mut args = vec!["upgrade", "--install", "mcp-gateway", &chart, "--namespace", NAMESPACE];
        args.extend(["--create-namespace", "--wait", "--timeout", "90s"]);
        let registry = format!("module.insecureRegistries={{{}}}", self.registry());
        let (tag, module) = (format!("image.tag={tag}"), format!("module.url={module}"));
        for value in ["image.repository=mcp-gateway", "replicas=1", &tag, &module, &registry] {
            args.extend(["--set", value]);
        }
        self.helm(&args).await.expect("installing by Helm");
    }

    /// Takes away what Helm has installed.
    ///
    /// # Panics
    ///
    /// When Helm refuses.
    pub async fn uninstall(&self) {
        self.helm(&["uninstall", "mcp-gateway", "--namespace", NAMESPACE, "--wait"]).await.expect("uninstalling");
    }

    /// Writes an overlay of `istio-manifests/`, as its README has it, with the same image and module as Helm's.
    pub async fn overlay(&self) -> PathBuf {
        push(MODULE, &built("mcp-gateway.wasm")).await;
        let folder = self.home().join("overlay");
        std::fs::create_dir_all(&folder).expect("a folder for an overlay");
        let up = "../".repeat(folder.components().count() - 1);
        let manifests = format!("{up}{}", root().join("istio-manifests").display().to_string().trim_start_matches('/'));
        let overlay = format!(
            r#"
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: ["{manifests}"]
images: [{{ name: mcp-gateway, newTag: {TAG} }}]
replicas: [{{ name: mcp-gateway-controller, count: 1 }}]
patches:
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: {{ name: mcp-gateway-controller, namespace: {NAMESPACE} }}
      spec:
        template:
          spec:
            containers:
              - name: controller
                args: [controller, --listen=0.0.0.0:8092, --cluster-domain=cluster.local, --insecure-registry={registry}]
                env:
                  - {{ name: MCP_GATEWAY_IMAGE, value: "mcp-gateway:{TAG}" }}
                  - {{ name: MCP_GATEWAY_MODULE, value: "{MODULE}" }}
"#,
            registry = self.registry()
        );
        std::fs::write(folder.join("kustomization.yaml"), overlay).expect("writing an overlay");
        folder
    }

    /// Pushes another module of the filter to the registry, as `oci://…`: it does the same, and has another digest.
    pub async fn push_module(&self, url: &str) {
        let mut module = std::fs::read(built("mcp-gateway.wasm")).expect("the module is built");
        module.extend(SECTION);
        let file = self.home().join("other.wasm");
        std::fs::create_dir_all(self.home()).expect("a folder for a module");
        std::fs::write(&file, module).expect("writing a module");
        push(url, &file).await;
    }
}

/// Installs by Helm, with the filter's module in the cluster's registry, whatever was installed before.
pub async fn install(cluster: &Cluster) {
    push(MODULE, &built("mcp-gateway.wasm")).await;
    cluster.upgrade(TAG, MODULE).await;
}

async fn push(url: &str, module: &Path) {
    registry::answers().await;
    let mut push = Command::new(built("mcp-gateway"));
    push.args(["push", url, "--plain-http", "--module"]).arg(module);
    let output = push.output().await.expect("running a command");
    assert!(output.status.success(), "{push:?}: {}", String::from_utf8_lossy(&output.stderr));
}
