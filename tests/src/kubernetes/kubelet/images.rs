//! What images hold, as far as pods of the tests use them.

use super::super::{registry, testbed};
use crate::images::Pulled;
use crate::process::built;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// An image.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// Files, by where they are in a container.
    pub(super) files: Vec<(PathBuf, String)>,
    /// What runs where the container says nothing.
    pub(super) entrypoint: Vec<String>,
    /// Who runs it where the pod says nothing.
    pub(super) user: Option<i64>,
}

impl Image {
    /// The image of this name: `[HOST/]REPOSITORY[:TAG]`. Those of the cluster's registry are pulled into the folder `store`;
    /// of other names the last part of the repository counts. `Err` says why there is none.
    pub(super) async fn find(name: &str, store: &Path) -> Result<Self, String> {
        if let Some(name) = name.strip_prefix(registry::HOST) {
            let image = Pulled::pull(registry::HOST, name.trim_start_matches('/'), store).await?;
            return Self::pulled(&image).map_err(|error| error.to_string());
        }
        let repository = name.split('@').next().unwrap_or_default();
        let last = repository.rsplit('/').next().unwrap_or_default();
        match last.split(':').next() {
            Some("mcp-gateway") => Ok(Self::of(&["mcp-gateway"])),
            Some("mcp-gateway-samples") => Ok(Self::of(&["sample-tools", "sample-features", "sample-sse"])),
            Some("proxyv2") => Ok(Self::proxy()),
            _ => Err(format!("the tests have no image {name}")),
        }
    }

    fn pulled(image: &Pulled) -> std::io::Result<Self> {
        let files = image.files()?.into_iter().map(|at| (image.folder.join(at.trim_start_matches('/')), at));
        let config = &image.config["config"];
        let entrypoint = config["Entrypoint"].as_array().into_iter().flatten();
        Ok(Self {
            files: files.collect(),
            entrypoint: entrypoint.filter_map(Value::as_str).map(str::to_owned).collect(),
            user: config["User"].as_str().and_then(|user| user.split(':').next()?.parse().ok()),
        })
    }

    /// Programs of `dist/`, at `/`, as `images/` has them.
    fn of(programs: &[&str]) -> Self {
        let files = programs.iter().map(|name| (built(name), format!("/{name}"))).collect();
        let entrypoint = programs.first().map(|name| format!("/{name}")).into_iter().collect();
        Self { files, entrypoint, user: None }
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
        Self { files, entrypoint: vec!["/usr/local/bin/pilot-agent".to_owned()], user: None }
    }
}
