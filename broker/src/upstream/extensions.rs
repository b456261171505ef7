//! What all servers declare beyond the lists: tasks, extensions, experiments.
//!
//! Clients are told the union, since nothing of it can be asked of one server only. What two servers declare with other
//! settings is left out: either would be wrong for the other.

use super::capabilities::{Declarations, Tasks};
use super::server::{Server, Snapshot, Spoken};
use crate::catalog::{Conflict, Reason};
use protocol::era::Era;
use protocol::json::quote;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// MCP Apps: the one extension that works across the eras, since nothing but resources and `_meta` belongs to it.
const APPS: &str = "io.modelcontextprotocol/ui";
/// Extensions whose methods the gateway routes itself, or that have none.
const KNOWN: [&str; 2] = [APPS, TASKS];
/// Tasks in their modern form.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";

/// What the servers declare to clients of one era, together.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Extensions {
    /// The member `tasks` of 2025-11-25, with a comma in front; nothing if no server has it.
    pub tasks: String,
    /// The other members of `capabilities`, each with a comma in front.
    pub members: String,
    /// By server: what of it is left out, and why.
    pub conflicts: BTreeMap<String, Vec<Conflict>>,
    /// The servers that declare extensions or experiments of whose methods the gateway knows nothing.
    owners: BTreeMap<String, Vec<String>>,
}

/// Why no server was found for a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unowned {
    /// No server declares anything that it could belong to.
    Nobody,
    /// These do.
    Several(Vec<String>),
}

impl Extensions {
    /// The union for clients of `era`.
    pub(super) fn merge(era: Era, servers: &[(&Arc<Server>, &Arc<Snapshot>)]) -> Self {
        let mut merged = Self::default();
        let mut union = [("extensions", Union::default()), ("experimental", Union::default())];
        let mut tasks: Option<Tasks> = None;
        for (server, snapshot) in servers {
            let name = server.name();
            if let Some(Spoken { capabilities, .. }) = snapshot.spoken(era).map(Arc::as_ref) {
                for ((_, union), declared) in
                    union.iter_mut().zip([&capabilities.extensions, &capabilities.experimental])
                {
                    union.add(name, declared);
                    merged.own(name, declared);
                }
                if let Some(own) = capabilities.tasks.filter(|_| era == Era::Legacy) {
                    let all = tasks.get_or_insert_default();
                    all.list |= own.list;
                    all.cancel |= own.cancel;
                    all.tool_calls |= own.tool_calls;
                }
            } else if let Some(other) = snapshot.spoken(era.other())
                && let Some(settings) = other.capabilities.extensions.get(APPS)
                && let Some((_, extensions)) = union.first_mut()
            {
                extensions.add(name, &Declarations::from([(APPS.to_owned(), settings.clone())]));
            }
        }
        merged.tasks.extend(tasks.map(declaration));
        for (member, union) in union {
            union.finish(member, &mut merged);
        }
        merged
    }

    fn own(&mut self, server: &str, declared: &Declarations) {
        for name in declared.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
            self.owners.entry(name.clone()).or_default().push(server.to_owned());
        }
    }

    /// The server that a method belongs to which is none of MCP's own.
    ///
    /// It is the one that declares an extension or experiment whose identifier stands in front of the method, whole
    /// (`com.example/search` of `com.example/search/run`) or its last part (`search` of `search/run`); where no identifier does, it
    /// is the only server that declares any.
    pub fn owner(&self, method: &str) -> Result<&str, Unowned> {
        let begins = |part: &str| method.strip_prefix(part).is_some_and(|rest| rest.starts_with('/'));
        let named = |identifier: &&String| begins(identifier) || identifier.rsplit('/').next().is_some_and(begins);
        let candidates = |identifiers: Vec<&String>| {
            let mut all: Vec<_> = identifiers.into_iter().filter_map(|id| self.owners.get(id)).flatten().collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let mut found = candidates(self.owners.keys().filter(named).collect());
        if found.is_empty() {
            found = candidates(self.owners.keys().collect());
        }
        match found[..] {
            [] => Err(Unowned::Nobody),
            [only] => Ok(only),
            _ => Err(Unowned::Several(found.into_iter().cloned().collect())),
        }
    }
}

/// Declarations of several servers under one member.
#[derive(Default)]
struct Union(BTreeMap<String, Vec<(String, Arc<serde_json::value::RawValue>)>>);

impl Union {
    fn add(&mut self, server: &str, declared: &Declarations) {
        for (name, settings) in declared {
            self.0.entry(name.clone()).or_default().push((server.to_owned(), settings.clone()));
        }
    }

    fn finish(self, member: &str, merged: &mut Extensions) {
        let mut shown = Vec::new();
        for (name, all) in self.0 {
            let value = |settings: &serde_json::value::RawValue| serde_json::from_str::<Value>(settings.get()).ok();
            let Some((_, first)) = all.first() else { continue };
            if all.iter().all(|(_, settings)| value(settings) == value(first)) {
                shown.push(format!("{}:{}", quote(&name), first.get()));
                continue;
            }
            for (server, _) in &all {
                let others = || all.iter().map(|(other, _)| other).filter(|other| *other != server);
                let quoted: Vec<_> = others().map(|other| format!("`{other}`")).collect();
                let message = format!(
                    "{member} `{name}` has other settings than that of server {}: not told to clients",
                    quoted.join(", ")
                );
                let conflict = Conflict::new(member, &name, Reason::SettingsDiffer, message);
                let conflict = others().fold(conflict, |conflict, other| conflict.with(other));
                merged.conflicts.entry(server.clone()).or_default().push(conflict);
            }
        }
        if !shown.is_empty() {
            merged.members.push_str(&format!(",\"{member}\":{{{}}}", shown.join(",")));
        }
    }
}

fn declaration(tasks: Tasks) -> String {
    let parts = [
        (tasks.list, r#""list":{}"#),
        (tasks.cancel, r#""cancel":{}"#),
        (tasks.tool_calls, r#""requests":{"tools":{"call":{}}}"#),
    ];
    let declared: Vec<_> = parts.into_iter().filter(|(has, _)| *has).map(|(_, text)| text).collect();
    format!(",\"tasks\":{{{}}}", declared.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(declared: &[(&str, &[&str])]) -> Extensions {
        let mut all = Extensions::default();
        for (server, names) in declared {
            let settings = serde_json::value::RawValue::from_string("{}".to_owned()).unwrap();
            let settings: Arc<serde_json::value::RawValue> = settings.into();
            all.own(server, &names.iter().map(|name| ((*name).to_owned(), settings.clone())).collect());
        }
        all
    }

    #[test]
    fn a_method_goes_to_who_declares_what_it_is_named_after() {
        let all = owners(&[("a", &["com.example/search"]), ("b", &["skills"]), ("c", &[APPS, TASKS])]);
        assert_eq!(all.owner("com.example/search/run"), Ok("a"));
        assert_eq!(all.owner("search/run"), Ok("a"));
        assert_eq!(all.owner("skills/list"), Ok("b"));
        assert_eq!(all.owner("searching/run"), Err(Unowned::Several(vec!["a".into(), "b".into()])));
    }

    #[test]
    fn without_a_name_it_goes_to_the_only_one_that_declares_anything() {
        assert_eq!(owners(&[("a", &["com.example/x", "y"]), ("c", &[TASKS])]).owner("z/run"), Ok("a"));
        assert_eq!(owners(&[("c", &[TASKS, APPS])]).owner("z/run"), Err(Unowned::Nobody));
        let both = owners(&[("a", &["x"]), ("b", &["x"])]);
        assert_eq!(both.owner("x/run"), Err(Unowned::Several(vec!["a".into(), "b".into()])));
    }
}
