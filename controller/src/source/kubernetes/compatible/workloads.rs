//! Which workloads Istio's policies are for.

use super::mesh::Mesh;
use crate::model::{Instance, ObjectName};
use crate::source::kubernetes::gateway_api::{GROUP, Service};
use crate::source::kubernetes::kind::Kind;
use crate::source::kubernetes::world::{World, spec};
use kube::ResourceExt;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) type Labels = BTreeMap<String, String>;

/// `selector` of a policy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Workloads {
    #[serde(default)]
    match_labels: Labels,
}

impl Workloads {
    /// Whether it selects at all.
    pub(super) fn is_all(&self) -> bool {
        self.match_labels.is_empty()
    }

    pub(super) fn select(&self, labels: &Labels) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// `targetRef` of a policy.
#[derive(Debug, Deserialize)]
pub(super) struct PolicyTarget {
    #[serde(default)]
    group: String,
    kind: String,
    name: String,
}

/// Whether a policy of `namespace` is for the pods of the instance's gateway.
pub(super) fn is_for_gateway(
    world: &World,
    mesh: &Mesh,
    instance: &Instance,
    namespace: &str,
    targets: &[&PolicyTarget],
    selector: &Workloads,
) -> bool {
    let gateway = &instance.gateway;
    if !targets.is_empty() {
        return namespace == gateway.namespace
            && targets
                .iter()
                .any(|target| target.group == GROUP && target.kind == "Gateway" && target.name == gateway.name);
    }
    (namespace == gateway.namespace || namespace == mesh.root_namespace)
        && selector.select(&gateway_labels(world, gateway))
}

/// What is known of the labels that a gateway's pods bear.
fn gateway_labels(world: &World, name: &ObjectName) -> Labels {
    let mut labels = Labels::from([("gateway.networking.k8s.io/gateway-name".to_owned(), name.name.clone())]);
    let Some(gateway) = world.get(Kind::Gateway, name) else { return labels };
    let class = gateway.data["spec"]["gatewayClassName"].as_str().unwrap_or_default();
    labels.insert("gateway.networking.k8s.io/gateway-class-name".to_owned(), class.to_owned());
    labels.insert("service.istio.io/canonical-name".to_owned(), format!("{}-{class}", name.name));
    labels.extend(gateway.labels().clone());
    let given = gateway.data["spec"]["infrastructure"]["labels"].as_object();
    labels
        .extend(given.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))));
    labels
}

/// Whether pods of a namespace become a part of the mesh by themselves.
pub(super) fn is_in_mesh(world: &World, namespace: &str) -> bool {
    let name = ObjectName { namespace: String::new(), name: namespace.to_owned() };
    let Some(namespace) = world.get(Kind::Namespace, &name) else { return false };
    let labels = namespace.labels();
    let is = |label: &str, value: &str| labels.get(label).is_some_and(|known| known == value);
    is("istio-injection", "enabled") || is("istio.io/dataplane-mode", "ambient") || labels.contains_key("istio.io/rev")
}

/// A `Service`.
pub(super) fn service(world: &World, name: &ObjectName) -> Option<Service> {
    spec(world.get(Kind::Service, name)?).ok()
}
