//! Where rendered configuration goes: a folder that a plain Envoy reads and watches.

use crate::render::{BOOTSTRAP_FILE, CLUSTERS_FILE, EXTENSION_FILE, ROUTES_FILE, Rendered, Resources, Routes};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder of Envoy's files. Each file is replaced at once: whoever reads it sees the old one or the new one.
#[derive(Debug, Clone)]
pub struct Folder {
    directory: PathBuf,
    mode: u32,
}

impl Folder {
    /// Files that only this user can read: they hold credentials.
    pub fn private(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), mode: 0o600 }
    }

    /// Files that everybody can read.
    pub fn shared(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), mode: 0o644 }
    }

    /// Writes everything. The folder is made if it is missing.
    pub fn write(&self, rendered: &Rendered) -> io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        self.write_clusters(&rendered.clusters)?;
        self.write_routes(&rendered.routes)?;
        self.write_extension(&rendered.extension)?;
        let bootstrap = serde_saphyr::to_string(&rendered.bootstrap).map_err(io::Error::other)?;
        self.replace(BOOTSTRAP_FILE, &bootstrap)
    }

    /// Writes the clusters.
    pub fn write_clusters(&self, clusters: &Resources) -> io::Result<()> {
        self.replace(CLUSTERS_FILE, &clusters.to_json())
    }

    /// Writes the routes.
    pub fn write_routes(&self, routes: &Routes) -> io::Result<()> {
        self.replace(ROUTES_FILE, &routes.resources().to_json())
    }

    /// Writes the filter with its configuration.
    pub fn write_extension(&self, extension: &Resources) -> io::Result<()> {
        self.replace(EXTENSION_FILE, &extension.to_json())
    }

    fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(self.mode))?;
        file.persist(self.directory.join(name))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::private(directory.path());
        for version in ["1", "2"] {
            let resources = Resources { version: version.to_owned(), resources: Vec::new() };
            folder.write_clusters(&resources).unwrap();
            let file = directory.path().join(CLUSTERS_FILE);
            let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            assert_eq!(json["version_info"], version);
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
