//! What a container may use.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a container gets and may use (`ResourceRequirements`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Resources {
    /// The most that it may use, as `cpu: 2` and `memory: 512Mi`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    #[x_kube(validation = Rule::new("self.all(name, type(self[name]) == int || isQuantity(string(self[name])))")
        .message("limits hold something that is no quantity: write numbers with a unit, as in cpu: 500m and memory: 256Mi"))]
    pub limits: BTreeMap<String, IntOrString>,
    /// What is set aside for it, as `cpu: 250m` and `memory: 128Mi`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    #[x_kube(validation = Rule::new("self.all(name, type(self[name]) == int || isQuantity(string(self[name])))")
        .message("requests hold something that is no quantity: write numbers with a unit, as in cpu: 250m and memory: 128Mi"))]
    pub requests: BTreeMap<String, IntOrString>,
}

impl Resources {
    /// As a container's `resources`.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": { "x-kubernetes-int-or-string": true, "maxLength": 32 },
    })
}
