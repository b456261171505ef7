//! Resources of `mcp.kuadrant.io`, and of `mcp.kagenti.com` as that was called before, made into the project's own.
//!
//! What has no counterpart is left out and named. Resources of other groups are none of its business, except those that name one of
//! these: grants are made for ours, and roles are told.

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

/// What their group was called before. Its registrations are a kind of ours too.
const OLDER: &str = "mcp.kagenti.com";
/// The groups that are converted.
const THEIRS: [&str; 2] = ["mcp.kuadrant.io", OLDER];
/// Longest name of an `MCPGatewayExtension`.
const EXTENSION_NAME: usize = 40;

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
    let mut converted = Converted::default();
    for resource in resources(yaml)? {
        one(&resource, &mut converted);
    }
    Ok(converted)
}

/// The resources that a YAML file holds, those in lists too. An error says why it is no YAML.
pub fn resources(yaml: &str) -> Result<Vec<Value>, String> {
    // What kubectl takes for text is text: `y` and `n` are labels like others.
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(yaml, options).map_err(|error| error.to_string())?;
    let resources = documents.into_iter().flat_map(|document| match document.get("items") {
        Some(Value::Array(items)) if document["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) => {
            items.clone()
        }
        _ => vec![document],
    });
    Ok(resources.filter(|resource| !resource.is_null()).collect())
}

/// A resource as YAML.
pub fn yaml(resource: &Value) -> String {
    serde_saphyr::to_string(resource).unwrap_or_default()
}

fn one(resource: &Value, converted: &mut Converted) {
    let group = group(resource);
    let kind = resource["kind"].as_str().unwrap_or_default();
    if kind == "ReferenceGrant"
        && let Some(grant) = grant::convert(resource)
    {
        converted.resources.push(with_metadata(resource, grant));
        return;
    }
    if !THEIRS.contains(&group) {
        if ["Role", "ClusterRole"].contains(&kind) && rules_name_theirs(resource) {
            let message = format!("has rules for their group, and is left as it is: give {GROUP} the same rights");
            converted.remarks.push(Remark { resource: name(resource), field: "rules".to_owned(), message });
        }
        converted.others += usize::from(resource["kind"].is_string());
        return;
    }
    let mut fields = Fields::new(&resource["spec"], "spec", name(resource));
    let (ours, spec) = match kind {
        "MCPServerRegistration" if group == OLDER => {
            fields.remark("", "works here as it is: leave it in the cluster, or apply it unchanged");
            converted.remarks.append(&mut fields.remarks());
            return;
        }
        "MCPServerRegistration" | "MCPServer" => ("MCPServerRegistration", registration::spec(&mut fields)),
        "MCPVirtualServer" => (kind, virtual_server::spec(&mut fields)),
        "MCPGatewayExtension" => (kind, extension::spec(&mut fields, &resource["metadata"]["annotations"])),
        _ => {
            fields.remark("", "there is no such kind here: it is left out");
            converted.remarks.append(&mut fields.remarks());
            return;
        }
    };
    if ours == "MCPGatewayExtension"
        && resource["metadata"]["name"].as_str().is_some_and(|name| name.len() > EXTENSION_NAME)
    {
        fields.remark("", &format!("has a name of more than {EXTENSION_NAME} characters: choose a shorter one"));
    }
    converted.remarks.append(&mut fields.finish());
    let ours = json!({ "apiVersion": format!("{GROUP}/v1alpha1"), "kind": ours, "spec": spec });
    converted.resources.push(with_metadata(resource, ours));
}

fn group(resource: &Value) -> &str {
    resource["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group)
}

fn rules_name_theirs(role: &Value) -> bool {
    let rules = role["rules"].as_array().into_iter().flatten();
    let mut groups = rules.flat_map(|rule| rule["apiGroups"].as_array().into_iter().flatten());
    groups.any(|group| group.as_str().is_some_and(|group| THEIRS.contains(&group)))
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
        annotations.retain(|name, _| {
            name != "kubectl.kubernetes.io/last-applied-configuration" && !name.starts_with(extension::ANNOTATIONS)
        });
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    ours["metadata"] = metadata.into();
    ours
}
