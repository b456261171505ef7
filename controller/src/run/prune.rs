//! Taking away what nobody wants any more.

use super::apply::Key;
use super::pass::Passes;
use super::routes::sooner;
use super::watch::Watches;
use crate::model::ObjectName;
use crate::render::kubernetes::MANAGED_BY;
use crate::source::kubernetes::{Interpretation, Kind, World};
use kube::ResourceExt;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long what leads to a server stays after the broker has forgotten it: calls that were decided before still use it.
const DRAIN: Duration = Duration::from_secs(10);
/// Holds an extension until what it has in its `Gateway`'s namespace is gone, which no owner reference can reach.
const FINALIZER: &str = "mcpgateway.dev/filter";

/// Kinds in the order in which they go: what leads to something goes before it.
pub(super) const ORDER: [Kind; 14] = [
    Kind::HttpRoute,
    Kind::BackendTlsPolicy,
    Kind::DestinationRule,
    Kind::ServiceEntry,
    Kind::ConfigMap,
    Kind::EnvoyFilter,
    Kind::WasmPlugin,
    Kind::DisruptionBudget,
    Kind::Deployment,
    Kind::Service,
    Kind::NetworkPolicy,
    Kind::RoleBinding,
    Kind::Role,
    Kind::ServiceAccount,
];
/// Those among them that stay for a while, if their gateway does.
const DRAINED: usize = 5;

/// The extension that an object was made for.
pub(super) fn maker(object: &DynamicObject) -> Option<ObjectName> {
    let label = |name: &str| object.labels().get(name).cloned();
    if label("app.kubernetes.io/managed-by")? != MANAGED_BY {
        return None;
    }
    Some(ObjectName { namespace: label("mcpgateway.dev/namespace")?, name: label("app.kubernetes.io/instance")? })
}

/// Deletes what is unwanted and has drained, and keeps finalizers. Whether something failed.
pub(super) async fn prune(
    passes: &mut Passes,
    watches: &Watches,
    world: &World,
    result: &Interpretation,
    wanted: &[Key],
    again: &mut Option<Instant>,
) -> bool {
    let wanted: HashSet<_> = wanted.iter().collect();
    // Without keys there is no telling yet what is wanted.
    let undecided = |name: &ObjectName| {
        let instance = result.extensions.get(name).and_then(|extension| extension.instance.as_ref());
        instance.is_some_and(|instance| instance.key.is_empty())
    };
    let mut failed = false;
    let mut unwanted = HashSet::new();
    let mut left = HashSet::new();
    for (place, kind) in ORDER.into_iter().enumerate() {
        for (name, object) in world.all(kind) {
            let key = (kind, name.clone());
            let Some(maker) = maker(object).filter(|maker| !wanted.contains(&key) && !undecided(maker)) else {
                continue;
            };
            unwanted.insert(key.clone());
            let since = *passes.unwanted.entry(key.clone()).or_insert_with(Instant::now);
            let stays = result.extensions.get(&maker).is_some_and(|extension| extension.instance.is_some());
            let due = if place < DRAINED && stays { since + DRAIN } else { since };
            if object.metadata.deletion_timestamp.is_some() {
                left.insert(maker);
            } else if due > Instant::now() {
                sooner(again, due);
                left.insert(maker);
            } else if let Err(error) = passes.applier.delete(&key, object.uid()).await {
                tracing::warn!(kind = kind.kind(), object = %name, %error, "could not be deleted");
                failed = true;
                left.insert(maker);
            } else {
                passes.forget(&key);
            }
        }
    }
    passes.unwanted.retain(|key, _| unwanted.contains(key));
    failed | keep_finalizers(passes, watches, world, result, &left).await
}

/// An extension whose `Gateway` is in another namespace is held until nothing of it is left there. Whether something failed.
async fn keep_finalizers(
    passes: &Passes,
    watches: &Watches,
    world: &World,
    result: &Interpretation,
    left: &HashSet<ObjectName>,
) -> bool {
    let mut failed = false;
    for (name, object) in world.all(Kind::Extension) {
        let held = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        let instance = result.extensions.get(name).and_then(|extension| extension.instance.as_ref());
        let hold = instance.is_some_and(|instance| instance.gateway.namespace != name.namespace) || left.contains(name);
        let hold = if object.metadata.deletion_timestamp.is_some() { held && hold } else { hold && instance.is_some() };
        let others = object.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER);
        let finalizers: Vec<&str> = others.map(String::as_str).chain(hold.then_some(FINALIZER)).collect();
        if held == hold {
            continue;
        }
        let patch = json!({
            "metadata": { "finalizers": finalizers, "resourceVersion": object.resource_version() },
        });
        let api = passes.applier.api(Kind::Extension, &name.namespace);
        match api.patch(&name.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            // It is gone by that.
            Ok(object) if object.metadata.deletion_timestamp.is_some() && object.finalizers().is_empty() => {}
            Ok(object) => watches.saw(Kind::Extension, object),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => {
                tracing::warn!(extension = %name, %error, "its finalizer could not be changed");
                failed = true;
            }
        }
    }
    failed
}
