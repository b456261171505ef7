//! `MCPVirtualServer`.

use super::fields::Fields;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

pub(super) fn spec(fields: &mut Fields) -> Value {
    let mut spec = Map::new();
    fields.keep(&["description", "tools", "prompts"], &mut spec);
    // Theirs may say the same twice.
    for names in spec.values_mut().filter_map(Value::as_array_mut) {
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
    }
    // Theirs restricts prompts only where it names some, and resources never.
    for name in ["prompts", "resources"] {
        spec.entry(name).or_insert_with(|| json!(["*"]));
    }
    spec.into()
}
