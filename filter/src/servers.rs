//! The broker's table of servers, ready for use.

use protocol::answer::Rules;
use protocol::naming::Table;
use protocol::resolve::{ServerEntry, ServerTable};
use protocol::route::CallKind;
use std::ops::Range;

/// What names mean.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) version: String,
    names: Table,
    /// Sorted by name, each with how its answers are edited.
    entries: Vec<(ServerEntry, Rules)>,
}

impl Servers {
    pub(crate) fn new(table: &ServerTable) -> Self {
        let names = Table::new(table.servers.iter().map(|s| s.prefix.as_str()));
        let rules = |s: &ServerEntry| Rules::new(&s.name, &s.prefix, &[]).with_editing(&table.editing);
        let entries = table.servers.iter().map(|server| (server.clone(), rules(server))).collect();
        Self { version: table.version.clone(), names, entries }
    }

    /// The server whose prefix a name or URI has, and where that stands in it.
    pub(crate) fn by_prefix(&self, kind: CallKind, text: &str) -> Option<(&ServerEntry, Range<usize>)> {
        let route = match kind {
            CallKind::Resource => self.names.by_uri(text),
            CallKind::Tool | CallKind::Prompt => self.names.by_name(text),
        }?;
        self.entries.get(route.server).map(|(server, _)| (server, route.added))
    }

    /// A server by its name.
    pub(crate) fn get(&self, name: &str) -> Option<&(ServerEntry, Rules)> {
        self.entries.iter().find(|(server, _)| server.name == name)
    }
}
