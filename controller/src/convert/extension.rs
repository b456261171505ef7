//! `MCPGatewayExtension`.

use super::fields::Fields;
use serde_json::{Map, Value, json};

/// What the names of annotations begin with that stand for fields in the older group.
pub(super) const ANNOTATIONS: &str = "kuadrant.io/alpha-";

pub(super) fn spec(fields: &mut Fields, annotations: &Value) -> Value {
    let mut spec = Map::new();
    if let Some(target) = fields.object("targetRef", &["group", "kind", "name", "namespace", "sectionName"]) {
        spec.insert("targetRef".to_owned(), target.into());
    }
    for (name, value) in annotations.as_object().into_iter().flatten() {
        match name.strip_prefix(ANNOTATIONS) {
            Some("gateway-public-host") => _ = spec.insert("publicHost".to_owned(), value.clone()),
            Some(_) => fields.annotation(name, "has no counterpart: it is left out"),
            None => {}
        }
    }
    fields.keep(&["publicHost"], &mut spec);
    if let Some(bytes) = fields.take("maxBodyBytes") {
        spec.insert("limits".to_owned(), json!({ "heldBody": bytes.to_string() }));
    }
    if let Some(store) = fields.object("sessionStore", &["secretName"]) {
        // The key that the other gateway reads.
        let url = json!({ "name": store.get("secretName"), "key": "CACHE_CONNECTION_STRING" });
        spec.insert("sessionStore".to_owned(), json!({ "type": "Redis", "urlRef": url }));
    }
    let lost = [
        ("privateHost", json!(""), "no request goes back through the gateway: it is not needed"),
        ("backendPingIntervalSeconds", json!(60), "the broker sees by itself when a server is gone: it is not needed"),
        (
            "trustedHeadersKey",
            json!({}),
            "tools are not filtered by a signed header: use Istio's AuthorizationPolicy, or an MCPVirtualServer",
        ),
        ("httpRouteManagement", json!("Enabled"), "the HTTPRoute of the endpoint is always made: take yours away"),
        ("logLevel", json!("info"), "there is no level of its own for each gateway: it is left out"),
        (
            "urlElicitation",
            json!("Disabled"),
            "tokens are not collected from users: give servers a credentialRef or forwardHeaders",
        ),
        (
            "oauthProtectedResource",
            json!({}),
            "the metadata of protected resources is not served: serve it by an HTTPRoute of your own",
        ),
        (
            "caCertBundleRef",
            json!({}),
            "there is no bundle for all servers: name it in the caCertificateRef of each MCPServerRegistration",
        ),
    ];
    for (name, default, message) in lost {
        fields.leave(name, &default, message);
    }
    spec.into()
}
