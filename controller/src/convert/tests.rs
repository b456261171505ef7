use super::{Converted, convert};
use crate::api::{ExtensionSpec, RegistrationSpec, ServerState, VirtualServerSpec};
use serde_json::json;

fn converted(yaml: &str) -> Converted {
    convert(yaml).expect("it is YAML")
}

fn remarks(converted: &Converted) -> Vec<String> {
    converted.remarks.iter().map(ToString::to_string).collect()
}

#[test]
fn a_registration_keeps_what_has_a_counterpart_and_the_rest_is_named() {
    let result = converted(
        r#"
apiVersion: mcp.kuadrant.io/v1
kind: MCPServerRegistration
metadata:
  name: weather
  namespace: mcp-test
  uid: 6a7f
  resourceVersion: "12"
  labels: {team: a}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
spec:
  prefix: weather_
  path: /v1/mcp
  state: Disabled
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: weather-route, namespace: routes}
  credentialRef: {name: weather-token, key: token}
  caCertSecretRef: {name: weather-ca}
  userSpecificList: Enabled
  category: [uncategorised]
  tags: [rain]
  shiny: 1
status: {conditions: []}
"#,
    );
    assert_eq!(
        result.resources,
        [json!({
            "apiVersion": "mcpgateway.dev/v1alpha1",
            "kind": "MCPServerRegistration",
            "metadata": {"name": "weather", "namespace": "mcp-test", "labels": {"team": "a"}},
            "spec": {
                "prefix": "weather_",
                "path": "/v1/mcp",
                "state": "Disabled",
                "targetRef": {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "weather-route", "namespace": "routes"},
                "credentialRef": {"name": "weather-token", "key": "token"},
                "caCertificateRef": {"kind": "Secret", "name": "weather-ca"},
            },
        })]
    );
    let spec: RegistrationSpec =
        serde_json::from_value(result.resources[0]["spec"].clone()).expect("it is one of ours");
    assert_eq!(spec.state, ServerState::Disabled);
    let remarks = remarks(&result);
    let fields = ["spec.credentialRef: ", "spec.userSpecificList: ", "spec.tags: ", "spec.shiny: "];
    assert_eq!(remarks.len(), fields.len(), "{remarks:#?}");
    for (remark, field) in remarks.iter().zip(fields) {
        assert!(remark.starts_with(&format!("MCPServerRegistration mcp-test/weather: {field}")), "{remark}");
    }
}

#[test]
fn the_older_version_and_its_prefix_are_read_too() {
    let result = converted(
        "apiVersion: mcp.kuadrant.io/v1alpha1\nkind: MCPServerRegistration\nmetadata: {name: a}\n\
         spec: {toolPrefix: a_, targetRef: {name: a}}\n",
    );
    assert_eq!(result.resources[0]["spec"], json!({"prefix": "a_", "targetRef": {"name": "a"}}));
    assert_eq!(result.remarks, []);
}

#[test]
fn a_gateway_keeps_its_listener_and_host() {
    let result = converted(
        r#"
apiVersion: mcp.kuadrant.io/v1
kind: MCPGatewayExtension
metadata: {name: mcp, namespace: mcp-system}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: mcp-gateway, namespace: gateway-system, sectionName: mcp}
  publicHost: mcp.127-0-0-1.sslip.io
  backendPingIntervalSeconds: 60
  maxBodyBytes: 2097152
  sessionStore: {secretName: redis}
  trustedHeadersKey: {secretName: key, generate: Enabled}
"#,
    );
    let spec: ExtensionSpec = serde_json::from_value(result.resources[0]["spec"].clone()).expect("it is one of ours");
    assert_eq!(
        (spec.target_ref.namespace.as_deref(), spec.target_ref.section_name.as_deref()),
        (Some("gateway-system"), Some("mcp"))
    );
    assert_eq!(spec.public_host.as_deref(), Some("mcp.127-0-0-1.sslip.io"));
    assert_eq!(spec.limits.to_config().map(|limits| limits.held_body_bytes), Ok(2 << 20));
    let fields: Vec<_> = result.remarks.iter().map(|remark| remark.field.as_str()).collect();
    assert_eq!(fields, ["spec.trustedHeadersKey"]);
    let store = spec.session_store.url_ref.expect("the Secret is named");
    assert_eq!((store.name.as_str(), store.key.as_str()), ("redis", "CACHE_CONNECTION_STRING"));
}

#[test]
fn a_virtual_server_goes_on_showing_what_it_did_not_restrict() {
    let result = converted(
        "apiVersion: mcp.kuadrant.io/v1\nkind: MCPVirtualServer\nmetadata: {name: dev}\n\
         spec: {description: For developers., tools: [a_x, b_y]}\n",
    );
    let spec: VirtualServerSpec =
        serde_json::from_value(result.resources[0]["spec"].clone()).expect("it is one of ours");
    assert_eq!(
        (spec.tools, spec.prompts, spec.resources),
        (vec!["a_x".into(), "b_y".into()], vec!["*".into()], vec!["*".into()])
    );
    assert_eq!(result.remarks, []);
}

#[test]
fn lists_are_taken_apart_grants_follow_and_other_resources_are_counted() {
    let result = converted(
        r#"
apiVersion: v1
kind: List
items:
- {apiVersion: mcp.kuadrant.io/v1, kind: MCPVirtualServer, metadata: {name: a}, spec: {tools: [x]}}
- {apiVersion: v1, kind: Secret, metadata: {name: s}}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: allow, namespace: gateway-system}
spec:
  from: [{group: mcp.kuadrant.io, kind: MCPGatewayExtension, namespace: mcp-system}]
  to: [{group: gateway.networking.k8s.io, kind: Gateway}]
---
apiVersion: mcp.kuadrant.io/v1
kind: MCPNovelty
metadata: {name: novelty}
"#,
    );
    assert_eq!(result.others, 1);
    assert_eq!(result.resources.len(), 2);
    let from = result.resources[1]["spec"]["from"].as_array().expect("who is allowed");
    let groups: Vec<_> = from.iter().map(|from| from["group"].as_str().unwrap_or_default()).collect();
    assert_eq!(groups, ["mcp.kuadrant.io", "mcpgateway.dev"], "theirs goes on beside ours");
    assert_eq!(remarks(&result), ["MCPNovelty novelty: there is no such kind here: it is left out"]);
}

#[test]
fn the_older_groups_registrations_stay_and_its_other_kinds_are_converted() {
    let result = converted(
        r#"
apiVersion: mcp.kagenti.com/v1alpha1
kind: MCPServerRegistration
metadata: {name: weather}
spec: {toolPrefix: weather_, targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: weather}}
---
apiVersion: mcp.kagenti.com/v1alpha1
kind: MCPServer
metadata: {name: older}
spec: {toolPrefix: old_, targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: older, namespace: routes}}
---
apiVersion: mcp.kagenti.com/v1alpha1
kind: MCPGatewayExtension
metadata:
  name: mcp
  annotations:
    kuadrant.io/alpha-gateway-public-host: mcp.example.com
    kuadrant.io/alpha-gateway-poll-interval: 30s
    team: a
spec: {targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: front}}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: allow, namespace: routes}
spec:
  from:
  - {group: mcp.kagenti.com, kind: MCPServer, namespace: a}
  - {group: mcp.kagenti.com, kind: MCPServerRegistration, namespace: a}
  to: [{group: gateway.networking.k8s.io, kind: HTTPRoute}]
"#,
    );
    let kinds: Vec<_> = result.resources.iter().map(|resource| resource["kind"].as_str().unwrap_or_default()).collect();
    assert_eq!(kinds, ["MCPServerRegistration", "MCPGatewayExtension", "ReferenceGrant"]);
    assert_eq!(result.resources[0]["spec"]["prefix"], "old_");
    assert_eq!(result.resources[1]["spec"]["publicHost"], "mcp.example.com");
    assert_eq!(result.resources[1]["metadata"]["annotations"], json!({"team": "a"}));
    let from = &result.resources[2]["spec"]["from"];
    assert_eq!(from.as_array().map(Vec::len), Some(3), "{from}");
    assert_eq!(from[2], json!({"group": "mcpgateway.dev", "kind": "MCPServerRegistration", "namespace": "a"}));
    let remarks = remarks(&result);
    assert_eq!(remarks.len(), 2, "{remarks:#?}");
    assert!(remarks[0].starts_with("MCPServerRegistration weather: works here as it is"), "{remarks:#?}");
    assert!(remarks[1].contains("metadata.annotations[kuadrant.io/alpha-gateway-poll-interval]"), "{remarks:#?}");
}

#[test]
fn what_the_api_server_would_refuse_is_mended_or_told() {
    let name = "a".repeat(41);
    let result = converted(&format!(
        r#"
apiVersion: mcp.kuadrant.io/v1
kind: MCPVirtualServer
metadata: {{name: twice}}
spec: {{tools: [a_x, b_y, a_x], prompts: [p, p]}}
---
apiVersion: mcp.kuadrant.io/v1
kind: MCPGatewayExtension
metadata: {{name: {name}}}
spec: {{targetRef: {{name: front, sectionName: mcp}}}}
"#
    ));
    assert_eq!(result.resources[0]["spec"]["tools"], json!(["a_x", "b_y"]));
    assert_eq!(result.resources[0]["spec"]["prompts"], json!(["p"]));
    let remarks = remarks(&result);
    assert!(remarks.len() == 1 && remarks[0].contains("40 characters"), "{remarks:#?}");
}

#[test]
fn roles_for_their_group_are_told_and_what_is_no_resource_is_not_counted() {
    let result = converted(
        r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: registrars}
rules: [{apiGroups: [mcp.kuadrant.io], resources: [mcpserverregistrations], verbs: [create]}]
---
replicas: 3
---
just text
"#,
    );
    assert_eq!((result.resources.len(), result.others), (0, 1));
    let remarks = remarks(&result);
    assert!(remarks.len() == 1 && remarks[0].starts_with("ClusterRole registrars: rules: "), "{remarks:#?}");
}

#[test]
fn text_that_yaml_once_took_for_truth_stays_text() {
    let result = converted(
        "
apiVersion: mcp.kuadrant.io/v1
kind: MCPServerRegistration
metadata: {name: a, labels: {axis: y, country: no, critical: \"true\"}}
spec: {targetRef: {name: r}}
",
    );
    let labels = json!({"axis": "y", "country": "no", "critical": "true"});
    assert_eq!(result.resources[0]["metadata"]["labels"], labels);
    let again = converted(&super::yaml(&result.resources[0]).replace("mcpgateway.dev/v1alpha1", "mcp.kuadrant.io/v1"));
    assert_eq!(again.resources[0]["metadata"]["labels"], labels);
}

#[test]
fn what_is_no_yaml_is_an_error() {
    assert!(convert("a: [").is_err());
}
