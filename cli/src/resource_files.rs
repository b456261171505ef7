//! Files with resources, as kubectl takes them.

use crate::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// What the names of files with resources end with.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// The files that `input` stands for, by name.
pub(crate) fn files(input: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| format!("{}: cannot be read: {error}", input.display());
    if !fs::metadata(input).map_err(unreadable)?.is_dir() {
        return Ok(vec![input.to_owned()]);
    }
    let entries: Result<Vec<_>, _> = fs::read_dir(input).map_err(unreadable)?.collect();
    let mut paths: Vec<_> = entries.map_err(unreadable)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        // A link to a folder may lead back here.
        let is_folder = path.is_dir() && !path.is_symlink();
        let is_resource = path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
        if is_folder {
            found.extend(files(&path)?);
        } else if is_resource && path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}
