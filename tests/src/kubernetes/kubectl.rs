//! `kubectl`, `helm` and the scripts, as an operator would use them.

use super::testbed::{folder, program};
use crate::process::root;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What a command of `kubectl`, of `helm` or a script said.
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
        let mut command = Command::new(program("kubectl"));
        command.args(args);
        Self::finish(command, kubeconfig, input).await
    }

    /// Runs a command of `helm`.
    pub(super) async fn helm(kubeconfig: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(program("helm"));
        command.args(args);
        Self::finish(command, kubeconfig, "").await
    }

    /// Runs a script, by its path in the repository, with variables of its own.
    pub(super) async fn script(kubeconfig: &Path, script: &str, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(root().join(script));
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(args)
            .env("PATH", format!("{}:{path}", folder().join("bin").display()))
            .envs(variables.iter().copied());
        Self::finish(command, kubeconfig, "").await
    }

    async fn finish(mut command: Command, kubeconfig: &Path, input: &str) -> Self {
        let helm = kubeconfig.with_extension("helm");
        let mut child = command
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
            .expect("it is there");
        let mut stdin = child.stdin.take().expect("is piped");
        let text = input.to_owned();
        let writing = async move {
            // It may end without reading.
            let _ = stdin.write_all(text.as_bytes()).await;
        };
        let ((), output) = tokio::join!(writing, child.wait_with_output());
        let output = output.expect("waiting for a command");
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
