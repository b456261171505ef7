//! The definitions of the resources, as the API server takes them.

use super::{MCPGatewayExtension, MCPServerRegistration, MCPVirtualServer, kagenti};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// A `CustomResourceDefinition`.
#[derive(Debug, Clone, PartialEq)]
pub struct Crd {
    /// `PLURAL.GROUP`.
    pub name: String,
    /// The whole resource.
    pub definition: Value,
}

impl Crd {
    fn of<K: CustomResourceExt>() -> Self {
        // It is made of constants: what fails here fails in the first unit test.
        let mut definition = serde_json::to_value(K::crd()).unwrap_or_default();
        tidy(&mut definition);
        Self { name: K::crd_name().to_owned(), definition }
    }

    /// As YAML.
    pub fn yaml(&self) -> String {
        serde_saphyr::to_string(&self.definition).unwrap_or_default()
    }

    /// What its file is called: `GROUP_PLURAL.yaml`.
    pub fn file_name(&self) -> String {
        let (plural, group) = self.name.split_once('.').unwrap_or((&self.name, ""));
        format!("{group}_{plural}.yaml")
    }
}

/// All definitions, by name.
pub fn crds() -> Vec<Crd> {
    let mut crds = vec![
        Crd::of::<MCPGatewayExtension>(),
        Crd::of::<MCPServerRegistration>(),
        Crd::of::<MCPVirtualServer>(),
        Crd::of::<kagenti::MCPServerRegistration>(),
    ];
    crds.sort_by(|a, b| a.name.cmp(&b.name));
    crds
}

/// Takes away what the API server would warn of or read in another way: formats of numbers that it does not know, and `null` as a
/// value of its own (it is the same as nothing then, as in Kubernetes' own resources).
fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("nullable");
            if members.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
                members.remove("format");
            }
            if let Some(Value::Array(choices)) = members.get_mut("enum") {
                choices.retain(|choice| !choice.is_null());
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The schema of `status.conditions`, with what the API server checks of Kubernetes' own.
pub(super) fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let mut condition = <Condition as schemars::JsonSchema>::json_schema(generator).to_value();
    let properties = &mut condition["properties"];
    properties["lastTransitionTime"] =
        json!({ "type": "string", "format": "date-time", "description": "When `status` last became another one." });
    properties["message"]["maxLength"] = json!(32768);
    properties["observedGeneration"]["minimum"] = json!(0);
    properties["reason"]["minLength"] = json!(1);
    properties["reason"]["maxLength"] = json!(1024);
    properties["reason"]["pattern"] = json!("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$");
    properties["status"]["enum"] = json!(["True", "False", "Unknown"]);
    properties["type"]["maxLength"] = json!(316);
    for (name, text) in [
        ("message", "What there is to know, in words."),
        ("observedGeneration", "`metadata.generation` that the condition is about."),
        ("reason", "Why it is so, as a word for programs."),
        ("status", "Whether it is so: `True`, `False` or `Unknown`."),
        ("type", "What the condition is about."),
    ] {
        properties[name]["description"] = json!(text);
    }
    condition["description"] = json!("Whether something is so, and why.");
    json_schema!({
        "type": "array",
        "items": condition,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
}
