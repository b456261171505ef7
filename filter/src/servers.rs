//! The broker's table of servers, ready for use.

use protocol::answer::Rules;
use protocol::era::Era;
use protocol::naming::Table;
use protocol::resolve::{ServerEntry, ServerTable, Target};
use protocol::route::CallKind;
use std::collections::BTreeSet;
use std::ops::Range;

/// What names mean.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) version: String,
    names: Table,
    /// Sorted by name, each with how its answers are edited.
    entries: Vec<(ServerEntry, Rules)>,
    /// Headers by which any of them tells callers apart.
    forward_headers: BTreeSet<String>,
}

impl Servers {
    pub(crate) fn new(table: &ServerTable) -> Self {
        let rules = |s: &ServerEntry| Rules::new(&s.name, &s.prefix, &[]).with_editing(&table.editing);
        let mut entries: Vec<_> = table.servers.iter().map(|server| (server.clone(), rules(server))).collect();
        entries.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let names = Table::new(entries.iter().map(|(server, _)| server.prefix.as_str()));
        let forward_headers = table.servers.iter().flat_map(|server| server.forward_headers.iter().cloned()).collect();
        Self { version: table.version.clone(), names, entries, forward_headers }
    }

    /// The headers by which servers may tell the caller apart that wants `target`. A session is one caller's, whatever is wanted.
    pub(crate) fn forward_headers(&self, era: Era, target: &Target) -> Vec<&str> {
        match target {
            _ if self.forward_headers.is_empty() => Vec::new(),
            _ if era == Era::Legacy => self.forward_headers.iter().map(String::as_str).collect(),
            Target::Server(name) => {
                let server = self.get(name);
                server.iter().flat_map(|(server, _)| &server.forward_headers).map(String::as_str).collect()
            }
            // Such servers have a prefix.
            Target::Tool(_) | Target::Prompt(_) | Target::Resource(_) => Vec::new(),
        }
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
        let at = self.entries.binary_search_by(|(server, _)| (*server.name).cmp(name)).ok()?;
        self.entries.get(at)
    }
}
