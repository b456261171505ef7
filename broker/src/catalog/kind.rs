//! The four lists of MCP.

/// A list that servers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
}

/// Lists whose changes are told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources and their templates.
    Resources,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// The method that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }

    /// The member of the result that holds the items.
    pub fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// What an item is called in messages to people.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Tools => "tool",
            Self::Prompts => "prompt",
            Self::Resources => "resource",
            Self::Templates => "resource template",
        }
    }

    /// Whether its items are known by URI rather than by name.
    pub(crate) fn by_uri(self) -> bool {
        matches!(self, Self::Resources | Self::Templates)
    }

    /// The group that it changes with.
    pub fn group(self) -> Group {
        match self {
            Self::Tools => Group::Tools,
            Self::Prompts => Group::Prompts,
            Self::Resources | Self::Templates => Group::Resources,
        }
    }
}

impl Group {
    /// All of them.
    pub const ALL: [Group; 3] = [Self::Tools, Self::Prompts, Self::Resources];

    /// The notification that tells of a change.
    pub fn notification(self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
        }
    }

    /// The group that a notification's method speaks of.
    pub fn of_notification(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.notification() == method)
    }
}
