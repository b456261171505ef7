//! What of a server no client sees, or not each.

use serde::Serialize;

/// Something that a server offers and that is not listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Conflict {
    /// What it is: `tool`, `prompt`, `resource`, `resource template`, or the member of capabilities that it stands under.
    pub kind: String,
    /// Its name or URI, as clients would see it where the reason is a collision, else as the server has it. Empty if it has none.
    pub name: String,
    /// Why it is not listed, as a word for programs.
    pub reason: Reason,
    /// The names of the servers that it collides with.
    pub servers: Vec<String>,
    /// All of that for a person, with what to do.
    pub message: String,
}

/// Why something is not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Reason {
    /// Another server has the same name: neither has it.
    NameCollision,
    /// The name begins with the prefix of another server, which would get the call.
    PrefixOfOther,
    /// The server lists the name twice: only the first is listed.
    ListedTwice,
    /// It has no readable name, or cannot be edited.
    Invalid,
    /// It could not be called for clients of the legacy era, which do not see it.
    NotForLegacyClients,
    /// It could not be called for clients of the modern era, which do not see it.
    NotForModernClients,
    /// Other servers declare it with other settings.
    SettingsDiffer,
}

impl Conflict {
    pub(crate) fn new(kind: &str, name: &str, reason: Reason, message: String) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), reason, servers: Vec::new(), message }
    }

    pub(crate) fn with(mut self, server: &str) -> Self {
        self.servers.push(server.to_owned());
        self
    }
}
