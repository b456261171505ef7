//! `MCPVirtualServer`.

use super::fields::Fields;
use serde_json::{Map, Value, json};

pub(super) fn spec(fields: &mut Fields) -> Value {
    let mut spec = Map::new();
    fields.keep(&["description", "tools", "prompts"], &mut spec);
    // Theirs restricts prompts only where it names some, and resources never.
    for name in ["prompts", "resources"] {
        spec.entry(name).or_insert_with(|| json!(["*"]));
    }
    spec.into()
}
