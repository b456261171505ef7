//! Ids that a server makes, with the server's name inside: a client's answer finds its way back with no store.
//!
//! The tag is a JSON string `mcpgw:SERVER:KIND…`, where KIND is `n` for a number and `s` for a string, followed by the
//! bytes of the original. They are restored byte for byte.

const MARK: &str = "mcpgw:";

/// A value taken out of its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// Name of the server that made it.
    pub server: String,
    /// The value as the server sent it, raw JSON.
    pub raw: String,
}

/// Puts a server's name into a raw JSON number or string. Other values stay as they are.
pub fn tag(server: &str, raw: &[u8]) -> Vec<u8> {
    let (kind, value) = match raw.strip_prefix(b"\"").and_then(|r| r.strip_suffix(b"\"")) {
        Some(inner) => (b's', inner),
        None if raw.first().is_some_and(|b| *b == b'-' || b.is_ascii_digit()) => (b'n', raw),
        None => return raw.to_vec(),
    };
    let mut out = Vec::with_capacity(MARK.len() + server.len() + value.len() + 4);
    out.push(b'"');
    out.extend_from_slice(MARK.as_bytes());
    out.extend_from_slice(server.as_bytes());
    out.extend_from_slice(&[b':', kind]);
    out.extend_from_slice(value);
    out.push(b'"');
    out
}

/// The server and the original of a raw JSON value that [`tag`] made; `None` for any other value.
pub fn untag(raw: &[u8]) -> Option<Tagged> {
    let inner = std::str::from_utf8(raw).ok()?.strip_prefix('"')?.strip_suffix('"')?;
    let (server, value) = inner.strip_prefix(MARK)?.split_once(':')?;
    let raw = if let Some(number) = value.strip_prefix('n') {
        // What a client sends back goes into a message unquoted: it has to be a number indeed.
        serde_json::from_str::<serde_json::Number>(number).ok()?;
        number.to_owned()
    } else {
        format!("\"{}\"", value.strip_prefix('s')?)
    };
    Some(Tagged { server: server.to_owned(), raw })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_id_comes_back_byte_for_byte() {
        for raw in ["5", "-1", "9007199254740993", "1.0", "\"a:b\"", r#""\u00e9\"""#, "\"\""] {
            let tagged = tag("demo", raw.as_bytes());
            let back = untag(&tagged).unwrap();
            assert_eq!((back.server.as_str(), back.raw.as_str()), ("demo", raw));
        }
    }

    #[test]
    fn what_is_no_tag_is_not_taken_for_one() {
        for raw in ["5", "\"x\"", "\"mcpgw:demo\"", "\"mcpgw:demo:n1,2\"", "\"mcpgw:demo:x1\"", "null"] {
            assert_eq!(untag(raw.as_bytes()), None, "{raw}");
        }
    }
}
