//! What images hold, as far as pods of the tests use them.

use super::super::testbed;
use crate::process::built;
use std::path::PathBuf;

/// An image.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// Files, by where they are in a container.
    pub(super) files: Vec<(PathBuf, String)>,
    /// What runs where the container says nothing.
    pub(super) entrypoint: Vec<String>,
}

impl Image {
    /// The image of this name: `[HOST/]REPOSITORY[:TAG]`, the last part of the repository counts. `None` if there is none.
    pub(super) fn find(name: &str) -> Option<Self> {
        let repository = name.split('@').next()?;
        let last = repository.rsplit('/').next()?;
        match last.split(':').next()? {
            "mcp-gateway" => Some(Self::of(&["mcp-gateway"])),
            "mcp-gateway-samples" => Some(Self::of(&["sample-tools", "sample-features", "sample-sse"])),
            "proxyv2" => Some(Self::proxy()),
            _ => None,
        }
    }

    /// Programs of `dist/`, at `/`, as `images/` has them.
    fn of(programs: &[&str]) -> Self {
        let files = programs.iter().map(|name| (built(name), format!("/{name}"))).collect();
        let entrypoint = programs.first().map(|name| format!("/{name}")).into_iter().collect();
        Self { files, entrypoint }
    }

    /// istio-agent and Envoy.
    fn proxy() -> Self {
        let files = vec![
            (testbed::program("pilot-agent"), "/usr/local/bin/pilot-agent".to_owned()),
            (crate::gateway::envoy().to_owned(), "/usr/local/bin/envoy".to_owned()),
            (
                testbed::folder().join("istio/envoy_bootstrap.json"),
                "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json".to_owned(),
            ),
        ];
        Self { files, entrypoint: vec!["/usr/local/bin/pilot-agent".to_owned()] }
    }
}
