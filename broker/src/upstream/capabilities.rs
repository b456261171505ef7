//! What a server declares that it can do.

use crate::catalog::{Group, Kind};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a server declares under names that are not of MCP's own making, with the settings as sent.
pub type Declarations = BTreeMap<String, Arc<RawValue>>;

/// `capabilities` of `initialize` or `server/discover`, read leniently: what is not an object counts as not declared.
#[derive(Debug, Clone, Default)]
pub struct Capabilities {
    /// It has tools.
    pub tools: Option<Listing>,
    /// It has prompts.
    pub prompts: Option<Listing>,
    /// It has resources.
    pub resources: Option<Listing>,
    /// It sends log messages and takes `logging/setLevel`.
    pub logging: bool,
    /// It answers `completion/complete`.
    pub completions: bool,
    /// It takes tasks in the form of 2025-11-25.
    pub tasks: Option<Tasks>,
    /// `extensions`.
    pub extensions: Declarations,
    /// `experimental`.
    pub experimental: Declarations,
    /// The whole, as sent; `None` if it was left out.
    pub raw: Option<Arc<RawValue>>,
}

/// A capability that comes with a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listing {
    /// It says when the list changes.
    pub list_changed: bool,
    /// It says when an item changes (resources only).
    pub subscribe: bool,
}

/// `tasks` of 2025-11-25.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tasks {
    /// It answers `tasks/list`.
    pub list: bool,
    /// It answers `tasks/cancel`.
    pub cancel: bool,
    /// A tool can be called as a task.
    pub tool_calls: bool,
}

impl Capabilities {
    /// Reads the raw `capabilities` object.
    pub fn parse(raw: &RawValue) -> Self {
        let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let listing = |name: &str| {
            let declared = value.get(name).filter(|v| v.is_object())?;
            let flag = |key: &str| declared.get(key).and_then(Value::as_bool).unwrap_or(false);
            Some(Listing { list_changed: flag("listChanged"), subscribe: flag("subscribe") })
        };
        let present = |name: &str| value.get(name).is_some_and(Value::is_object);
        Self {
            tools: listing("tools"),
            prompts: listing("prompts"),
            resources: listing("resources"),
            logging: present("logging"),
            completions: present("completions"),
            tasks: value.get("tasks").filter(|v| v.is_object()).map(|tasks| Tasks {
                list: tasks["list"].is_object(),
                cancel: tasks["cancel"].is_object(),
                tool_calls: tasks["requests"]["tools"]["call"].is_object(),
            }),
            extensions: declarations(raw, "extensions"),
            experimental: declarations(raw, "experimental"),
            raw: Some(raw.to_owned().into()),
        }
    }

    /// What is declared of a list.
    pub fn listing(&self, kind: Kind) -> Option<Listing> {
        match kind.group() {
            Group::Tools => self.tools,
            Group::Prompts => self.prompts,
            Group::Resources => self.resources,
        }
    }

    /// Whether any list says when it changes.
    pub fn any_list_changed(&self) -> bool {
        [self.tools, self.prompts, self.resources].into_iter().flatten().any(|l| l.list_changed)
    }
}

fn declarations(capabilities: &RawValue, member: &str) -> Declarations {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(capabilities.get()).unwrap_or_default();
    let declared = members.get(member).and_then(|raw| serde_json::from_str(raw.get()).ok());
    let declared: BTreeMap<String, Box<RawValue>> = declared.unwrap_or_default();
    declared.into_iter().map(|(name, settings)| (name, settings.into())).collect()
}
