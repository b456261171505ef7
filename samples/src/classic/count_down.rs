//! The tool `count_down`: progress notifications.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, ProgressNotificationParam},
    service::RequestContext,
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ClassicServer;

const MAX_FROM: u32 = 1000;
const MAX_DELAY_MS: u64 = 10_000;

#[derive(Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct CountDownArguments {
    /// Where to begin.
    #[schemars(range(min = 1, max = MAX_FROM))]
    from: u32,
    /// Milliseconds from one number to the next.
    #[schemars(range(max = MAX_DELAY_MS))]
    delay_ms: u64,
}

impl Default for CountDownArguments {
    fn default() -> Self {
        Self { from: 3, delay_ms: 200 }
    }
}

#[tool_router(router = count_down_router, vis = "pub(super)")]
impl ClassicServer {
    #[tool(description = "Counts down to zero, and reports progress at each number when a progress token is given.")]
    async fn count_down(
        &self,
        Parameters(CountDownArguments { from, delay_ms }): Parameters<CountDownArguments>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        if !(1..=MAX_FROM).contains(&from) || delay_ms > MAX_DELAY_MS {
            let message = format!("from must be 1 to {MAX_FROM}, delay_ms at most {MAX_DELAY_MS}");
            return Ok(CallToolResult::error(vec![ContentBlock::text(message)]));
        }
        let counting = async {
            for counted in 1..=from {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                if let Some(token) = context.meta.get_progress_token() {
                    let progress =
                        ProgressNotificationParam::new(token, f64::from(counted)).with_total(f64::from(from));
                    // A client that is gone gets none; the call itself ends by cancellation.
                    let _ = context.peer.notify_progress(progress).await;
                }
            }
        };
        let text = match context.ct.run_until_cancelled(counting).await {
            Some(()) => format!("counted down from {from}"),
            None => "cancelled".to_owned(),
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
    }
}
