//! Values in a client's message that the gateway made of a server's own, beside those that tell where it goes.

use super::Raw;
use crate::json::{raw_offset, unquote};
use crate::naming::{UriKey, untag};

/// A value that the gateway may have made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What it is.
    pub kind: MadeKind,
    /// As it stands in the message.
    pub raw: Raw,
}

/// What the gateway makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeKind {
    /// The URI of a link or resource in the tool results that an answer to `sampling/createMessage` repeats.
    Link,
    /// `taskId` of the related task in `_meta`.
    Task,
}

impl Made {
    /// The raw value as `server` knows it, whose URIs carry `key`: never longer than it stands in the message. `None` for a value
    /// that was not made for that server.
    pub fn own(&self, server: &str, key: Option<&UriKey>) -> Option<Vec<u8>> {
        let raw = &self.raw.bytes;
        match self.kind {
            MadeKind::Task => untag(raw).filter(|made| made.server == server).map(|made| made.raw.into_bytes()),
            MadeKind::Link => {
                let added = key?.added(&unquote(raw)?)?;
                let (start, end) = (raw_offset(raw, added.start)?, raw_offset(raw, added.end)?);
                Some([raw.get(..start)?, raw.get(end..)?].concat())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::read;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_value_is_its_servers_own_again() {
        let key = UriKey::of("p_");
        let own = |kind, raw: &str| {
            let made = Made { kind, raw: Raw { bytes: raw.into(), span: 0..raw.len() as u64 } };
            made.own("s", key.as_ref()).map(|own| String::from_utf8(own).unwrap())
        };
        assert_eq!(own(MadeKind::Link, r#""p+file:\/\/\/\u0061""#).as_deref(), Some(r#""file:\/\/\/\u0061""#));
        assert_eq!(own(MadeKind::Link, r#""\u0070\u002bx:""#).as_deref(), Some(r#""x:""#));
        assert_eq!(own(MadeKind::Link, r#""q+file:///a""#), None);
        assert_eq!(own(MadeKind::Task, r#""mcpgw:s:st""#).as_deref(), Some(r#""t""#));
        assert_eq!(own(MadeKind::Task, r#""mcpgw:other:st""#), None);
        assert_eq!(own(MadeKind::Task, r#""t""#), None);
    }

    #[test]
    fn only_what_a_tool_gave_is_taken_for_a_link() {
        let links = |json: &str| {
            let made = read(json.as_bytes()).unwrap().made;
            made.into_iter().map(|made| String::from_utf8(made.raw.bytes).unwrap()).collect::<Vec<_>>()
        };
        let given = r#"{"type":"tool_result","content":[{"uri":"a"},{"resource":{"uri":"b"},"x":{"uri":"c"}}]}"#;
        for content in [given.to_owned(), format!("[{given}]")] {
            assert_eq!(links(&format!(r#"{{"id":1,"result":{{"content":{content}}}}}"#)), ["\"a\"", "\"b\""]);
            let responses = format!(r#"{{"params":{{"inputResponses":{{"k":{{"content":{content}}}}}}}}}"#);
            assert_eq!(links(&responses), ["\"a\"", "\"b\""]);
        }
        for same in [
            r#"{"result":{"action":"accept","content":{"uri":"a","resource":{"uri":"b"}}}}"#,
            r#"{"result":{"roots":[{"uri":"a"}]}}"#,
            r#"{"params":{"arguments":{"content":[{"content":[{"uri":"a"}]}]},"inputResponses":{"k":{"roots":[{"uri":"a"}]}}}}"#,
            r#"{"result":{"content":{"content":[{"uri":5}]},"structuredContent":{"content":[{"uri":"a"}]}}}"#,
        ] {
            assert_eq!(links(same), [""; 0], "{same}");
        }
    }
}
