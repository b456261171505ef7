//! What `scripts/setup-testbed.sh` installs.

use crate::process::root;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The folder with the test bed's binaries and files. `MCP_GATEWAY_TESTBED` names one that is set up already.
///
/// # Panics
///
/// When it cannot be set up, or the tests may not use it.
pub(super) fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        assert!(
            rustix::process::geteuid().is_root(),
            "the tests on Kubernetes make networks and mounts, which needs root: run them as root, or `make test-fast` \
             to leave them out"
        );
        if let Some(path) = std::env::var_os("MCP_GATEWAY_TESTBED") {
            return path.into();
        }
        let output = Command::new(root().join("scripts/setup-testbed.sh")).output().expect("running setup-testbed.sh");
        assert!(output.status.success(), "setup-testbed.sh failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().into()
    })
}

/// One of its programs.
pub(super) fn program(name: &str) -> PathBuf {
    folder().join("bin").join(name)
}
