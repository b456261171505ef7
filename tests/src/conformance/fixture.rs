//! Servers with all that the suites of both eras call, get and read, each of one era only.

use crate::peers::Era;
use crate::process::Server;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A server of one era. A server of both would prove nothing about what a gateway translates.
#[derive(Debug)]
pub struct Fixture {
    /// Its process.
    pub server: Server,
}

impl Fixture {
    /// Starts the server of the era.
    pub async fn start(era: Era) -> Self {
        let script = folder().join(format!("servers/{era}.mjs"));
        let script = script.to_str().expect("paths are UTF-8");
        Self { server: Server::start(&node(), &[script]).await }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.server.url
    }
}

/// The Node that the suites ask for.
pub(crate) fn node() -> PathBuf {
    folder().join("bin/node")
}

/// The folder to run the suites and fixtures from. They are installed at first use.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let setup = crate::process::root().join("tests/fixtures/setup.sh");
        let output = Command::new(setup).output().expect("running setup.sh of the fixtures");
        assert!(output.status.success(), "setup.sh failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().into()
    })
}
