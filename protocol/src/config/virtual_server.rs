//! Named parts of what all servers offer together.

use serde::{Deserialize, Serialize};

/// A selection, for clients that ask for it by its name. What it does not name is not there for them.
///
/// Names and URIs are those that clients see, prefixes included; one with `*` behind stands for all that begin so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualServer {
    /// Unique; `NAME` or `NAMESPACE/NAME`.
    pub name: String,
    /// What it is for, as its clients are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tools.
    pub tools: Vec<String>,
    /// Prompts.
    pub prompts: Vec<String>,
    /// Resources and their templates.
    pub resources: Vec<String>,
}

/// Whether a name is among `selected`.
pub fn is_selected(selected: &[String], name: &str) -> bool {
    selected.iter().any(|entry| match entry.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => entry == name,
    })
}
