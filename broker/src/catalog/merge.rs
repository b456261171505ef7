//! One list out of those of all servers.

use super::conflict::{Conflict, Reason};
use super::item::Item;
use super::kind::Kind;
use super::offer::List;
use protocol::naming::Table;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// One server's share.
#[derive(Debug, Clone)]
pub(super) struct Share {
    pub(super) name: Arc<str>,
    pub(super) prefix: Arc<str>,
    /// Whether clients see it. A server that is down keeps its names to itself, but nobody else gets them.
    pub(super) visible: bool,
    pub(super) list: Option<Arc<List>>,
}

/// The outcome.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// In the order of servers, then in each server's own.
    pub(super) items: Vec<Item>,
    /// By server: how many of them are its own.
    pub(super) shown: Vec<usize>,
    /// Unprefixed names and the indices of their servers, visible or not.
    pub(super) owners: BTreeMap<Arc<str>, usize>,
    /// Names that nobody gets.
    pub(super) hidden: BTreeSet<Arc<str>>,
    /// By server: what is not listed, and why.
    pub(super) conflicts: BTreeMap<usize, Vec<Conflict>>,
}

/// Merges the servers' lists of one kind. A name that routing would take elsewhere, or that two servers without prefix have,
/// is nobody's.
pub(super) fn merge(kind: Kind, shares: &[Share]) -> Merged {
    let table = Table::new(shares.iter().map(|s| &*s.prefix));
    let claims = claims(shares);
    let mut merged = Merged::default();
    for (index, share) in shares.iter().enumerate() {
        merged.shown.push(0);
        let Some(list) = &share.list else { continue };
        let before = merged.items.len();
        let mut conflicts = list.notes.clone();
        let mut seen = HashSet::with_capacity(list.items.len());
        for item in list.items.iter() {
            let found = if kind.by_uri() { table.by_uri(&item.name) } else { table.by_name(&item.name) };
            let taker = found.map(|route| route.server).filter(|server| *server != index);
            let rival = claims.get(&*item.name).and_then(|all| all.iter().find(|other| **other != index));
            let noun = kind.noun();
            if let Some(other) = taker.and_then(|at| shares.get(at)) {
                let message = format!(
                    "{noun} `{}` begins with the prefix of server `{}`: hidden; give this server a prefix of its own",
                    item.name, other.name
                );
                conflicts.push(Conflict::new(noun, &item.name, Reason::PrefixOfOther, message).with(&other.name));
            } else if let Some(other) = rival.and_then(|at| shares.get(*at)) {
                let message = format!(
                    "{noun} `{}` is also one of server `{}`: hidden from both; give one of them a prefix",
                    item.name, other.name
                );
                conflicts.push(Conflict::new(noun, &item.name, Reason::NameCollision, message).with(&other.name));
            } else if !seen.insert(&*item.name) {
                let message = format!("{noun} `{}` is listed twice by the server: only the first is listed", item.own);
                conflicts.push(Conflict::new(noun, &item.own, Reason::ListedTwice, message));
                continue;
            } else {
                if share.prefix.is_empty() {
                    merged.owners.insert(item.name.clone(), index);
                }
                if share.visible {
                    merged.items.push(item.clone());
                }
                continue;
            }
            merged.hidden.insert(item.name.clone());
        }
        if let Some(shown) = merged.shown.last_mut() {
            *shown = merged.items.len() - before;
        }
        if !conflicts.is_empty() {
            merged.conflicts.insert(index, conflicts);
        }
    }
    merged
}

/// Which servers without prefix have a name.
fn claims(shares: &[Share]) -> HashMap<&str, BTreeSet<usize>> {
    let mut claims: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    for (index, share) in shares.iter().enumerate().filter(|(_, s)| s.prefix.is_empty()) {
        for item in share.list.iter().flat_map(|list| list.items.iter()) {
            claims.entry(&item.name).or_default().insert(index);
        }
    }
    claims
}
