//! OCI registries: Debian's `docker-registry`.

use crate::fake::Identity;
use crate::process::Process;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A registry in this machine's network, on a port of the system's choice. What it holds goes with it.
#[derive(Debug)]
pub struct Registry {
    process: Process,
    port: u16,
    _folder: tempfile::TempDir,
}

/// Who may use a registry that asks.
pub const USER: &str = "somebody";
/// Their password.
pub const PASSWORD: &str = "open sesame";
/// The password's bcrypt, as `htpasswd -B` writes it.
const HTPASSWD: &str = "somebody:$2y$04$lJVxkSPo7gnJKLkzJUgBs.3H/c9m8R.Hiio618EtWPyyBYng8umWm\n";

impl Registry {
    /// One that everybody may use.
    pub async fn open() -> Self {
        Self::start(|_| json!({})).await
    }

    /// One that only [`USER`] may use.
    pub async fn closed() -> Self {
        Self::start(|folder| {
            let file = folder.join("htpasswd");
            fs::write(&file, HTPASSWD).expect("writing the registry's passwords");
            json!({ "auth": { "htpasswd": { "realm": "registry", "path": file } } })
        })
        .await
    }

    /// One with TLS.
    pub async fn with_tls(identity: &Identity) -> Self {
        Self::start(|folder| {
            let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
            fs::write(&certificate, identity.certificate()).expect("writing the registry's certificate");
            fs::write(&key, identity.key()).expect("writing the registry's key");
            json!({ "http": { "tls": { "certificate": certificate, "key": key } } })
        })
        .await
    }

    async fn start(more: impl FnOnce(&Path) -> Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let mut config = json!({
            "version": "0.1",
            "log": { "level": "info", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": folder.path().join("data") }, "delete": { "enabled": true } },
            "http": {},
        });
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more(folder.path())) {
            config.extend(more);
        }
        config["http"]["addr"] = json!("127.0.0.1:0");
        let file = folder.path().join("config.json");
        fs::write(&file, config.to_string()).expect("writing the registry's configuration");
        let process = Process::start(Path::new("docker-registry"), &["serve", &file.display().to_string()]);
        let port = process
            .says("the registry listens (is Debian's package docker-registry installed?)", |line| {
                let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
                rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
            })
            .await;
        Self { process, port, _folder: folder }
    }

    /// Where it listens, as `HOST:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it wrote so far.
    pub fn log(&self) -> Vec<String> {
        self.process.log().lines()
    }
}
