//! The tool `slow_task`: progress notifications and cancellation.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use rmcp::{
    ErrorData, RoleServer,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, ProgressNotificationParam},
    service::RequestContext,
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FeaturesServer;

const MAX_STEPS: u32 = 1000;
const MAX_DELAY_MS: u64 = 10_000;

#[derive(Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct SlowTaskArguments {
    /// Number of steps.
    #[schemars(range(min = 1, max = MAX_STEPS))]
    steps: u32,
    /// Duration of a step in milliseconds.
    #[schemars(range(max = MAX_DELAY_MS))]
    delay_ms: u64,
}

impl Default for SlowTaskArguments {
    fn default() -> Self {
        Self { steps: 5, delay_ms: 200 }
    }
}

/// How the calls of `slow_task` went, over all sessions.
#[derive(Debug, Default, Serialize)]
pub(super) struct SlowTaskCounts {
    started: AtomicU64,
    completed: AtomicU64,
    cancelled: AtomicU64,
}

#[tool_router(router = slow_task_router, vis = "pub(super)")]
impl FeaturesServer {
    #[tool(
        title = "Slow task",
        description = "Works in steps, reports progress after each when a progress token is given, and stops when cancelled.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn slow_task(
        &self,
        Parameters(arguments): Parameters<SlowTaskArguments>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let SlowTaskArguments { steps, delay_ms } = arguments;
        if !(1..=MAX_STEPS).contains(&steps) || delay_ms > MAX_DELAY_MS {
            return Ok(CallToolResult::error(vec![ContentBlock::text(format!(
                "steps must be 1 to {MAX_STEPS}, delay_ms at most {MAX_DELAY_MS}"
            ))]));
        }
        let counts = &self.shared.slow_tasks;
        counts.started.fetch_add(1, Relaxed);
        let work = take_steps(steps, Duration::from_millis(delay_ms), &context);
        let finished = context.ct.run_until_cancelled(work).await;
        let Some(()) = finished else {
            counts.cancelled.fetch_add(1, Relaxed);
            return Ok(CallToolResult::error(vec![ContentBlock::text("cancelled")]));
        };
        counts.completed.fetch_add(1, Relaxed);
        Ok(CallToolResult::success(vec![ContentBlock::text(format!("completed {steps} steps"))]))
    }
}

async fn take_steps(steps: u32, delay: Duration, context: &RequestContext<RoleServer>) {
    let token = context.meta.get_progress_token();
    for step in 1..=steps {
        tokio::time::sleep(delay).await;
        if let Some(token) = token.clone() {
            let progress = ProgressNotificationParam::new(token, f64::from(step))
                .with_total(f64::from(steps))
                .with_message(format!("step {step} of {steps}"));
            // A client that no longer reads gets no progress; the call itself ends by cancellation.
            let _ = context.peer.notify_progress(progress).await;
        }
    }
}
