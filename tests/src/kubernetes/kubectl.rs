//! `kubectl` and `helm`, as an operator would use them.

use super::testbed::program;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What a command of `kubectl` or `helm` said.
#[derive(Debug)]
pub struct Kubectl {
    /// Whether it ended with 0.
    pub success: bool,
    /// Its stdout.
    pub output: String,
    /// Its stderr.
    pub error: String,
}

impl Kubectl {
    /// Runs a command, with `input` on its stdin.
    pub(super) async fn run(kubeconfig: &Path, args: &[&str], input: &str) -> Self {
        Self::program("kubectl", kubeconfig, args, input).await
    }

    /// Runs a command of `helm`.
    pub(super) async fn helm(kubeconfig: &Path, args: &[&str]) -> Self {
        Self::program("helm", kubeconfig, args, "").await
    }

    async fn program(name: &str, kubeconfig: &Path, args: &[&str], input: &str) -> Self {
        let helm = kubeconfig.with_extension("helm");
        let mut child = Command::new(program(name))
            .args(args)
            .env("KUBECONFIG", kubeconfig)
            // Other clusters have the same address, and what they know is not what this one does.
            .env("KUBECACHEDIR", kubeconfig.with_extension("cache"))
            .env("HELM_CACHE_HOME", &helm)
            .env("HELM_CONFIG_HOME", &helm)
            .env("HELM_DATA_HOME", &helm)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the test bed has it");
        let mut stdin = child.stdin.take().expect("is piped");
        let text = input.to_owned();
        let writing = async move {
            // It may end without reading.
            let _ = stdin.write_all(text.as_bytes()).await;
        };
        let ((), output) = tokio::join!(writing, child.wait_with_output());
        let output = output.expect("waiting for kubectl");
        Self {
            success: output.status.success(),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Its stdout.
    ///
    /// # Panics
    ///
    /// When it failed.
    pub fn expect(self, what: &str) -> String {
        assert!(self.success, "{what}: {}{}", self.output, self.error);
        self.output
    }

    /// Its stdout as JSON, `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_default()
    }
}
