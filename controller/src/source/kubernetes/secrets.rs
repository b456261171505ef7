//! Credentials and certificate authorities, taken from where a registration says.

use super::registration::{Registration, ValueRef};
use super::verdict::{Verdict, reason};
use super::world::World;
use crate::model::ObjectName;
use crate::source::values;
use std::collections::BTreeMap;

/// The header whose value may be a token alone.
const AUTHORIZATION: &str = "authorization";

/// The headers that the server gets.
pub(super) fn headers(world: &World, registration: &Registration) -> Result<BTreeMap<String, String>, Verdict> {
    let Some(credential) = &registration.credential else { return Ok(BTreeMap::new()) };
    let invalid = |what: &str| Verdict::no(reason::INVALID_CREDENTIAL, format!("credentialRef: {what}"));
    let reference = &credential.value;
    let text = value(world, &registration.id.name.namespace, reference).map_err(|error| invalid(&error))?;
    let text = text.trim();
    let place = format!("key {} of Secret {}", reference.key, reference.name);
    if text.is_empty() {
        return Err(invalid(&format!("{place} is empty")));
    }
    let name = values::header_name(&credential.header).map_err(|error| invalid(&format!("header {error}")))?;
    // A token alone is a bearer's; with a scheme before it, it is sent as it stands.
    let is_token = name == AUTHORIZATION && !text.contains(' ');
    let header = if is_token { format!("Bearer {text}") } else { text.to_owned() };
    values::header_value(&header).map_err(|error| invalid(&format!("{place} {error}")))?;
    Ok(BTreeMap::from([(name, header)]))
}

/// The certificate authorities that the registration names, in PEM form.
pub(super) fn authorities(world: &World, registration: &Registration) -> Result<Option<String>, Verdict> {
    let Some(reference) = &registration.ca else { return Ok(None) };
    let invalid = |what: String| Verdict::no(reason::INVALID_CA, format!("caCertificateRef: {what}"));
    let text = value(world, &registration.id.name.namespace, reference).map_err(invalid)?;
    let place = format!("key {} of {} {}", reference.key, reference.kind.kind(), reference.name);
    values::pem(text.into_bytes()).map(Some).map_err(|error| invalid(format!("{place} {error}")))
}

/// The value that a resource of `namespace` refers to. An error says what is not there.
pub(super) fn value(world: &World, namespace: &str, reference: &ValueRef) -> Result<String, String> {
    let ValueRef { kind, name, key } = reference;
    let object = ObjectName { namespace: namespace.to_owned(), name: name.clone() };
    if world.get(*kind, &object).is_none() {
        return Err(format!("there is no {} {object}", kind.kind()));
    }
    world.value(*kind, &object, key).ok_or_else(|| format!("{} {object} has no text under the key {key}", kind.kind()))
}
