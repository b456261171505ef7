//! Runs the cluster's pods as processes of this machine.
//!
//! What a container's image holds is looked up in [`images`]; what the pod says of its user, capabilities, root file system,
//! volumes, environment, probes, restarts and end is done as a kubelet does it. What it does not know, the pod's status says.

mod container;
mod crash;
mod environment;
mod images;
mod pod;
mod probe;
mod status;
mod volumes;

pub(super) use crash::crash;

use super::launcher::Launcher;
use super::services::Hosts;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Binding, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Status};
use kube::api::PostParams;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt as _};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use tokio::sync::watch;

/// The node that all pods run on.
pub(super) const NODE_NAME: &str = "node";

/// A pod's network, in its folder.
const NETWORK: &str = "network";

/// What all pods share.
#[derive(Debug)]
struct Node {
    client: Connection,
    folder: PathBuf,
    /// Where pulled images are unpacked.
    images: PathBuf,
    hosts: Hosts,
    launcher: Arc<Launcher>,
    /// How many pods there have been: it makes their addresses.
    pods: AtomicU32,
}

/// A client, which has nothing to show.
#[derive(Clone)]
struct Connection(Client);

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Client")
    }
}

/// Runs pods for ever.
pub(super) async fn run(client: Client, folder: PathBuf, hosts: Hosts, launcher: Arc<Launcher>) {
    let api = Api::<Pod>::all(client.clone());
    let node = Arc::new(Node {
        client: Connection(client),
        folder: folder.join("pods"),
        images: folder.join("images"),
        hosts,
        launcher,
        pods: AtomicU32::new(0),
    });
    let mut running = HashMap::<String, watch::Sender<Option<Pod>>>::new();
    let mut listed = Vec::new();
    let mut events = watcher::watcher(api, watcher::Config::default()).boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(pod)) => follow(&node, &mut running, pod),
            Ok(Event::InitApply(pod)) => {
                listed.extend(pod.uid());
                follow(&node, &mut running, pod);
            }
            Ok(Event::Delete(pod)) => {
                if let Some(pod) = pod.uid().and_then(|uid| running.remove(&uid)) {
                    let _ = pod.send(None);
                }
            }
            Ok(Event::Init) => listed.clear(),
            // What was deleted while nobody watched.
            Ok(Event::InitDone) => running.retain(|uid, pod| listed.contains(uid) || pod.send(None).is_err()),
            // The API server is being restarted.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

/// Starts a pod that is new, and tells a running one what is new of it.
fn follow(node: &Arc<Node>, running: &mut HashMap<String, watch::Sender<Option<Pod>>>, pod: Pod) {
    let Some(uid) = pod.uid() else { return };
    let scheduled = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    if scheduled.is_none() {
        if pod.metadata.deletion_timestamp.is_none() {
            tokio::spawn(schedule(node.clone(), pod));
        }
        return;
    }
    if let Some(known) = running.get(&uid) {
        let _ = known.send(Some(pod));
        return;
    }
    let (tell, told) = watch::channel(Some(pod));
    running.insert(uid, tell);
    tokio::spawn(pod::run(node.clone(), told));
}

/// Puts a pod on the only node.
async fn schedule(node: Arc<Node>, pod: Pod) {
    let binding = Binding {
        metadata: ObjectMeta { name: Some(pod.name_any()), namespace: pod.namespace(), ..ObjectMeta::default() },
        target: ObjectReference {
            kind: Some("Node".to_owned()),
            name: Some(NODE_NAME.to_owned()),
            ..ObjectReference::default()
        },
    };
    let api = Api::<Pod>::namespaced(node.client.0.clone(), &pod.namespace().unwrap_or_default());
    // Refused if it is bound or gone already.
    let _: Result<Status, _> =
        api.create_subresource("binding", &pod.name_any(), &PostParams::default(), &binding).await;
}

/// The network of a pod, the newest whose name begins so.
pub(super) fn network(cluster: &Path, namespace: &str, pod: &str) -> Option<PathBuf> {
    let begin = format!("{namespace}_{pod}");
    let folders = std::fs::read_dir(cluster.join("pods")).ok()?.flatten();
    let number = |name: &str| name.rsplit('_').next()?.parse::<u32>().ok();
    let pods = folders.filter_map(|folder| {
        let name = folder.file_name().to_string_lossy().into_owned();
        Some((number(&name)?, folder.path())).filter(|_| name.starts_with(&begin))
    });
    pods.max().map(|(_, folder)| folder.join(NETWORK))
}

/// The logs of all containers of a namespace (of all where that is empty), by `NAMESPACE/POD/CONTAINER`.
pub(super) fn logs(cluster: &Path, namespace: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for pod in std::fs::read_dir(cluster.join("pods")).into_iter().flatten().flatten() {
        let name = pod.file_name().to_string_lossy().into_owned();
        if !namespace.is_empty() && !name.starts_with(&format!("{namespace}_")) {
            continue;
        }
        for file in std::fs::read_dir(pod.path()).into_iter().flatten().flatten() {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                found.push((format!("{name}/{}", path.file_stem().unwrap_or_default().to_string_lossy()), path));
            }
        }
    }
    found.sort();
    found
}
