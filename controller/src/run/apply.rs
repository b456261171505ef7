//! Making objects what they have to be, and nothing that is so already.

use super::watch::Watches;
use crate::model::ObjectName;
use crate::render::kubernetes::{MANAGED_BY, Object};
use crate::source::kubernetes::{Kind, World};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Annotation with the hash of what was applied.
const APPLIED: &str = "mcpgateway.dev/applied";

/// What an object is called, with its kind.
pub(super) type Key = (Kind, ObjectName);

/// Applies objects, and remembers what became of them.
pub(super) struct Applier {
    client: Client,
    /// What was applied, and the version of the object that came of it: values that the API server writes in another way
    /// (`100m` for `0.1`) are no difference then.
    settled: HashMap<Key, (String, String)>,
}

impl Applier {
    pub(super) fn new(client: Client) -> Self {
        Self { client, settled: HashMap::new() }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Objects of a kind, in a namespace.
    pub(super) fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &kind.api_resource())
    }

    /// Those of `wanted` that are not in force yet.
    pub(super) fn pending<'a>(&self, world: &World, wanted: impl Iterator<Item = &'a Object>) -> Vec<(Key, Value)> {
        let pending = wanted.filter_map(|object| {
            let key = key(object)?;
            let hash = hash(&object.value);
            let live = world.get(key.0, &key.1);
            let in_force = live.is_some_and(|live| self.in_force(&key, &hash, &object.value, live));
            let mut value = object.value.clone();
            value["metadata"]["annotations"][APPLIED] = json!(hash);
            (!in_force).then_some((key, value))
        });
        pending.collect()
    }

    fn in_force(&self, key: &Key, hash: &str, wanted: &Value, live: &DynamicObject) -> bool {
        if live.annotations().get(APPLIED).map(String::as_str) != Some(hash) {
            return false;
        }
        let settled = self.settled.get(key);
        settled.is_some_and(|(settled, version)| settled == hash && *version == version_of(live))
            || serde_json::to_value(live).is_ok_and(|live| covers(&live, wanted))
    }

    /// Applies one object.
    pub(super) async fn apply(&self, key: &Key, value: &Value) -> Result<DynamicObject, kube::Error> {
        let params = PatchParams::apply(MANAGED_BY).force();
        self.api(key.0, &key.1.namespace).patch(&key.1.name, &params, &Patch::Apply(value)).await
    }

    /// What came of an object that was applied.
    pub(super) fn settle(&mut self, key: Key, value: &Value, live: DynamicObject, watches: &Watches) {
        self.settled.insert(key.clone(), (hash_of(value).to_owned(), version_of(&live)));
        watches.saw(key.0, live);
    }

    /// Deletes an object, if it is still the same. What is gone already is no error.
    pub(super) async fn delete(&mut self, key: &Key, uid: Option<String>) -> Result<(), kube::Error> {
        self.settled.remove(key);
        let same = Preconditions { uid, resource_version: None };
        let params = DeleteParams { preconditions: Some(same), ..DeleteParams::background() };
        match self.api(key.0, &key.1.namespace).delete(&key.1.name, &params).await {
            Ok(_) => tracing::info!(kind = key.0.kind(), object = %key.1, "deleted"),
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The hash of what an object is to be, which [`Applier::pending`] has written into it.
pub(super) fn hash_of(value: &Value) -> &str {
    value["metadata"]["annotations"][APPLIED].as_str().unwrap_or_default()
}

/// Whether the API server refuses a write because the namespace is on its way out, as everything in it is: no news to anybody.
pub(super) fn is_terminating(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 403 && causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

/// What an object is called. `None` for a kind that is not followed.
pub(super) fn key(object: &Object) -> Option<Key> {
    Kind::of(object.api_version(), object.kind()).map(|kind| (kind, object.name()))
}

fn hash(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A text that changes when somebody changes what an object is to be. Kinds without generations change with every write.
fn version_of(object: &DynamicObject) -> String {
    match object.metadata.generation {
        Some(generation) if generation > 0 => generation.to_string(),
        _ => object.resource_version().unwrap_or_default(),
    }
}

/// Whether `live` has all of `wanted`. It may have more.
fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| match live.get(key) {
            Some(live) => covers(live, wanted),
            None => wanted.is_null() || wanted.as_object().is_some_and(serde_json::Map::is_empty),
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| covers(live, wanted))
        }
        _ => live == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_the_api_server_are_no_difference_and_changes_are() {
        let wanted = json!({ "spec": { "ports": [{ "port": 80 }], "empty": {} } });
        assert!(covers(&json!({ "spec": { "ports": [{ "port": 80, "protocol": "TCP" }], "x": 1 } }), &wanted));
        assert!(!covers(&json!({ "spec": { "ports": [{ "port": 81 }] } }), &wanted));
        assert!(!covers(&json!({ "spec": { "ports": [{ "port": 80 }, { "port": 81 }] } }), &wanted));
    }

    #[test]
    fn a_namespace_that_is_going_is_told_from_a_right_that_is_missing() {
        let refusal = |causes: Value| {
            let status =
                json!({ "code": 403, "reason": "Forbidden", "message": "no", "details": { "causes": causes } });
            kube::Error::Api(Box::new(serde_json::from_value(status).unwrap()))
        };
        let going = json!([{ "reason": "NamespaceTerminating", "message": "namespace a is being terminated", "field": "metadata.namespace" }]);
        assert!(is_terminating(&refusal(going)));
        assert!(!is_terminating(&refusal(json!([]))));
    }
}
