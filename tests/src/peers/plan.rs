//! What a client does after it listed everything.

use super::uri_behind;
use serde_json::{Value, json};

/// Calls, prompts, resources, and the notifications to wait for.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    call: Vec<Value>,
    get: Vec<Value>,
    read: Vec<String>,
    wait: Vec<Value>,
}

impl Plan {
    /// One without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the call of a tool.
    #[must_use]
    pub fn call(mut self, tool: &str, arguments: Value) -> Self {
        self.call.push(json!({ "name": tool, "arguments": arguments }));
        self
    }

    /// With the call of a tool that the server tells of with a notification. It may come after the answer.
    #[must_use]
    pub fn call_told(mut self, tool: &str, arguments: Value, method: &str) -> Self {
        self.call.push(json!({ "name": tool, "arguments": arguments, "waitFor": format!("notifications/{method}") }));
        self
    }

    /// With a prompt.
    #[must_use]
    pub fn get(mut self, prompt: &str, arguments: Value) -> Self {
        self.get.push(json!({ "name": prompt, "arguments": arguments }));
        self
    }

    /// With a resource.
    #[must_use]
    pub fn read(mut self, uri: &str) -> Self {
        self.read.push(uri.to_owned());
        self
    }

    /// That ends when so many notifications of a method have come, all in all.
    #[must_use]
    pub fn wait(mut self, method: &str, times: usize) -> Self {
        if times > 0 {
            self.wait.push(json!({ "method": format!("notifications/{method}"), "times": times }));
        }
        self
    }

    /// The same steps, without waiting, at a server behind `prefix`.
    #[must_use]
    pub fn behind(&self, prefix: &str) -> Self {
        let named = |steps: &[Value]| steps.iter().map(|step| renamed(step, prefix)).collect();
        let read = self.read.iter().map(|uri| uri_behind(prefix, uri)).collect();
        Self { call: named(&self.call), get: named(&self.get), read, wait: Vec::new() }
    }

    /// Followed by the steps of another one.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.call.extend(other.call);
        self.get.extend(other.get);
        self.read.extend(other.read);
        self.wait.extend(other.wait);
        self
    }

    pub(super) fn json(&self) -> String {
        json!({ "call": self.call, "get": self.get, "read": self.read, "waitFor": self.wait }).to_string()
    }
}

/// A step, tool or prompt with the prefix in front of its name.
fn renamed(step: &Value, prefix: &str) -> Value {
    let mut renamed = step.clone();
    renamed["name"] = format!("{prefix}{}", step["name"].as_str().unwrap_or_default()).into();
    renamed
}
