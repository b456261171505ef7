//! The two secrets of a gateway: its keys, made once, and the broker's configuration.

use super::apply::Applier;
use super::watch::Watches;
use crate::model::{Instance, ObjectName, Upstream};
use crate::render::kubernetes::{self as render, MANAGED_BY, Names};
use crate::sealed::{CONFIG, Seal};
use crate::source::kubernetes::{Kind, World};
use k8s_openapi::ByteString;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use protocol::config::Gateway;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What the filter shows the broker.
const FILTER_KEY: &str = "key";
/// What sessions are sealed with.
const SESSION_KEY: &str = "session";
/// What the configuration is sealed with.
const CONFIG_KEY: &str = "config";

/// The value of a secret, as text.
pub(super) fn value(world: &World, secret: &ObjectName, key: &str) -> Option<String> {
    let encoded = world.get(Kind::Secret, secret)?.data.get("data")?.get(key)?.clone();
    let bytes: ByteString = serde_json::from_value(encoded).ok()?;
    String::from_utf8(bytes.0).ok()
}

/// What a secret of the gateway has beside its data.
fn metadata(instance: &Instance, name: &ObjectName) -> Value {
    let owner = &instance.owner;
    json!({
        "name": name.name,
        "namespace": name.namespace,
        "labels": {
            "app.kubernetes.io/managed-by": MANAGED_BY,
            "app.kubernetes.io/instance": owner.object.name,
            "mcpgateway.dev/namespace": owner.object.namespace,
        },
        "ownerReferences": [{
            "apiVersion": owner.api_version,
            "kind": owner.kind,
            "name": owner.object.name,
            "uid": owner.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }],
    })
}

/// Makes the keys of a gateway that are missing. Those that are there stay.
pub(super) async fn make_keys(
    applier: &Applier,
    watches: &Watches,
    world: &World,
    instance: &Instance,
) -> Result<(), kube::Error> {
    let name = Names::new(instance).key_secret();
    // Keys that are there and could not be read are none to replace.
    if world.get(Kind::Secret, &name).is_some_and(|secret| secret.data.is_null()) {
        return Ok(());
    }
    let keys = [FILTER_KEY, SESSION_KEY, CONFIG_KEY];
    let missing = keys.into_iter().filter(|key| value(world, &name, key).is_none_or(|value| value.trim().is_empty()));
    let mut made = serde_json::Map::new();
    for key in missing {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| kube::Error::Service(error.into()))?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        made.insert(key.to_owned(), json!(text));
    }
    if made.is_empty() {
        return Ok(());
    }
    let api = applier.api(Kind::Secret, &name.namespace);
    let live = if world.get(Kind::Secret, &name).is_some() {
        api.patch(&name.name, &PatchParams::default(), &Patch::Merge(json!({ "stringData": made }))).await?
    } else {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata(instance, &name),
            "type": "Opaque",
            "stringData": made,
        });
        let secret: DynamicObject = serde_json::from_value(secret).map_err(kube::Error::SerdeError)?;
        match api.create(&PostParams::default(), &secret).await {
            // It is there already: its watch is about to tell.
            Err(kube::Error::Api(status)) if status.code == 409 => return Ok(()),
            made => made?,
        }
    };
    watches.saw(Kind::Secret, live);
    Ok(())
}

/// The configuration in force, as it lies in its secret.
pub(super) fn in_force(world: &World, instance: &Instance) -> Option<Gateway> {
    let names = Names::new(instance);
    let secret = names.config_secret();
    let key = value(world, &names.key_secret(), CONFIG_KEY)?;
    let sealed = value(world, &secret, CONFIG)?;
    Seal::new(&key, &secret).open(&sealed).ok()
}

/// The configuration that is wanted, with its version.
pub(super) fn wanted(instance: &Instance, usable: impl Fn(&Upstream) -> bool) -> Gateway {
    let mut gateway = render::config(instance, usable);
    let text = serde_json::to_vec(&gateway).unwrap_or_default();
    let version = Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    gateway.version = Some(version);
    gateway
}

/// Puts the configuration where the broker reads it.
pub(super) async fn publish(
    applier: &Applier,
    watches: &Watches,
    world: &World,
    instance: &Instance,
    gateway: &Gateway,
) -> Result<(), kube::Error> {
    let names = Names::new(instance);
    let name = names.config_secret();
    let Some(key) = value(world, &names.key_secret(), CONFIG_KEY) else { return Ok(()) };
    let sealed = Seal::new(&key, &name).seal(gateway);
    let sealed = sealed.ok_or_else(|| kube::Error::Service("the configuration cannot be sealed".into()))?;
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(instance, &name),
        "type": "Opaque",
        "data": { CONFIG: ByteString(sealed.into_bytes()) },
    });
    let params = PatchParams::apply(MANAGED_BY).force();
    let live = applier.api(Kind::Secret, &name.namespace).patch(&name.name, &params, &Patch::Apply(&secret)).await?;
    watches.saw(Kind::Secret, live);
    Ok(())
}
