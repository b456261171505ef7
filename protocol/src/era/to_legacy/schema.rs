//! JSON Schemas of tools.

use crate::json::{Change, Object, edit_items, quote};

/// Where a schema stands that was put under `result`.
const MOVED: &str = "#/properties/result";
/// Schemas nested more deeply are left as they are.
const DEEPEST: usize = 128;

/// Keywords that hold schemas by name, so that the names mean nothing.
const MAPS: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords whose values are data, whatever they look like.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// Whether a schema (raw JSON) is an object's by its `type`, as legacy revisions demand of `outputSchema`.
pub(super) fn is_object(schema: &str) -> bool {
    Object::read(schema).and_then(|schema| schema.text("type")).as_deref() == Some("object")
}

/// A schema of anything as one of an object that has it under `result`.
pub(super) fn wrap(schema: &str) -> String {
    let dialect = Object::read(schema).and_then(|s| s.get("$schema")).map(|d| format!("\"$schema\":{d},"));
    let dialect = dialect.unwrap_or_default();
    let moved = Object::read(schema).map_or_else(|| "{}".to_owned(), |s| rebase(&s.without(&["$schema"]), DEEPEST));
    format!("{{{dialect}\"type\":\"object\",\"properties\":{{\"result\":{moved}}},\"required\":[\"result\"]}}")
}

/// A schema whose references to itself lead to its new place.
fn rebase(schema: &str, depth: usize) -> String {
    let Some(object) = Object::read(schema).filter(|_| depth > 0) else { return schema.to_owned() };
    // Its references are to itself, wherever it stands.
    if object.get("$id").is_some() {
        return schema.to_owned();
    }
    let below = depth.saturating_sub(1);
    object.edit(
        |keyword, value| {
            if keyword == "$ref" || keyword == "$dynamicRef" {
                return moved(value).map_or(Change::Keep, |reference| Change::Value(quote(&reference)));
            }
            if DATA.contains(&keyword) {
                return Change::Keep;
            }
            if value.starts_with('[') {
                return Change::Value(edit_items(value, |item| item.starts_with('{').then(|| rebase(item, below))));
            }
            if !value.starts_with('{') {
                return Change::Keep;
            }
            match Object::read(value).filter(|_| MAPS.contains(&keyword)) {
                Some(map) => Change::Value(map.edit(|_, child| Change::Value(rebase(child, below)), &[])),
                None => Change::Value(rebase(value, below)),
            }
        },
        &[],
    )
}

/// The new text of a reference to a place in the schema itself. An anchor stays what it is.
fn moved(reference: &str) -> Option<String> {
    let text: String = serde_json::from_str(reference).ok()?;
    let rest = text.strip_prefix('#')?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("{MOVED}{rest}"))
}

/// A schema without boolean schemas among its `properties`: for one of these a common client refuses the whole list.
pub(super) fn without_booleans(schema: &str) -> String {
    let Some(object) = Object::read(schema) else { return schema.to_owned() };
    let Some(properties) = object.get("properties").and_then(Object::read) else { return schema.to_owned() };
    let properties = properties.edit(
        |_, property| match property {
            "true" => Change::Value("{}".to_owned()),
            "false" => Change::Value("{\"not\":{}}".to_owned()),
            _ => Change::Keep,
        },
        &[],
    );
    object.with("properties", &properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn references_lead_to_the_same_schemas_as_before() {
        let tree = r##"{"$schema":"d","type":"array","items":{"$ref":"#/$defs/n"},"$defs":{"n":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"const":{"$ref":"#a"},"i":{"$id":"u:x","$ref":"#/y"}},"default":{"$ref":"#/z"}}"##;
        let wrapped = r##"{"$schema":"d","type":"object","properties":{"result":{"type":"array","items":{"$ref":"#/properties/result/$defs/n"},"$defs":{"n":{"anyOf":[{"$ref":"#/properties/result"},{"type":"null"}]},"const":{"$ref":"#a"},"i":{"$id":"u:x","$ref":"#/y"}},"default":{"$ref":"#/z"}}},"required":["result"]}"##;
        assert_eq!(wrap(tree), wrapped);
        assert_eq!(wrap("true"), r#"{"type":"object","properties":{"result":{}},"required":["result"]}"#);
    }

    #[test]
    fn boolean_schemas_become_objects() {
        let schema = r#"{"type":"object","properties":{"a":true,"b": false,"c":{"type":"string"}},"x":1.0}"#;
        assert_eq!(without_booleans(schema), schema.replace(":true", ":{}").replace(": false", ": {\"not\":{}}"));
        assert_eq!(without_booleans("{}"), "{}");
    }

    proptest! {
        #[test]
        fn any_schema_is_wrapped(schema in crate::json::any_json()) {
            prop_assert!(is_object(&wrap(&schema)));
            without_booleans(&schema);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}{}", "{\"not\":".repeat(100_000), "{}".to_owned() + &"}".repeat(100_000));
        assert!(is_object(&wrap(&deep)));
    }
}
