//! What a legacy server tells while it works on a request.

use crate::json::Object;

/// `LoggingLevel`, least first (RFC 5424).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `debug`.
    Debug,
    /// `info`.
    Info,
    /// `notice`.
    Notice,
    /// `warning`.
    Warning,
    /// `error`.
    Error,
    /// `critical`.
    Critical,
    /// `alert`.
    Alert,
    /// `emergency`.
    Emergency,
}

impl Level {
    const ALL: [(&str, Level); 8] = [
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("notice", Self::Notice),
        ("warning", Self::Warning),
        ("error", Self::Error),
        ("critical", Self::Critical),
        ("alert", Self::Alert),
        ("emergency", Self::Emergency),
    ];

    /// The level of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
    }

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, level)| *level == self).map_or("debug", |(name, _)| *name)
    }
}

/// What a notification of the server is to the client of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Progress, for this token (raw JSON).
    Progress(String),
    /// A log message of this level.
    Log(Level),
    /// The server no longer waits for the answer to its request with this id, raw JSON.
    Withdrawn(String),
    /// The user is done with the page of this elicitation.
    Visited(String),
    /// Told elsewhere or not at all: changes of lists and resources, tasks.
    Elsewhere,
    /// Nothing that MCP defines: passed on as it is.
    Other,
}

/// Reads a notification (raw JSON); `None` if the message is none.
pub fn notice(message: &str) -> Option<Notice> {
    let message = Object::read(message)?;
    let method = message.text("method")?;
    if message.get("id").is_some() {
        return None;
    }
    let params = message.get("params").and_then(Object::read);
    let raw = |name: &str| params.as_ref().and_then(|params| params.get(name)).map(str::to_owned);
    let text = |name: &str| params.as_ref().and_then(|params| params.text(name));
    Some(match method.as_str() {
        "notifications/progress" => raw("progressToken").map_or(Notice::Elsewhere, Notice::Progress),
        "notifications/message" => Notice::Log(text("level").and_then(|l| Level::parse(&l)).unwrap_or(Level::Info)),
        "notifications/cancelled" => raw("requestId").map_or(Notice::Elsewhere, Notice::Withdrawn),
        "notifications/elicitation/complete" => text("elicitationId").map_or(Notice::Elsewhere, Notice::Visited),
        "notifications/resources/updated" | "notifications/tasks/status" => Notice::Elsewhere,
        method if method.ends_with("/list_changed") => Notice::Elsewhere,
        _ => Notice::Other,
    })
}

impl Notice {
    /// A notification of progress with the client's own `token`, raw JSON.
    pub fn with_token(message: &str, token: &str) -> Option<String> {
        let object = Object::read(message)?;
        let params = Object::read(object.get("params")?)?.with("progressToken", token);
        Some(object.with("params", &params))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn told(method: &str, params: &str) -> Option<Notice> {
        notice(&format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{params}}}"#))
    }

    #[test]
    fn notices_are_told_apart() {
        for (method, params, expected) in [
            ("progress", r#"{"progressToken":"t"}"#, Notice::Progress("\"t\"".into())),
            ("message", r#"{"level":"error"}"#, Notice::Log(Level::Error)),
            ("message", "{}", Notice::Log(Level::Info)),
            ("cancelled", r#"{"requestId":7}"#, Notice::Withdrawn("7".into())),
            ("elicitation/complete", r#"{"elicitationId":"e"}"#, Notice::Visited("e".into())),
            ("tools/list_changed", "{}", Notice::Elsewhere),
            ("resources/updated", "{}", Notice::Elsewhere),
            ("x/y", "{}", Notice::Other),
        ] {
            assert_eq!(told(method, params), Some(expected), "{method}");
        }
        assert_eq!(notice(r#"{"id":1,"method":"ping"}"#), None);
        assert_eq!(notice(r#"{"id":1,"result":{}}"#), None);
    }

    #[test]
    fn levels_are_ordered_as_syslog_orders_them() {
        assert!(Level::parse("debug") < Level::parse("info") && Level::Alert < Level::Emergency);
        assert!(Level::ALL.iter().all(|(name, level)| level.as_str() == *name));
    }

    #[test]
    fn progress_gets_the_clients_token_and_nothing_else() {
        let message = r#"{"method":"notifications/progress","params":{"progress":1.0,"progressToken":"g","x":1e400}}"#;
        assert_eq!(
            Notice::with_token(message, "9007199254740993").unwrap(),
            message.replace("\"g\"", "9007199254740993")
        );
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_tells_makes_it_panic(json in crate::json::any_json()) {
            notice(&json);
            for method in ["progress", "message", "cancelled", "elicitation/complete"] {
                told(method, &json);
            }
            Notice::with_token(&json, "1");
        }
    }
}
