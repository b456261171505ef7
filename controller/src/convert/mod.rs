//! Resources of `mcp.kuadrant.io`, made into the project's own.
//!
//! What has no counterpart is left out and named. Resources of other groups are none of its business, except grants: those that name
//! a kind that is converted are made for ours too.

mod extension;
mod fields;
mod grant;
mod registration;
#[cfg(test)]
mod tests;
mod virtual_server;

use crate::api::GROUP;
use fields::Fields;
use serde_json::{Map, Value, json};
use std::fmt;

/// The group that is converted.
const THEIRS: &str = "mcp.kuadrant.io";

/// What became of the documents of one file.
#[derive(Debug, Default, PartialEq)]
pub struct Converted {
    /// Our resources.
    pub resources: Vec<Value>,
    /// What was left out, or means something else with us.
    pub remarks: Vec<Remark>,
    /// How many documents were resources of other groups.
    pub others: usize,
}

/// Something that a resource loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// `KIND NAMESPACE/NAME`.
    pub resource: String,
    /// Path of the field; empty for the whole resource.
    pub field: String,
    /// What becomes of it, and what to do.
    pub message: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, field, message } = self;
        if field.is_empty() { write!(f, "{resource}: {message}") } else { write!(f, "{resource}: {field}: {message}") }
    }
}

/// Converts what a YAML file holds. An error says why it is no YAML.
pub fn convert(yaml: &str) -> Result<Converted, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).map_err(|error| error.to_string())?;
    let mut converted = Converted::default();
    for document in documents {
        let items = match document.get("items") {
            Some(Value::Array(items)) if document["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) => {
                items.clone()
            }
            _ => vec![document],
        };
        for item in items.into_iter().filter(|item| !item.is_null()) {
            one(&item, &mut converted);
        }
    }
    Ok(converted)
}

/// A resource as YAML.
pub fn yaml(resource: &Value) -> String {
    serde_saphyr::to_string(resource).unwrap_or_default()
}

fn one(resource: &Value, converted: &mut Converted) {
    let group =
        resource["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    let kind = resource["kind"].as_str().unwrap_or_default();
    if kind == "ReferenceGrant"
        && let Some(grant) = grant::convert(resource)
    {
        converted.resources.push(with_metadata(resource, grant));
        return;
    }
    if group != THEIRS {
        converted.others += 1;
        return;
    }
    let mut fields = Fields::new(&resource["spec"], "spec", name(resource));
    let spec = match kind {
        "MCPServerRegistration" => registration::spec(&mut fields),
        "MCPVirtualServer" => virtual_server::spec(&mut fields),
        "MCPGatewayExtension" => extension::spec(&mut fields),
        _ => {
            fields.remark("", "there is no such kind here: it is left out");
            converted.remarks.append(&mut fields.finish());
            return;
        }
    };
    converted.remarks.append(&mut fields.finish());
    let ours = json!({ "apiVersion": format!("{GROUP}/v1alpha1"), "kind": kind, "spec": spec });
    converted.resources.push(with_metadata(resource, ours));
}

fn name(resource: &Value) -> String {
    let text = |field: &str| resource["metadata"][field].as_str();
    let name = text("name").unwrap_or("?");
    let name = text("namespace").map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
    format!("{} {name}", resource["kind"].as_str().unwrap_or_default())
}

/// `ours` with what of `resource`'s metadata is its author's.
fn with_metadata(resource: &Value, mut ours: Value) -> Value {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "labels", "annotations"] {
        if let Some(value) = resource["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    ours["metadata"] = metadata.into();
    ours
}
