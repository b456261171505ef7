//! What is known of a cluster at one moment.

use super::kind::Kind;
use crate::model::{Cluster, Module, ObjectName};
use kube::api::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Resources of one kind, by name.
pub type Objects = BTreeMap<ObjectName, Arc<DynamicObject>>;

/// What is known of a cluster at one moment.
#[derive(Debug, Clone)]
pub struct World {
    /// Its resources.
    pub objects: BTreeMap<Kind, Objects>,
    /// What the registries said of modules, by URL.
    pub modules: BTreeMap<String, Result<Module, String>>,
    /// The kinds that the cluster does not have.
    pub absent: BTreeSet<Kind>,
    /// What was looked for among the kinds whose data is fetched when somebody wants it.
    pub asked: Asked,
    /// What the controller was started with.
    pub defaults: Defaults,
}

/// Objects that were looked for.
#[derive(Debug, Clone, Default)]
pub struct Asked(Arc<Mutex<BTreeSet<(Kind, ObjectName)>>>);

impl Asked {
    /// Those that were looked for until now.
    pub fn so_far(&self) -> BTreeSet<(Kind, ObjectName)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, kind: Kind, name: &ObjectName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, name.clone()));
    }
}

/// What holds where a resource says nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The cluster.
    pub cluster: Cluster,
    /// The brokers' image.
    pub image: String,
    /// The filter's module, as `oci://HOST/REPOSITORY:TAG`.
    pub module: String,
}

impl World {
    /// Nothing but the defaults.
    pub fn new(defaults: Defaults) -> Self {
        Self {
            objects: BTreeMap::new(),
            modules: BTreeMap::new(),
            absent: BTreeSet::new(),
            asked: Asked::default(),
            defaults,
        }
    }

    /// All resources of a kind, by name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = (&ObjectName, &Arc<DynamicObject>)> {
        self.objects.get(&kind).into_iter().flatten()
    }

    /// One resource. What is being deleted still counts.
    pub fn get(&self, kind: Kind, name: &ObjectName) -> Option<&Arc<DynamicObject>> {
        if kind.is_fetched() {
            self.asked.note(kind, name);
        }
        self.objects.get(&kind)?.get(name)
    }

    /// Takes up a resource, in place of what has the same name.
    pub fn insert(&mut self, kind: Kind, object: DynamicObject) {
        self.objects.entry(kind).or_default().insert(name_of(&object), Arc::new(object));
    }

    /// A value of a `Secret` or `ConfigMap`.
    pub(super) fn value(&self, kind: Kind, name: &ObjectName, key: &str) -> Option<String> {
        let object = self.get(kind, name)?;
        let text = object.data.get("data")?.get(key)?.as_str()?;
        if kind == Kind::Secret { secret_text(text) } else { Some(text.to_owned()) }
    }
}

/// A resource's name. Those that are in no namespace have an empty one.
pub fn name_of(object: &DynamicObject) -> ObjectName {
    let metadata = &object.metadata;
    ObjectName {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    }
}

/// `spec` of a resource, as far as `T` has it. An error says where it is not what it has to be.
pub(super) fn spec<T: DeserializeOwned>(object: &DynamicObject) -> Result<T, String> {
    T::deserialize(object.data.get("spec").unwrap_or(&Value::Null)).map_err(|error| format!("spec: {error}"))
}

/// A value of a `Secret`, which is text in base64.
fn secret_text(encoded: &str) -> Option<String> {
    let bytes: k8s_openapi::ByteString = serde_json::from_value(Value::from(encoded)).ok()?;
    String::from_utf8(bytes.0).ok()
}
