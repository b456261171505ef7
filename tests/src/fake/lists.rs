//! What a server says of itself.

use super::{Fake, Recorded};
use serde_json::{Value, json};

/// A tool as it is listed.
pub(super) fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" } })
}

/// The revision that a server without other orders settles on.
const NEWEST: &str = "2025-11-25";

impl Fake {
    /// The result of a request that asks for no item in particular.
    pub(super) fn general(&self, request: &Recorded) -> Option<Value> {
        let list = |kind: &'static str| {
            let mut items = self.state().lists.get(kind).cloned().unwrap_or_default();
            items.extend(self.own(request, kind));
            json!({ kind: items })
        };
        let mut result = match request.method.as_deref()? {
            "initialize" => json!({
                "protocolVersion": self.settled(request),
                "capabilities": self.capabilities(),
                "serverInfo": { "name": "fake", "version": "1" },
            }),
            "server/discover" => json!({
                "supportedVersions": ["2026-07-28"],
                "capabilities": self.capabilities(),
                "serverInfo": { "name": "fake", "version": "1" },
            }),
            "tools/list" => list("tools"),
            "prompts/list" => list("prompts"),
            "resources/list" => list("resources"),
            "resources/templates/list" => list("resourceTemplates"),
            "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => json!({}),
            _ => return None,
        };
        if request.modern {
            result["resultType"] = json!("complete");
            result["ttlMs"] = json!(self.inner.plan.ttl_ms);
            result["cacheScope"] = json!("private");
        }
        Some(result)
    }

    fn capabilities(&self) -> Value {
        let changes = json!({ "listChanged": !self.inner.plan.modern && self.inner.plan.sessions });
        json!({ "tools": changes, "prompts": changes, "resources": changes, "logging": {} })
    }

    fn settled(&self, request: &Recorded) -> Value {
        if let Some(revision) = self.inner.plan.revision {
            return json!(revision);
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match &asked["params"]["protocolVersion"] {
            Value::String(revision) if revision.as_str() <= NEWEST => json!(revision),
            _ => json!(NEWEST),
        }
    }
}
