//! The calls that are sent, and their answers.
//!
//! Ids have a fixed width, so that one prepared call serves for many.

use std::net::SocketAddr;

/// The server's only tool, as the server itself names it.
pub(crate) const TOOL: &str = "echo";
/// The first id. All have as many digits.
pub(crate) const FIRST_ID: u64 = 1_000_000_000;
const ID_DIGITS: usize = 10;

const OPENING: &str = r#"{"jsonrpc":"2.0","id":"#;
const METHOD: &str = r#","method":"tools/call","params":{"name":""#;
const ARGUMENTS: &str = r#"","arguments":{"text":""#;
const CLOSING: &str = r#""}}}"#;
/// What large arguments mostly are: text of many lines, with escapes.
const LINE: &str = r#"    let name = \"value\"; // what a tool that writes files is given\n"#;

/// The body of a `tools/call`.
#[derive(Debug, Clone)]
pub(crate) struct Call(Vec<u8>);

impl Call {
    /// A call of `tool` whose body has `size` bytes, or as few more as it needs.
    pub(crate) fn new(tool: &str, size: usize) -> Self {
        let mut body = format!("{OPENING}{FIRST_ID}{METHOD}{tool}{ARGUMENTS}").into_bytes();
        let text = size.saturating_sub(body.len() + CLOSING.len());
        body.extend(LINE.bytes().cycle().take(text / LINE.len() * LINE.len()));
        // A line that is cut could be cut within an escape.
        body.resize(body.len() + text % LINE.len(), b' ');
        body.extend(CLOSING.bytes());
        Self(body)
    }

    /// Gives it another id, which has as many digits as [`FIRST_ID`].
    pub(crate) fn set_id(&mut self, id: u64) {
        let digits = id.to_string();
        debug_assert_eq!(digits.len(), ID_DIGITS);
        self.0[OPENING.len()..OPENING.len() + ID_DIGITS].copy_from_slice(digits.as_bytes());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes of a body's beginning that [`id_of`] has to see.
pub(crate) const RECOGNISABLE: usize = OPENING.len() + ID_DIGITS + METHOD.len();

/// The id of a call that begins with `start`; none if it is no [`Call`].
pub(crate) fn id_of(start: &[u8]) -> Option<u64> {
    let (digits, rest) = start.strip_prefix(OPENING.as_bytes())?.split_at_checked(ID_DIGITS)?;
    rest.strip_prefix(METHOD.as_bytes())?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The answer to the call with `id`.
pub(crate) fn answer(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"ok"}}]}}}}"#)
}

/// The head of a POST to `/mcp` with a body of `length` bytes, as clients of a session send it.
pub(crate) fn head(host: SocketAddr, session: Option<&str>, length: usize) -> Vec<u8> {
    let session = session.map_or_else(String::new, |id| {
        format!("mcp-protocol-version: {}\r\nmcp-session-id: {id}\r\n", crate::session::REVISION)
    });
    format!(
        "POST /mcp HTTP/1.1\r\nhost: {host}\r\nuser-agent: mcp-gateway-bench\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         {session}content-length: {length}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_json_of_the_size_that_was_asked_for() {
        for size in [300, 16 << 10, 100_001] {
            let mut call = Call::new("bench_echo", size);
            call.set_id(FIRST_ID + 7);
            assert_eq!(call.bytes().len(), size);
            let json: serde_json::Value = serde_json::from_slice(call.bytes()).unwrap();
            assert_eq!(json["id"], FIRST_ID + 7);
            assert_eq!(json["params"]["name"], "bench_echo");
        }
    }

    #[test]
    fn a_call_is_known_by_its_beginning() {
        let call = Call::new(TOOL, 300);
        assert_eq!(id_of(&call.bytes()[..RECOGNISABLE]), Some(FIRST_ID));
        assert_eq!(id_of(&call.bytes()[..RECOGNISABLE - 1]), None);
        assert_eq!(id_of(br#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#), None);
    }
}
