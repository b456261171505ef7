//! What registries have of the modules that are wanted.

use crate::model::Module;
use crate::oci::{Credentials, ModuleUrl, Registries};
use crate::source::kubernetes::{Kind, WantedModule, World};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// After how long a registry that gave no answer is asked again.
const AGAIN: Duration = Duration::from_secs(10);
/// Modules that are remembered.
const MOST: usize = 256;

type Looked = BTreeMap<String, (Result<Module, String>, Instant)>;

/// Looks modules up, each once. Those that were not found are looked up again and again.
pub(super) struct Modules {
    registries: Registries,
    looked: Arc<Mutex<Looked>>,
    asking: BTreeMap<String, tokio::task::JoinHandle<()>>,
    changed: Arc<Notify>,
}

impl Modules {
    pub(super) fn new(registries: Registries, changed: Arc<Notify>) -> Self {
        Self { registries, looked: Arc::default(), asking: BTreeMap::new(), changed }
    }

    /// What the registries said so far.
    pub(super) fn found(&self) -> BTreeMap<String, Result<Module, String>> {
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.iter().map(|(url, (found, _))| (url.clone(), found.clone())).collect()
    }

    /// Asks for a module that is not known yet. Returns when it should be asked for again, if so.
    pub(super) fn want(&mut self, world: &World, wanted: &WantedModule) -> Option<Instant> {
        let again = {
            let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            match looked.get(&wanted.url) {
                Some((Ok(_), _)) => return None,
                Some((Err(_), at)) if at.elapsed() < AGAIN => return Some(*at + AGAIN),
                _ => Instant::now() + AGAIN,
            }
        };
        self.asking.retain(|_, task| !task.is_finished());
        if self.asking.contains_key(&wanted.url) || self.asking.len() >= MOST {
            return Some(again);
        }
        let url = wanted.url.clone();
        let docker_config = wanted.pull_secret.as_ref().and_then(|secret| {
            let encoded = world.get(Kind::Secret, secret)?.data.get("data")?.get(".dockerconfigjson")?.clone();
            serde_json::from_value::<k8s_openapi::ByteString>(encoded).ok()
        });
        let secret = wanted.pull_secret.clone().map(|name| (name, docker_config));
        let (registries, looked, changed) =
            (self.registries.clone(), Arc::clone(&self.looked), Arc::clone(&self.changed));
        let task = tokio::spawn(async move {
            let found = look_up(&registries, &url, secret).await;
            match &found {
                Ok(module) => tracing::info!(url, sha256 = module.sha256, "found the module"),
                Err(error) => tracing::warn!(url, error, "the module cannot be had"),
            }
            let mut looked = looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.len() >= MOST {
                looked.clear();
            }
            looked.insert(url, (found, Instant::now()));
            drop(looked);
            changed.notify_one();
        });
        self.asking.insert(wanted.url.clone(), task);
        Some(again)
    }
}

type PullSecret = (crate::model::ObjectName, Option<k8s_openapi::ByteString>);

async fn look_up(registries: &Registries, url: &str, secret: Option<PullSecret>) -> Result<Module, String> {
    let parsed: ModuleUrl = url.parse().map_err(|error| format!("{error}"))?;
    let credentials = match secret {
        None => Credentials::ANONYMOUS,
        Some((name, None)) => return Err(format!("Secret {name} is not there, or has no .dockerconfigjson")),
        Some((_, Some(config))) => {
            Credentials::of_secret(&config.0, parsed.registry()).map_err(|error| error.to_string())?
        }
    };
    let sha256 = registries.module(&parsed, &credentials).await.map_err(|error| error.to_string())?;
    Ok(Module { url: url.to_owned(), sha256, pull_secret: None })
}
