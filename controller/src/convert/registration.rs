//! `MCPServerRegistration`.

use super::fields::Fields;
use serde_json::{Map, Value, json};

pub(super) fn spec(fields: &mut Fields) -> Value {
    let mut spec = Map::new();
    // What is older has the name of `mcp.kagenti.com`.
    if let Some(prefix) = fields.take("prefix").or_else(|| fields.take("toolPrefix")) {
        spec.insert("prefix".to_owned(), prefix);
    }
    fields.keep(&["path", "state"], &mut spec);
    if let Some(target) = fields.object("targetRef", &["group", "kind", "name", "namespace"]) {
        spec.insert("targetRef".to_owned(), target.into());
    }
    if let Some(credential) = fields.object("credentialRef", &["name", "key"]) {
        fields.remark("credentialRef", "is sent with clients' calls too here, not only when the broker asks for lists");
        spec.insert("credentialRef".to_owned(), credential.into());
    }
    if let Some(mut ca) = fields.object("caCertSecretRef", &["name", "key"]) {
        ca.insert("kind".to_owned(), json!("Secret"));
        spec.insert("caCertificateRef".to_owned(), ca.into());
    }
    fields.leave(
        "userSpecificList",
        &json!("Disabled"),
        "name the headers by which the server tells users apart in forwardHeaders; without, all clients see what the gateway's \
         own credential sees",
    );
    fields.leave(
        "tokenURLElicitation",
        &json!({}),
        "tokens are not collected from users: give the server a credentialRef, or have clients send theirs in a header that \
         forwardHeaders names",
    );
    for name in ["hint", "category", "tags"] {
        fields.leave(
            name,
            &json!(["uncategorised"]),
            "there are no tools that search for tools: clients see all tools, or those of an MCPVirtualServer",
        );
    }
    spec.into()
}
