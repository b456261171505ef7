//! What a modern request carries beside its body.

use crate::catalog::{Kind, List};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use protocol::http::{encode_value, header};
use protocol::json::Object;
use protocol::param_header::mirrored;
use protocol::request::Envelope;

/// The headers of a request. `tool` is the called tool as its server lists it (raw JSON), for `Mcp-Param-*`.
///
/// # Errors
/// A parameter that no header can carry, for a person.
pub(super) fn headers(envelope: &Envelope, body: &str, tool: Option<&str>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut set = |name: &str, value: &str| {
        let pair = HeaderName::try_from(name).ok().zip(HeaderValue::from_str(value).ok());
        if let Some((name, value)) = pair {
            headers.insert(name, value);
        }
    };
    let method = envelope.method.as_deref().unwrap_or_default();
    set(header::METHOD, method);
    let name = match method {
        "tools/call" | "prompts/get" => envelope.name.as_ref(),
        "resources/read" => envelope.uri.as_ref(),
        _ => None,
    };
    if let Some(name) = name {
        set(header::NAME, &encode_value(&name.text));
    }
    // A tool with an annotation that is not allowed is not offered; called all the same, it has no headers.
    let mirrored = tool.and_then(Object::read).and_then(|tool| mirrored(tool.get("inputSchema")?).ok());
    for parameter in mirrored.unwrap_or_default() {
        let arguments = Object::read(body)
            .and_then(|body| Object::read(body.get("params")?))
            .and_then(|params| params.get("arguments"));
        if let Some(value) = parameter.value(arguments.unwrap_or("{}"))? {
            set(&parameter.header, &encode_value(&value));
        }
    }
    Ok(headers)
}

/// A tool in its server's list, by the server's own name for it.
pub(super) fn find<'a>(list: &'a List, name: &str) -> Option<&'a str> {
    list.items.iter().find(|item| &*item.own == name).map(|item| item.json.get())
}

/// The kind of list that [`find`] looks in.
pub(super) const LIST: Kind = Kind::Tools;

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::request::read;

    const TOOL: &str = r#"{"name":"x","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"}}}}"#;

    fn of(body: &str, tool: Option<&str>) -> Result<HeaderMap, String> {
        headers(&read(body.as_bytes()).unwrap(), body, tool)
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\u00e9","arguments":{"region":"eu","n":null}}}"#;
        let made = of(body, Some(TOOL)).unwrap();
        assert_eq!(made["mcp-method"], "tools/call");
        assert_eq!(made["mcp-name"], "=?base64?w6k=?=");
        assert_eq!(made["mcp-param-region"], "eu");
        assert_eq!(made.len(), 3);
        assert_eq!(of(body, None).unwrap().len(), 2);
        let read = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"x:a","name":"no"}}"#;
        assert_eq!(of(read, None).unwrap()["mcp-name"], "x:a");
        let beyond = body.replace("null", "9007199254740993");
        assert!(of(&beyond, Some(TOOL)).unwrap_err().contains("arguments.n"));
    }
}
