//! The tools `add_tool` and `remove_tool`, and the tools that they make.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::{
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations},
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::FeaturesServer;

/// Most tools that may be added at a time.
const MAX_ADDED: usize = 100;

/// Longest name of a tool, in bytes (the limit that 2025-11-25 recommends).
const MAX_NAME: usize = 128;

/// Longest reply of an added tool, in bytes.
const MAX_REPLY: usize = 4096;

/// The tools that clients added, by name: for everybody, until the process ends or they are removed.
#[derive(Default)]
pub(super) struct AddedTools(Mutex<BTreeMap<String, String>>);

#[derive(Deserialize, JsonSchema)]
pub(crate) struct AddToolArguments {
    /// The name of the new tool: 1 to 128 of ASCII letters, digits, `_`, `-` and `.`.
    name: String,
    /// What the new tool answers when called.
    #[serde(default = "default_reply")]
    reply: String,
}

fn default_reply() -> String {
    "Hello from a tool that was added at run time.".to_owned()
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct RemoveToolArguments {
    /// The name of a tool that `add_tool` made.
    name: String,
}

#[tool_router(router = added_tools_router, vis = "pub(super)")]
impl FeaturesServer {
    #[tool(
        title = "Add a tool",
        description = "Adds a tool without arguments, for all clients of this server, and tells them that the list changed.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn add_tool(&self, Parameters(arguments): Parameters<AddToolArguments>) -> CallToolResult {
        let AddToolArguments { name, reply } = arguments;
        if self.shared.tools.has_route(&name) {
            return CallToolResult::error(vec![ContentBlock::text(format!("name: {name} is built in"))]);
        }
        let added = self.shared.added_tools.add(&name, reply);
        self.tell(added.map(|()| format!("added {name}"))).await
    }

    #[tool(
        title = "Remove a tool",
        description = "Removes a tool that add_tool made, and tells all clients that the list changed.",
        annotations(read_only_hint = false, destructive_hint = true, idempotent_hint = false, open_world_hint = false)
    )]
    async fn remove_tool(
        &self,
        Parameters(RemoveToolArguments { name }): Parameters<RemoveToolArguments>,
    ) -> CallToolResult {
        let removed = self.shared.added_tools.remove(&name);
        self.tell(removed.map(|()| format!("removed {name}"))).await
    }

    /// Announces a change of the list that was made, or reports why it was not.
    async fn tell(&self, change: Result<String, String>) -> CallToolResult {
        match change {
            Ok(what) => {
                self.shared.listeners.tools_changed().await;
                CallToolResult::success(vec![ContentBlock::text(what)])
            }
            Err(why) => CallToolResult::error(vec![ContentBlock::text(why)]),
        }
    }
}

impl AddedTools {
    /// The tools as `tools/list` shows them, ordered by name.
    pub(super) fn list(&self) -> Vec<Tool> {
        self.lock().keys().map(|name| describe(name)).collect()
    }

    /// What the added tool `name` answers; `None` when there is none.
    pub(super) fn call(&self, name: &str) -> Option<CallToolResult> {
        let reply = self.lock().get(name)?.clone();
        Some(CallToolResult::success(vec![ContentBlock::text(reply)]))
    }

    fn add(&self, name: &str, reply: String) -> Result<(), String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(legal) {
            return Err(format!("name: must be 1 to {MAX_NAME} of ASCII letters, digits, _, - and ., not {name:?}"));
        }
        if reply.len() > MAX_REPLY {
            return Err(format!("reply: must be at most {MAX_REPLY} bytes, not {}", reply.len()));
        }
        let mut tools = self.lock();
        if tools.contains_key(name) {
            return Err(format!("name: {name} was added before; remove it first"));
        }
        if tools.len() == MAX_ADDED {
            return Err(format!("there are {MAX_ADDED} added tools, the most there may be; remove one first"));
        }
        tools.insert(name.to_owned(), reply);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        let removed = self.lock().remove(name);
        removed.map(|_| ()).ok_or_else(|| format!("name: no tool {name} was added"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(name: &str) -> Tool {
    let schema = JsonObject::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), json!({})),
        ("additionalProperties".to_owned(), json!(false)),
    ]);
    Tool::new(name.to_owned(), "A tool that was added at run time.", Arc::new(schema))
        .with_annotations(ToolAnnotations::new().read_only(true).open_world(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_tool_is_listed_called_and_removed() {
        let tools = AddedTools::default();
        tools.add("late", "here".to_owned()).unwrap();
        assert_eq!(tools.list()[0].name, "late");
        assert!(tools.call("late").is_some());
        assert!(tools.add("late", String::new()).is_err());
        tools.remove("late").unwrap();
        assert!(tools.list().is_empty());
        assert!(tools.call("late").is_none());
        assert!(tools.remove("late").is_err());
    }

    #[test]
    fn names_and_number_are_bounded() {
        let tools = AddedTools::default();
        for name in ["", "a b", "é", &"x".repeat(129)] {
            assert!(tools.add(name, String::new()).is_err(), "{name}");
        }
        for number in 0..MAX_ADDED {
            tools.add(&format!("t{number}"), String::new()).unwrap();
        }
        assert!(tools.add("one.more", String::new()).is_err());
    }
}
