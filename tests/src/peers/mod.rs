//! MCP servers and clients of other SDKs, that `tests/peers/` installs and starts.

mod client;
pub mod offer;
mod plan;
mod seen;
mod server;
mod tasks;

pub use client::{Client, inspect, modern_tasks, tasks};
pub use plan::Plan;
pub use seen::Seen;
pub use server::{command, everything, everything_sse, fastmcp, python, typescript};
pub use tasks::rust_with_tasks;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which revisions a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25, with a session.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        })
    }
}

/// The folder to run the peers from. They are installed at first use.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let setup = crate::process::root().join("tests/peers/setup.sh");
        let output = Command::new(setup).output().expect("running setup.sh of the peers");
        assert!(output.status.success(), "setup.sh failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().into()
    })
}

/// A URI or the template of one as it is seen behind `prefix`.
pub(crate) fn uri_behind(prefix: &str, uri: &str) -> String {
    if prefix.is_empty() { uri.to_owned() } else { format!("{}+{uri}", prefix.trim_end_matches('_')) }
}
