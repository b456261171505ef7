//! What the scripts build and push.

use crate::process::root;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Images that were built as `scripts/build-images.sh` does it, only quicker, and what keeps them until they are pushed.
#[derive(Debug)]
pub struct Built {
    registry: String,
    storage: PathBuf,
    folder: tempfile::TempDir,
}

impl Built {
    /// Builds them for a registry.
    ///
    /// # Panics
    ///
    /// When they cannot be built.
    pub fn build(registry: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let storage = folder.path().join("storage.conf");
        let place = |name: &str| folder.path().join(name).display().to_string();
        let config =
            format!("[storage]\ndriver = \"vfs\"\ngraphroot = {:?}\nrunroot = {:?}\n", place("graph"), place("run"));
        std::fs::write(&storage, config).expect("writing buildah's configuration");
        let images = Self { registry: registry.to_owned(), storage, folder };
        images.run("build-images.sh");
        images
    }

    /// Pushes them and the filter's module; gives the lines that say what was pushed.
    ///
    /// # Panics
    ///
    /// When they cannot be pushed.
    pub fn push(&self) -> Vec<String> {
        self.run("push-images.sh").lines().map(str::to_owned).collect()
    }

    /// The variables of the scripts that make these images.
    pub fn variables(&self) -> [(&str, &str); 6] {
        [
            ("REGISTRY", &self.registry),
            ("DOCKER_USERNAME", "team"),
            ("IMAGE_TAG", "v1"),
            ("PLAIN_HTTP", "1"),
            ("PROFILE", "dev"),
            ("CONTAINER_TOOL", "buildah"),
        ]
    }

    /// A folder that goes with them.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, script: &str) -> String {
        let output = Command::new(root().join("scripts").join(script))
            .envs(self.variables())
            .env("CONTAINERS_STORAGE_CONF", &self.storage)
            .output()
            .expect("bash has to be there");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
