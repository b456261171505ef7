//! What the tests of the binary share.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The binary, without the variables that would change what it does.
pub(crate) fn gateway() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-gateway"));
    command.env_remove("MCP_GATEWAY_WASM").env_remove("RUST_LOG").env("MCP_GATEWAY_ENVOY", envoy());
    command
}

/// The pinned Envoy.
pub(crate) fn envoy() -> PathBuf {
    if let Some(path) = std::env::var_os("MCP_GATEWAY_ENVOY") {
        return path.into();
    }
    let output = Command::new(root().join("scripts/setup-envoy.sh")).output().unwrap();
    assert!(output.status.success(), "scripts/setup-envoy.sh: {}", text(&output.stderr));
    text(&output.stdout).trim().into()
}

/// What `make build` left.
pub(crate) fn dist(name: &str) -> PathBuf {
    let folder = std::env::var_os("MCP_GATEWAY_DIST").map_or_else(|| root().join("dist"), PathBuf::from);
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run `make build` first", path.display());
    path
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command to its end.
pub(crate) fn finished(command: &mut Command) -> (bool, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), text(&stdout), text(&stderr))
}
