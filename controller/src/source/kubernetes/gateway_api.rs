//! The parts of the Gateway API and of Istio that are read. Whatever else resources hold is passed over.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const GROUP: &str = "gateway.networking.k8s.io";
pub(super) const ISTIO: &str = "networking.istio.io";

/// `spec` of a `Gateway`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Gateway {
    #[serde(default)]
    pub(super) gateway_class_name: String,
    #[serde(default)]
    pub(super) listeners: Vec<Listener>,
    #[serde(default)]
    pub(super) addresses: Vec<Address>,
}

/// `spec` of a `GatewayClass`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GatewayClass {
    #[serde(default)]
    pub(super) controller_name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Address {
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listener {
    pub(super) name: String,
    pub(super) port: u16,
    #[serde(default)]
    pub(super) protocol: String,
    pub(super) hostname: Option<String>,
    #[serde(default)]
    pub(super) tls: ListenerTls,
    #[serde(default)]
    pub(super) allowed_routes: AllowedRoutes,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ListenerTls {
    pub(super) mode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct AllowedRoutes {
    #[serde(default)]
    pub(super) namespaces: RouteNamespaces,
    #[serde(default)]
    pub(super) kinds: Vec<RouteKind>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RouteNamespaces {
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) selector: Selector,
}

#[derive(Debug, Deserialize)]
pub(super) struct RouteKind {
    pub(super) group: Option<String>,
    pub(super) kind: String,
}

/// `LabelSelector`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Selector {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
    #[serde(default)]
    match_expressions: Vec<Expression>,
}

#[derive(Debug, Deserialize)]
struct Expression {
    key: String,
    operator: String,
    #[serde(default)]
    values: Vec<String>,
}

impl Selector {
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let by_expression = |expression: &Expression| {
            let value = labels.get(&expression.key);
            match expression.operator.as_str() {
                "In" => value.is_some_and(|value| expression.values.contains(value)),
                "NotIn" => value.is_none_or(|value| !expression.values.contains(value)),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        };
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(by_expression)
    }
}

/// `spec` of an `HTTPRoute`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpRoute {
    #[serde(default)]
    pub(super) parent_refs: Vec<ParentRef>,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ParentRef {
    pub(super) group: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) matches: Vec<Match>,
    #[serde(default)]
    pub(super) filters: Vec<Value>,
    #[serde(default)]
    pub(super) backend_refs: Vec<Value>,
    pub(super) timeouts: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Match {
    pub(super) path: Option<PathMatch>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PathMatch {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) value: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct BackendRef {
    #[serde(default)]
    pub(super) group: String,
    #[serde(default = "service")]
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) weight: Option<u32>,
}

fn service() -> String {
    "Service".to_owned()
}

/// `spec` of a `ReferenceGrant`.
#[derive(Debug, Deserialize)]
pub(super) struct ReferenceGrant {
    #[serde(default)]
    pub(super) from: Vec<GrantFrom>,
    #[serde(default)]
    pub(super) to: Vec<GrantTo>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GrantFrom {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) namespace: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct GrantTo {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) name: Option<String>,
}

/// `spec` of a `Service`.
#[derive(Debug, Deserialize)]
pub(super) struct Service {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) ports: Vec<ServicePort>,
    #[serde(default)]
    pub(super) selector: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServicePort {
    #[serde(default)]
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) target_port: Option<Value>,
    pub(super) app_protocol: Option<String>,
}

/// `spec` of a `ServiceEntry`.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceEntry {
    #[serde(default)]
    pub(super) hosts: Vec<String>,
    #[serde(default)]
    pub(super) ports: Vec<EntryPort>,
    #[serde(default)]
    pub(super) endpoints: Vec<EntryEndpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryPort {
    #[serde(default)]
    pub(super) name: String,
    pub(super) number: u16,
    #[serde(default)]
    pub(super) protocol: String,
    pub(super) target_port: Option<u16>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EntryEndpoint {
    #[serde(default)]
    pub(super) address: String,
    #[serde(default)]
    pub(super) ports: BTreeMap<String, u16>,
}

/// `spec` of a `BackendTLSPolicy`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BackendTlsPolicy {
    #[serde(default)]
    pub(super) target_refs: Vec<PolicyTarget>,
    #[serde(default)]
    pub(super) validation: Validation,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyTarget {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) section_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Validation {
    #[serde(default)]
    pub(super) ca_certificate_refs: Vec<CaRef>,
    #[serde(default)]
    pub(super) hostname: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct CaRef {
    pub(super) kind: String,
    pub(super) name: String,
}
