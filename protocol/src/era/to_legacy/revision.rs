//! What a legacy client of an older revision can read of messages of the newest one.

use crate::era::Revision;
use crate::json::{Change, Object, edit_items, items, quote};

/// Whether messages of the newest revision can hold what a client of `revision` cannot read.
pub fn is_older(revision: Revision) -> bool {
    revision < Revision::V2025_06_18
}

/// A response (raw JSON) for a client of an older revision; `None` if it stays as it is.
///
/// Below 2025-06-18 a `resource_link` becomes text and `structuredContent` goes, whose text stays; below 2025-03-26 `audio`
/// becomes an embedded resource.
pub fn response(message: &str, revision: Revision) -> Option<String> {
    if !is_older(revision) {
        return None;
    }
    let object = Object::read(message)?;
    let result = Object::read(object.get("result")?)?;
    let structured = result.get("structuredContent");
    let changed = result.edit(
        |name, value| match name {
            "structuredContent" => Change::Remove,
            "content" if value.starts_with('[') => Change::Value(content(value, structured, revision)),
            "messages" => Change::Value(edit_items(value, |message| prompt_message(message, revision))),
            _ => Change::Keep,
        },
        &[],
    );
    Some(object.with("result", &changed))
}

/// A tool in a list (raw JSON) for a client of an older revision; `None` if it stays as it is.
pub fn tool(tool: &str, revision: Revision) -> Option<String> {
    let tool = Object::read(tool).filter(|_| is_older(revision))?;
    tool.get("outputSchema").map(|_| tool.without(&["outputSchema"]))
}

fn content(blocks: &str, structured: Option<&str>, revision: Revision) -> String {
    let edited = edit_items(blocks, |item| block(item, revision));
    match structured {
        // Most servers say the same in a text; this one says it nowhere else.
        Some(value) if items(blocks).is_some_and(|all| all.is_empty()) => {
            format!("[{{\"type\":\"text\",\"text\":{}}}]", quote(value))
        }
        _ => edited,
    }
}

fn prompt_message(message: &str, revision: Revision) -> Option<String> {
    let message = Object::read(message)?;
    let changed = block(message.get("content")?, revision)?;
    Some(message.with("content", &changed))
}

/// A content block that the revision knows; `None` if it stays as it is.
fn block(raw: &str, revision: Revision) -> Option<String> {
    let block = Object::read(raw)?;
    match block.text("type")?.as_str() {
        "resource_link" => {
            let uri = block.text("uri")?;
            let name = block.text("title").or_else(|| block.text("name")).filter(|name| *name != uri);
            let mut text = name.map_or_else(|| uri.clone(), |name| format!("{name}: {uri}"));
            if let Some(description) = block.text("description") {
                text = format!("{text}\n{description}");
            }
            Some(typed(&block, "text", &[("text", &quote(&text))]))
        }
        "audio" if revision < Revision::V2025_03_26 => {
            let mime = block.get("mimeType").map(|mime| format!(",\"mimeType\":{mime}")).unwrap_or_default();
            let resource = format!("{{\"uri\":\"audio:content\"{mime},\"blob\":{}}}", block.get("data")?);
            Some(typed(&block, "resource", &[("resource", &resource)]))
        }
        _ => None,
    }
}

/// A block of another type, which keeps what every type has.
fn typed(block: &Object<'_>, kind: &str, members: &[(&str, &str)]) -> String {
    let kind = quote(kind);
    block.edit(
        |name, _| match name {
            "type" => Change::Value(kind.clone()),
            "annotations" | "_meta" => Change::Keep,
            _ => Change::Remove,
        },
        members,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const RESULT: &str = concat!(
        r#"{"id":1,"result":{"content":[{"type":"text","text":"t"},"#,
        r#"{"type":"resource_link","uri":"x:a","name":"n","title":"T","annotations":{"p":1.0}},"#,
        r#"{"type":"audio","data":"AAAA","mimeType":"audio/wav"}],"structuredContent":{"a":1},"isError":false}}"#
    );

    #[test]
    fn each_revision_gets_what_it_knows() {
        for new in [Revision::V2025_06_18, Revision::V2025_11_25] {
            assert_eq!(response(RESULT, new), None);
        }
        let text = r#"{"type":"text","annotations":{"p":1.0},"text":"T: x:a"}"#;
        let link = RESULT.find(r#"{"type":"resource_link""#).unwrap()..RESULT.find(r#",{"type":"audio""#).unwrap();
        let mut middle = RESULT.replace(r#","structuredContent":{"a":1}"#, "");
        middle.replace_range(link, text);
        assert_eq!(response(RESULT, Revision::V2025_03_26).unwrap(), middle);
        let audio = r#"{"type":"audio","data":"AAAA","mimeType":"audio/wav"}"#;
        let blob = r#"{"type":"resource","resource":{"uri":"audio:content","mimeType":"audio/wav","blob":"AAAA"}}"#;
        assert_eq!(response(RESULT, Revision::V2024_11_05).unwrap(), middle.replace(audio, blob));
    }

    #[test]
    fn prompts_and_structured_content_alone_are_read_too() {
        let prompt = r#"{"id":1,"result":{"messages":[{"role":"user","content":{"type":"resource_link","uri":"x:a","name":"x:a"}}]}}"#;
        let shown = r#"{"id":1,"result":{"messages":[{"role":"user","content":{"type":"text","text":"x:a"}}]}}"#;
        assert_eq!(response(prompt, Revision::V2025_03_26).unwrap(), shown);
        let alone = r#"{"id":1,"result":{"content":[],"structuredContent":{"a":1.0}}}"#;
        let shown = r#"{"id":1,"result":{"content":[{"type":"text","text":"{\"a\":1.0}"}]}}"#;
        assert_eq!(response(alone, Revision::V2024_11_05).unwrap(), shown);
        assert_eq!(response(r#"{"id":1,"error":{}}"#, Revision::V2024_11_05), None);
    }

    #[test]
    fn tools_lose_schemas_that_nobody_would_read() {
        let listed = r#"{"name":"a","outputSchema":{"type":"object"},"x":1.0}"#;
        assert_eq!(tool(listed, Revision::V2025_06_18), None);
        assert_eq!(tool(listed, Revision::V2025_03_26).unwrap(), r#"{"name":"a","x":1.0}"#);
        assert_eq!(tool(r#"{"name":"a"}"#, Revision::V2024_11_05), None);
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_sends_makes_it_panic(json in crate::json::any_json()) {
            for member in ["content", "messages", "structuredContent"] {
                for value in [json.clone(), format!("[{json}]"), format!(r#"[{{"type":"audio","data":{json}}}]"#)] {
                    let message = format!(r#"{{"id":1,"result":{{"{member}":{value},"x":{json}}}}}"#);
                    let changed = response(&message, Revision::V2024_11_05).unwrap();
                    let object = Object::read(&changed).unwrap();
                    let result = Object::read(object.get("result").unwrap()).unwrap();
                    prop_assert_eq!(result.get("x"), Some(json.trim()));
                }
            }
        }
    }
}
