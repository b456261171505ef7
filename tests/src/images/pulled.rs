//! What a registry has.

use crate::client::Http;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image that was pulled.
#[derive(Debug)]
pub struct Pulled {
    /// What it says of itself, as the image specification has it.
    pub config: Value,
    /// Where its layers are unpacked.
    pub folder: PathBuf,
    /// How long its layers are as they are sent.
    pub bytes: u64,
}

impl Pulled {
    /// Pulls `REPOSITORY:TAG` from a registry without TLS, and unpacks its layers below `store`, once for each content.
    ///
    /// # Errors
    ///
    /// What is missing or wrong.
    pub async fn pull(host: &str, name: &str, store: &Path) -> Result<Self, String> {
        let (repository, tag) = name.rsplit_once(':').ok_or_else(|| format!("{name} has no tag"))?;
        let base = format!("http://{host}/v2/{repository}");
        let manifest = get(&format!("{base}/manifests/{tag}")).await?;
        let folder = store.join(hex(&manifest));
        let manifest = json(&manifest)?;
        let config = json(&blob(&base, &manifest["config"]).await?)?;
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let bytes = layers.clone().filter_map(|layer| layer["size"].as_u64()).sum();
        if !folder.exists() {
            let work = workplace(store).map_err(|error| error.to_string())?;
            for layer in layers {
                unpack(&blob(&base, layer).await?, work.path()).await?;
            }
            // If somebody else was first, theirs stays.
            let _ = std::fs::rename(work.keep(), &folder);
        }
        Ok(Self { config, folder, bytes })
    }

    /// Its files and links, by where they are in a container.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn files(&self) -> std::io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(at) = folders.pop() {
            for entry in std::fs::read_dir(format!("{}{at}", self.folder.display()))? {
                let entry = entry?;
                let at = format!("{at}/{}", entry.file_name().to_string_lossy());
                if entry.file_type()?.is_dir() { folders.push(at) } else { found.push(at) }
            }
        }
        found.sort();
        Ok(found)
    }
}

fn workplace(store: &Path) -> std::io::Result<tempfile::TempDir> {
    std::fs::create_dir_all(store)?;
    let work = tempfile::tempdir_in(store)?;
    // Containers' users have to come through.
    std::fs::set_permissions(work.path(), Permissions::from_mode(0o755))?;
    Ok(work)
}

async fn get(url: &str) -> Result<Vec<u8>, String> {
    let reply = Http::new().request("GET", url).header("accept", MANIFEST).try_send("").await;
    match reply {
        Some(reply) if reply.status == 200 => Ok(reply.body.to_vec()),
        Some(reply) => Err(format!("{url} answers {}", reply.status)),
        None => Err(format!("{url} cannot be reached")),
    }
}

async fn blob(base: &str, descriptor: &Value) -> Result<Vec<u8>, String> {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    let bytes = get(&format!("{base}/blobs/{digest}")).await?;
    if digest == format!("sha256:{}", hex(&bytes)) { Ok(bytes) } else { Err(format!("{digest} is something else")) }
}

async fn unpack(layer: &[u8], folder: &Path) -> Result<(), String> {
    let tar = Command::new("tar").arg("-xzC").arg(folder).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut tar = tar.map_err(|error| format!("tar: {error}"))?;
    let mut stdin = tar.stdin.take().ok_or("tar reads nothing")?;
    // What is wrong with the layer, tar says.
    let _ = stdin.write_all(layer).await;
    drop(stdin);
    let output = tar.wait_with_output().await.map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn json(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("an image's manifest is no JSON: {error}"))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
