//! What virtual servers come to, as the brokers see it.

use super::judge::Facts;
use super::observe::{State, VirtualServerStatus};
use crate::model::ObjectName;
use crate::source::kubernetes::{Interpretation, Verdict, reason};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Names that a message tells, and those that a status lists.
const TOLD: usize = 5;
const LISTED: usize = 50;

/// A virtual server, in the gateways that have it.
pub(super) struct Selection<'a> {
    seen: Vec<&'a VirtualServerStatus>,
    /// Whether a server of these gateways has not been asked yet: it may have what is missing.
    is_early: bool,
}

impl<'a> Selection<'a> {
    /// What is known of the virtual server of this name.
    pub(super) fn of(name: &ObjectName, result: &Interpretation, facts: &'a BTreeMap<ObjectName, Facts>) -> Self {
        let text = name.to_string();
        let having = result.extensions.iter().filter(|(_, outcome)| {
            let instances = outcome.instance.iter();
            instances.flat_map(|instance| &instance.virtual_servers).any(|known| known.name == text)
        });
        let brokers: Vec<_> =
            having.filter_map(|(extension, _)| facts.get(extension)).flat_map(Facts::brokers).collect();
        let servers = brokers.iter().flat_map(|broker| &broker.servers);
        let is_early = servers.into_iter().any(|server| server.state == State::Connecting);
        let seen = brokers.iter().flat_map(|broker| &broker.virtual_servers).filter(|seen| seen.name == text).collect();
        Self { seen, is_early }
    }

    /// What it names and none of these gateways has.
    fn unmatched(&self) -> BTreeSet<&'a str> {
        let mut all = self.seen.iter().map(|seen| seen.unmatched.iter().map(String::as_str).collect::<BTreeSet<_>>());
        let first = all.next().unwrap_or_default();
        all.fold(first, |some, others| some.intersection(&others).copied().collect())
    }

    /// `ResolvedRefs`: whether there is something of each name that it selects. Clients get the rest either way.
    pub(super) fn resolved(&self, accepted: &Verdict) -> Verdict {
        if !accepted.is_yes() {
            return Verdict::unknown(reason::PENDING, "No gateway has it.");
        }
        if self.seen.is_empty() {
            return Verdict::unknown(reason::PENDING, "No broker has told yet what there is of it.");
        }
        let unmatched = self.unmatched();
        if unmatched.is_empty() {
            return Verdict::yes(reason::RESOLVED_REFS, "There is something of each name that it selects.");
        }
        if self.is_early {
            return Verdict::unknown(reason::PENDING, "Some servers have not answered yet.");
        }
        let told: Vec<_> = unmatched.iter().take(TOLD).copied().collect();
        let more = match unmatched.len() - told.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "No server in use lists {}{more}: misspelt, without its server's prefix, or of a server that is not ready. Clients get the rest.",
            told.join(", ")
        );
        Verdict::no(reason::NAMES_NOT_FOUND, message)
    }

    /// What the status tells beside conditions.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let most = |count: fn(&VirtualServerStatus) -> u64| json!(self.seen.iter().map(|seen| count(seen)).max());
        let fields = [
            ("tools", most(|seen| seen.tools)),
            ("prompts", most(|seen| seen.prompts)),
            ("resources", most(|seen| seen.resources)),
            ("templates", most(|seen| seen.templates)),
            ("unmatched", json!(self.unmatched().iter().take(LISTED).collect::<Vec<_>>())),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
