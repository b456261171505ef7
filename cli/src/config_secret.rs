//! The broker's configuration in a cluster: a Secret that the controller writes, sealed with a key that only the broker has.

use crate::broker_alone::Configurations;
use crate::{Failure, console};
use controller::model::ObjectName;
use controller::sealed::{CONFIG, Seal};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Event, ExponentialBackoff, watcher};
use protocol::config::Gateway;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// Pauses of a watch that fails.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Follows `secret` (`NAMESPACE/NAME`). What cannot be read is reported, and changes nothing; nor does an API server that is away.
pub(crate) async fn follow(secret: &str, key_file: &Path) -> Result<Configurations, Failure> {
    let (namespace, name) = secret
        .split_once('/')
        .ok_or_else(|| format!("error: --config-secret is `{secret}`: write NAMESPACE/NAME of the Secret"))?;
    let key = std::fs::read_to_string(key_file)
        .map_err(|error| format!("error: --key-dir: {} cannot be read: {error}", key_file.display()))?;
    let client = kube::Client::try_default()
        .await
        .map_err(|error| format!("error: no way to the API server, which --config-secret needs: {error}"))?;
    let name = ObjectName { namespace: namespace.to_owned(), name: name.to_owned() };
    let (sender, receiver) = mpsc::channel(1);
    let seal = Seal::new(&key, &name);
    tokio::spawn(watch(Api::namespaced(client, namespace), name, seal, sender));
    Ok(Configurations::new(receiver))
}

async fn watch(api: Api<Secret>, name: ObjectName, seal: Seal, sender: mpsc::Sender<Gateway>) {
    let pauses = backon::ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter();
    // The role allows it for this name alone.
    let config = Config::default().fields(&format!("metadata.name={}", name.name));
    let mut events = watcher(api, config).backoff(ExponentialBackoff::from(pauses)).boxed();
    let mut current = None;
    let mut complaint = String::new();
    while let Some(event) = events.next().await {
        let read = match event {
            Ok(Event::Apply(secret) | Event::InitApply(secret)) => read(&secret, &seal),
            Ok(Event::Init) => continue,
            Ok(Event::InitDone) if current.is_some() => continue,
            Ok(Event::InitDone | Event::Delete(_)) => Err("it is not there".to_owned()),
            Err(error) => {
                tracing::warn!(secret = %name, %error, "the watch of the configuration failed; it is tried again");
                continue;
            }
        };
        match read {
            Ok(gateway) => {
                complaint.clear();
                if current.as_ref() == Some(&gateway) {
                    continue;
                }
                current = Some(gateway.clone());
                if sender.send(gateway).await.is_err() {
                    return;
                }
            }
            Err(error) if error != complaint => {
                let then =
                    if current.is_some() { "the last good configuration stays in force" } else { "waiting for it" };
                console::complain(&format!("Secret {name} cannot be used: {error}\n{then}"));
                complaint = error;
            }
            Err(_) => {}
        }
    }
}

fn read(secret: &Secret, seal: &Seal) -> Result<Gateway, String> {
    let sealed = secret.data.as_ref().and_then(|data| data.get(CONFIG));
    let sealed = sealed.ok_or_else(|| format!("it has no key {CONFIG}"))?;
    let text = std::str::from_utf8(&sealed.0).map_err(|_| "it holds no text".to_owned())?;
    seal.open(text).map_err(|error| error.to_string())
}
