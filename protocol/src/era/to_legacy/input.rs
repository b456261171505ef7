//! What a modern server wants to know of the client, as requests that a legacy client takes.

use crate::era::{Asked, Revision};
use crate::json::{Change, Object, edit_items, items, quote};

/// A request of `inputRequests` as one for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it asks for.
    pub asked: Asked,
    /// The page of an elicitation in URL mode.
    pub url: Option<String>,
    params: Option<String>,
}

impl Question {
    /// The request with an `id`, raw JSON. `elicitation_id` names an elicitation in URL mode, which a legacy one needs.
    pub fn message(&self, id: &str, elicitation_id: &str) -> String {
        let method = self.asked.method();
        let params = match (&self.params, &self.url) {
            (Some(params), Some(_)) => {
                let named = Object::read(params).map(|p| p.with("elicitationId", &quote(elicitation_id)));
                format!(",\"params\":{}", named.as_ref().unwrap_or(params))
            }
            (Some(params), None) => format!(",\"params\":{params}"),
            (None, _) => String::new(),
        };
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\"{params}}}")
    }
}

/// Reads a request of `inputRequests` (raw JSON) for a client of `revision` whose capabilities the server was told
/// ([`crate::era::from_legacy::capabilities`], raw JSON).
///
/// # Errors
/// Why the client cannot be asked, after "Server …".
pub fn question(request: &str, revision: Revision, capabilities: &str) -> Result<Question, String> {
    let unreadable = || "asked for something that cannot be read".to_owned();
    let request = Object::read(request).ok_or_else(unreadable)?;
    let method = request.text("method").ok_or_else(unreadable)?;
    let asked = Asked::of(&method).ok_or_else(|| format!("asked for {method}, which MCP does not have"))?;
    let declared = Object::read(capabilities).and_then(|all| all.get(asked.capability()).and_then(Object::read));
    let Some(declared) = declared else {
        return Err(format!("asked for {method}, which the client does not offer"));
    };
    let params = request.get("params");
    let readable = || params.and_then(Object::read).ok_or_else(unreadable);
    let (params, url) = match asked {
        Asked::Elicitation => elicitation(&readable()?, revision, &declared)?,
        Asked::Sampling => (Some(sampling(&readable()?, revision, &declared)?), None),
        Asked::Roots => (params.map(str::to_owned), None),
    };
    Ok(Question { asked, url, params })
}

type Elicitation = (Option<String>, Option<String>);

fn elicitation(params: &Object<'_>, revision: Revision, declared: &Object<'_>) -> Result<Elicitation, String> {
    let url_mode = params.text("mode").as_deref() == Some("url");
    let offered = match (declared.get("url"), declared.get("form")) {
        (Some(_), None) => url_mode,
        (None, _) => !url_mode,
        (Some(_), Some(_)) => true,
    };
    if !offered {
        let mode = if url_mode { "URL" } else { "form" };
        return Err(format!("asked for elicitation in {mode} mode, which the client does not offer"));
    }
    if url_mode {
        let url = params.text("url").ok_or_else(|| "asked for elicitation in URL mode without a url".to_owned())?;
        return Ok((Some(params.edit(|_, _| Change::Keep, &[])), Some(url)));
    }
    if revision >= Revision::V2025_11_25 {
        return Ok((Some(params.edit(|_, _| Change::Keep, &[])), None));
    }
    let schema = params.get("requestedSchema").and_then(Object::read);
    let properties = schema.as_ref().and_then(|schema| schema.get("properties")).and_then(Object::read);
    let multiple = properties
        .iter()
        .flat_map(Object::members)
        .find(|(_, property)| Object::read(property).and_then(|p| p.text("type")).as_deref() == Some("array"));
    if let Some((name, _)) = multiple {
        return Err(format!("asked for several choices at once ({name}), which the client's revision has no form for"));
    }
    let schema = schema.map(|schema| match &properties {
        Some(properties) => {
            let named = properties.edit(|_, property| titled(property).map_or(Change::Keep, Change::Value), &[]);
            schema.with("properties", &named)
        }
        None => schema.edit(|_, _| Change::Keep, &[]),
    });
    let params = params.edit(
        |name, _| match (name, &schema) {
            ("mode", _) => Change::Remove,
            ("requestedSchema", Some(schema)) => Change::Value(schema.clone()),
            _ => Change::Keep,
        },
        &[],
    );
    Ok((Some(params), None))
}

/// A choice with titles in the form before 2025-11-25: `enum` and `enumNames` for `oneOf`.
fn titled(property: &str) -> Option<String> {
    let property = Object::read(property)?;
    let choices: Vec<Object<'_>> =
        items(property.get("oneOf")?)?.into_iter().map(Object::read).collect::<Option<_>>()?;
    let values: Vec<&str> = choices.iter().map(|choice| choice.get("const")).collect::<Option<_>>()?;
    let titles: Vec<&str> =
        choices.iter().zip(&values).map(|(choice, value)| choice.get("title").unwrap_or(value)).collect();
    let (values, titles) = (format!("[{}]", values.join(",")), format!("[{}]", titles.join(",")));
    let change = |name: &str, _: &str| if name == "oneOf" { Change::Remove } else { Change::Keep };
    Some(property.edit(change, &[("enum", &values), ("enumNames", &titles)]))
}

fn sampling(params: &Object<'_>, revision: Revision, declared: &Object<'_>) -> Result<String, String> {
    let tools = params.get("tools").is_some() || params.get("toolChoice").is_some();
    if tools && declared.get("tools").is_none() {
        return Err("asked for sampling with tools, which the client does not offer".to_owned());
    }
    if revision >= Revision::V2025_11_25 {
        return Ok(params.edit(|_, _| Change::Keep, &[]));
    }
    let messages = params.get("messages").unwrap_or("[]");
    let known = |block: &str| match Object::read(block).and_then(|block| block.text("type")).as_deref() {
        Some("tool_use" | "tool_result") => false,
        Some("audio") => revision >= Revision::V2025_03_26,
        _ => true,
    };
    let mut single = Vec::new();
    for message in items(messages).unwrap_or_default() {
        let Some(object) = Object::read(message) else { continue };
        let Some(content) = object.get("content") else { continue };
        let blocks = items(content).unwrap_or_else(|| vec![content]);
        if !blocks.iter().all(|block| known(block)) {
            return Err("asked for sampling with content that the client's revision does not know".to_owned());
        }
        // A message had one block then.
        single.extend(blocks.into_iter().map(|block| object.with("content", block)));
    }
    let split = format!("[{}]", single.join(","));
    let same = edit_items(messages, |_| None);
    let changed = items(messages).is_some_and(|all| {
        all.iter().any(|m| Object::read(m).and_then(|m| m.get("content")).is_some_and(|c| c.starts_with('[')))
    });
    Ok(params.with("messages", if changed { &split } else { &same }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const ALL: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{}}"#;

    fn asked(request: &str, revision: Revision, capabilities: &str) -> Result<String, String> {
        question(request, revision, capabilities).map(|q| q.message("7", "e-1"))
    }

    #[test]
    fn questions_become_requests_with_their_bytes() {
        let form = r#"{"mode":"form","message":"\u00e9","requestedSchema":{"type":"object","properties":{"n":{"type":"number","minimum":1.0}}}}"#;
        let request = format!(r#"{{"method":"elicitation/create","params":{form}}}"#);
        let made = asked(&request, Revision::V2025_11_25, ALL).unwrap();
        assert_eq!(made, format!(r#"{{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{form}}}"#));
        let older = asked(&request, Revision::V2025_06_18, r#"{"elicitation":{}}"#).unwrap();
        assert_eq!(older, made.replace(r#""mode":"form","#, ""));
        let roots = asked(r#"{"method":"roots/list"}"#, Revision::V2024_11_05, ALL).unwrap();
        assert_eq!(roots, r#"{"jsonrpc":"2.0","id":7,"method":"roots/list"}"#);
        let page = r#"{"method":"elicitation/create","params":{"mode":"url","url":"https://x","message":"m"}}"#;
        assert!(asked(page, Revision::V2025_11_25, ALL).unwrap().contains(r#","elicitationId":"e-1"}"#));
    }

    #[test]
    fn older_forms_are_used_for_older_clients() {
        let choice = |property: &str| {
            let schema = format!(r#"{{"type":"object","properties":{{"c":{property}}}}}"#);
            let request =
                format!(r#"{{"method":"elicitation/create","params":{{"message":"m","requestedSchema":{schema}}}}}"#);
            asked(&request, Revision::V2025_06_18, r#"{"elicitation":{}}"#)
        };
        let made =
            choice(r#"{"type":"string","oneOf":[{"const":"r","title":"Red"},{"const":"g"}],"default":"r"}"#).unwrap();
        assert!(made.contains(r#"{"type":"string","default":"r","enum":["r","g"],"enumNames":["Red","g"]}"#), "{made}");
        assert!(
            choice(r#"{"type":"array","items":{"enum":["a"]}}"#).unwrap_err().contains("several choices at once (c)")
        );
        let sampling = |content: &str, revision| {
            let params = format!(r#"{{"messages":[{{"role":"user","content":{content}}}],"maxTokens":1}}"#);
            asked(&format!(r#"{{"method":"sampling/createMessage","params":{params}}}"#), revision, ALL)
        };
        let text = r#"{"type":"text","text":"a"}"#;
        let two = sampling(&format!("[{text},{text}]"), Revision::V2025_06_18).unwrap();
        assert!(
            two.contains(&format!(r#"[{{"role":"user","content":{text}}},{{"role":"user","content":{text}}}]"#)),
            "{two}"
        );
        assert!(
            sampling(&format!("[{text},{text}]"), Revision::V2025_11_25).unwrap().contains(&format!("[{text},{text}]"))
        );
        assert!(sampling(r#"[{"type":"tool_use"}]"#, Revision::V2025_06_18).is_err());
        assert!(sampling(r#"{"type":"audio"}"#, Revision::V2024_11_05).is_err());
    }

    #[test]
    fn what_the_client_does_not_offer_is_not_asked() {
        for (request, capabilities, why) in [
            (r#"{"method":"roots/list"}"#, "{}", "roots/list"),
            (r#"{"method":"tasks/get"}"#, ALL, "tasks/get"),
            (
                r#"{"method":"elicitation/create","params":{"mode":"url","url":"u"}}"#,
                r#"{"elicitation":{}}"#,
                "URL mode",
            ),
            (r#"{"method":"elicitation/create","params":{}}"#, r#"{"elicitation":{"url":{}}}"#, "form mode"),
            (r#"{"method":"sampling/createMessage","params":{"tools":[]}}"#, r#"{"sampling":{}}"#, "tools"),
            (r#"{"method":"sampling/createMessage"}"#, ALL, "cannot be read"),
            ("5", ALL, "cannot be read"),
        ] {
            let refused = asked(request, Revision::V2025_11_25, capabilities).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_asks_makes_it_panic(json in crate::json::any_json()) {
            for params in [json.clone(), format!(r#"{{"messages":[{{"content":{json}}}],"requestedSchema":{json}}}"#)] {
                for method in ["elicitation/create", "sampling/createMessage", "roots/list"] {
                    let request = format!(r#"{{"method":"{method}","params":{params}}}"#);
                    for revision in [Revision::V2024_11_05, Revision::V2025_06_18, Revision::V2025_11_25] {
                        if let Ok(made) = asked(&request, revision, ALL) {
                            prop_assert!(Object::read(&made).is_some());
                        }
                    }
                }
            }
        }
    }
}
