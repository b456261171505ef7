//! Tasks of 2025-11-25.

use super::Revision;
use crate::json::Object;

impl Revision {
    /// Whether it has tasks.
    pub fn has_tasks(self) -> bool {
        self >= Self::V2025_11_25
    }
}

/// Whether a tool (raw JSON) runs only as a task (*Tasks*, *Tool-Level Negotiation*).
pub fn needs_task(tool: &str) -> bool {
    let execution = Object::read(tool).and_then(|tool| tool.get("execution")).and_then(Object::read);
    execution.and_then(|execution| execution.text("taskSupport")).as_deref() == Some("required")
}
