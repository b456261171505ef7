//! `Mcp-Param-*`: parameters of a tool that its calls carry in headers too (2026-07-28, *Streamable HTTP*, *Custom Headers
//! from Tool Parameters*).

use crate::json::Object;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The keyword in a parameter's schema that names its header.
pub const KEYWORD: &str = "x-mcp-header";

/// The greatest integer that every JSON reader keeps exactly.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// What the value of a keyword holds by the names of an object that is no schema itself.
const MAPS: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords whose values are data, whatever they look like.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// A parameter that is mirrored into a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The names that lead to it from `arguments`.
    pub path: Vec<String>,
    /// The header's name, in lower case: `mcp-param-…`.
    pub header: String,
    /// Its schema says `integer`: compared by value, not by text.
    pub integer: bool,
}

impl Mirrored {
    /// The parameter's text in these `arguments` (raw JSON), before [`crate::http::encode_value`]. `None` if it is absent or
    /// `null`: the header is left out.
    ///
    /// # Errors
    /// An integer outside ±(2^53 − 1), which a header must not carry: why, for a person.
    pub fn value(&self, arguments: &str) -> Result<Option<String>, String> {
        let Some(raw) = self.raw(arguments) else { return Ok(None) };
        if let Ok(text) = serde_json::from_str::<String>(raw) {
            return Ok(Some(text));
        }
        match raw {
            "null" => Ok(None),
            "true" | "false" => Ok(Some(raw.to_owned())),
            _ if raw.starts_with(['{', '[']) => Ok(None),
            number if self.integer => integer(number)
                .map(|integer| Some(integer.unwrap_or_else(|| number.to_owned())))
                .ok_or_else(|| format!("params.arguments.{} is beyond ±(2^53 - 1).", self.path.join("."))),
            number => Ok(Some(number.to_owned())),
        }
    }

    fn raw<'a>(&self, arguments: &'a str) -> Option<&'a str> {
        let mut at = arguments;
        for name in &self.path {
            at = Object::read(at)?.get(name)?;
        }
        Some(at)
    }
}

/// A raw number as a decimal integer; `Some(None)` if it has a fraction, `None` if it is out of range.
fn integer(raw: &str) -> Option<Option<String>> {
    if let Ok(value) = raw.parse::<i64>() {
        return (-MAX_SAFE..=MAX_SAFE).contains(&value).then(|| Some(value.to_string()));
    }
    let value: f64 = raw.parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact")]
    let safe = value.abs() <= MAX_SAFE as f64;
    safe.then(|| (value.fract() == 0.0).then(|| format!("{value:.0}")))
}

/// The parameters that a tool's `inputSchema` (raw JSON) has mirrored.
///
/// # Errors
/// The first annotation that the specification forbids, for a person: the tool is not to be offered.
pub fn mirrored(input_schema: &str) -> Result<Vec<Mirrored>, String> {
    if !input_schema.contains(KEYWORD) {
        return Ok(Vec::new());
    }
    let Ok(schema) = serde_json::from_str::<Value>(input_schema) else {
        return Err(format!("its inputSchema cannot be searched for {KEYWORD}"));
    };
    let mut found = Vec::new();
    search(&schema, Some(&[]), &mut found)?;
    let mut names = HashSet::new();
    match found.iter().find(|m| !names.insert(m.header.clone())) {
        Some(twice) => Err(format!("{KEYWORD} names header {} twice", twice.header)),
        None => Ok(found),
    }
}

/// Searches a schema that `path` leads to; `None` if more than names of properties do.
fn search(schema: &Value, path: Option<&[String]>, found: &mut Vec<Mirrored>) -> Result<(), String> {
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(items) => return items.iter().try_for_each(|item| search(item, None, found)),
        _ => return Ok(()),
    };
    if let Some(annotation) = members.get(KEYWORD) {
        found.push(read(annotation, members, path)?);
    }
    for (keyword, value) in members {
        if DATA.contains(&keyword.as_str()) {
            continue;
        }
        let Some(children) = value.as_object().filter(|_| MAPS.contains(&keyword.as_str())) else {
            search(value, None, found)?;
            continue;
        };
        for (name, child) in children {
            let below =
                path.filter(|_| keyword == "properties").map(|path| [path, std::slice::from_ref(name)].concat());
            search(child, below.as_deref(), found)?;
        }
    }
    Ok(())
}

fn read(annotation: &Value, schema: &Map<String, Value>, path: Option<&[String]>) -> Result<Mirrored, String> {
    let path = path.filter(|path| !path.is_empty()).ok_or_else(|| {
        format!("{KEYWORD} stands where only names of properties may lead to: not in items, $ref, anyOf and the like")
    })?;
    let parameter = path.join(".");
    let name = annotation.as_str().filter(|name| !name.is_empty() && name.bytes().all(is_token)).ok_or_else(|| {
        format!("{KEYWORD} of parameter `{parameter}` is no name of a header: letters, digits and !#$%&'*+-.^_`|~")
    })?;
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => Some(kind.as_str()),
        // A parameter that may be null has no header then.
        Some(Value::Array(kinds)) => {
            match kinds.iter().filter_map(Value::as_str).filter(|k| *k != "null").collect::<Vec<_>>().as_slice() {
                [kind] => Some(*kind),
                _ => None,
            }
        }
        _ => None,
    };
    let kind = kind
        .filter(|kind| matches!(*kind, "string" | "integer" | "boolean"))
        .ok_or_else(|| format!("{KEYWORD} of parameter `{parameter}` needs the type string, integer or boolean"))?;
    let header = format!("mcp-param-{}", name.to_ascii_lowercase());
    Ok(Mirrored { path: path.to_vec(), header, integer: kind == "integer" })
}

/// `tchar` of RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn of(properties: &str) -> Result<Vec<Mirrored>, String> {
        mirrored(&format!(r#"{{"type":"object","properties":{properties}}}"#))
    }

    #[test]
    fn annotated_parameters_are_found_at_any_depth() {
        let found = of(
            r#"{"a":{"type":"string","x-mcp-header":"Region"},"o":{"type":"object","properties":{"n":{"type":["integer","null"],"x-mcp-header":"N"}}},"x-mcp-header":{"type":"string"}}"#,
        )
        .unwrap();
        let headers: Vec<_> = found.iter().map(|m| (m.path.join("."), m.header.as_str())).collect();
        assert_eq!(headers, [("a".to_owned(), "mcp-param-region"), ("o.n".to_owned(), "mcp-param-n")]);
        let value = |at: usize, arguments: &str| found[at].value(arguments);
        assert_eq!(value(0, r#"{"a":"\u00e9"}"#), Ok(Some("é".into())));
        assert_eq!(value(0, "{}"), Ok(None));
        assert_eq!(value(0, r#"{"a":null}"#), Ok(None));
        assert_eq!(value(0, r#"{"a":true}"#), Ok(Some("true".into())));
        for (sent, expected) in
            [("-7", "-7"), ("42.0", "42"), ("4.2e1", "42"), ("9007199254740991", "9007199254740991")]
        {
            assert_eq!(value(1, &format!(r#"{{"o":{{"n":{sent}}}}}"#)), Ok(Some(expected.into())));
        }
        for beyond in ["9007199254740992", "-9007199254740993", "1e400", "99999999999999999999"] {
            assert!(value(1, &format!(r#"{{"o":{{"n":{beyond}}}}}"#)).is_err(), "{beyond}");
        }
        assert_eq!(mirrored("{}"), Ok(Vec::new()));
    }

    #[test]
    fn what_the_specification_forbids_is_found() {
        for (bad, why) in [
            (r#"{"a":{"type":"number","x-mcp-header":"A"}}"#, "type"),
            (r#"{"a":{"x-mcp-header":"A"}}"#, "type"),
            (r#"{"a":{"type":"string","x-mcp-header":""}}"#, "no name"),
            (r#"{"a":{"type":"string","x-mcp-header":"A B"}}"#, "no name"),
            (r#"{"a":{"type":"string","x-mcp-header":"A\r\n"}}"#, "no name"),
            (r#"{"a":{"type":"string","x-mcp-header":5}}"#, "no name"),
            (r#"{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}"#, "twice"),
            (r#"{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}"#, "items"),
            (r#"{"a":{"anyOf":[{"type":"string","x-mcp-header":"A"}]}}"#, "anyOf"),
        ] {
            assert!(of(bad).unwrap_err().contains(why), "{bad}");
        }
        assert!(mirrored(r#"{"type":"object","$defs":{"d":{"type":"string","x-mcp-header":"A"}}}"#).is_err());
        assert!(mirrored(r#"{"type":"string","x-mcp-header":"A"}"#).is_err());
        assert_eq!(of(r#"{"a":{"type":"string","default":{"x-mcp-header":5}}}"#), Ok(Vec::new()));
    }
}
