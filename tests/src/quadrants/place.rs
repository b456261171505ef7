//! Where a case is run, and how the server's offer looks from there.

use crate::peers::{Era, uri_behind};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What every server offers: `tests/fixtures/quadrants/offer.json`.
static OFFER: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../fixtures/quadrants/offer.json")).expect("is JSON"));

/// The names of items that are added for a moment begin with it.
const EXTRA: &str = "extra-";

/// One client before one server.
#[derive(Debug, Clone)]
pub struct Place {
    /// The server's prefix; empty without a gateway.
    pub prefix: String,
    /// The client's era.
    pub client: Era,
    /// The server's era.
    pub server: Era,
    /// Tells this run from all others at the same server.
    pub run: String,
}

impl Place {
    /// A tool's or prompt's name.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A resource's URI.
    pub fn uri(&self, uri: &str) -> String {
        uri_behind(&self.prefix, uri)
    }

    /// What is added for a moment in this run. The server knows it by this name.
    pub fn extra(&self, name: &str) -> String {
        format!("{EXTRA}{name}-{}", self.run)
    }

    /// A part of the offer as it looks from here.
    pub fn offer(&self, pointer: &str) -> Value {
        let found = OFFER.pointer(pointer).unwrap_or_else(|| panic!("offer.json has {pointer}"));
        self.seen(found)
    }

    /// A list of the offer as it looks from here.
    pub fn list(&self, what: &str) -> Value {
        let mut items = self.offer(&format!("/{what}"));
        if matches!(what, "tools" | "prompts") {
            for item in items.as_array_mut().into_iter().flatten() {
                item["name"] = json!(self.name(item["name"].as_str().unwrap_or_default()));
            }
        }
        items
    }

    /// Those of the items that a client listed that are in this server's offer, without what is added for a moment.
    pub fn own(&self, what: &str, items: &Value) -> Value {
        let key = match what {
            "tools" | "prompts" => "name",
            "resources" => "uri",
            _ => "uriTemplate",
        };
        let start = if key == "name" { self.prefix.clone() } else { self.uri("doc://") };
        let all = items.as_array().into_iter().flatten();
        let is_own =
            |item: &&Value| item[key].as_str().is_some_and(|name| name.starts_with(&start) && !name.contains(EXTRA));
        all.filter(is_own).cloned().collect()
    }

    fn seen(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.seen(item)).collect(),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| match value.as_str() {
                    Some(uri) if name == "uri" || name == "uriTemplate" => (name.clone(), json!(self.uri(uri))),
                    _ => (name.clone(), self.seen(value)),
                };
                members.iter().map(member).collect()
            }
            other => other.clone(),
        }
    }
}
