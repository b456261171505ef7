//! The tool `write_log`: log messages to the client.
//!
//! A legacy client gets those at the level of its last `logging/setLevel` or above (`info` before the first); a client of
//! 2026-07-28 gets those at the level that the request itself names, and none when it names none.

#![expect(
    deprecated,
    reason = "SEP-2577 deprecates logging in 2026-07-28; the servers that the gateway carries still use it"
)]

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use rmcp::{
    RoleServer,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, LoggingLevel, LoggingMessageNotificationParam, ProtocolVersion},
    service::RequestContext,
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::FeaturesServer;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct WriteLogArguments {
    /// The severity of the message.
    #[serde(default = "default_level")]
    level: LoggingLevel,
    /// The message.
    message: String,
}

fn default_level() -> LoggingLevel {
    LoggingLevel::Info
}

/// The lowest severity that a legacy session wants to see.
pub(super) struct Threshold(AtomicU8);

impl Default for Threshold {
    fn default() -> Self {
        Self(AtomicU8::new(severity(LoggingLevel::Info)))
    }
}

impl Threshold {
    pub(super) fn set(&self, level: LoggingLevel) {
        self.0.store(severity(level), Relaxed);
    }

    fn lets_pass(&self, level: LoggingLevel) -> bool {
        severity(level) >= self.0.load(Relaxed)
    }
}

/// The place of a level in the order of RFC 5424, from the least severe.
fn severity(level: LoggingLevel) -> u8 {
    level as u8
}

#[tool_router(router = logging_router, vis = "pub(super)")]
impl FeaturesServer {
    #[tool(
        title = "Write a log message",
        description = "Sends a log message to the client, if its level asks for it.",
        annotations(read_only_hint = true, idempotent_hint = false, open_world_hint = false)
    )]
    async fn write_log(
        &self,
        Parameters(WriteLogArguments { level, message }): Parameters<WriteLogArguments>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let wanted = if context.protocol_version() < Some(ProtocolVersion::V_2026_07_28) {
            self.log_threshold.lets_pass(level)
        } else {
            let asked = context.meta.log_level();
            asked.is_some_and(|asked| severity(level) >= severity(asked))
        };
        if !wanted {
            return CallToolResult::success(vec![ContentBlock::text("not sent: below the client's level")]);
        }
        let notification = LoggingMessageNotificationParam::new(level, json!(message)).with_logger("write_log");
        match context.peer.notify_logging_message(notification).await {
            Ok(()) => CallToolResult::success(vec![ContentBlock::text("sent")]),
            Err(error) => CallToolResult::error(vec![ContentBlock::text(format!("not sent: {error}"))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threshold_keeps_out_what_is_less_severe() {
        let threshold = Threshold::default();
        assert!(!threshold.lets_pass(LoggingLevel::Debug));
        assert!(threshold.lets_pass(LoggingLevel::Info));
        threshold.set(LoggingLevel::Error);
        assert!(!threshold.lets_pass(LoggingLevel::Warning));
        assert!(threshold.lets_pass(LoggingLevel::Emergency));
    }
}
