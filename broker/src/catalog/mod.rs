//! What all servers offer, merged, per era.
//!
//! A client sees what the servers offer in its own era, and of a server that does not speak it what [`crossed`] makes of the other. Items are the servers' own bytes; only names and URIs of
//! prefixed servers differ. The order is that of the configuration, then each server's own.

mod conflict;
mod crossed;
mod item;
mod kind;
mod merge;
mod offer;
mod template;
mod to_legacy;
mod to_modern;

pub use conflict::{Conflict, Reason};
pub use crossed::crossed;
pub use item::Item;
pub use kind::{Group, Kind};
pub use offer::{List, Offer};
pub use template::matches as template_matches;

use merge::{Merged, Share};
use protocol::config::Cache;
use protocol::era::Era;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use template::Template;

/// One server, for merging.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its prefix; empty for none.
    pub prefix: Arc<str>,
    /// Whether clients see its items: not while it is down.
    pub visible: bool,
    /// What it offered last to legacy clients.
    pub legacy: Option<Arc<Offer>>,
    /// What it offered last to modern clients.
    pub modern: Option<Arc<Offer>>,
}

impl Source {
    fn offer(&self, era: Era) -> Option<&Arc<Offer>> {
        match era {
            Era::Legacy => self.legacy.as_ref(),
            Era::Modern => self.modern.as_ref(),
        }
    }
}

/// How long a merged list may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// What is left of the shortest `ttlMs` of the servers.
    pub ttl: Duration,
    /// `cacheScope` is `private`.
    pub private: bool,
}

/// The truth about names at one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    sources: Arc<[Source]>,
    /// By source: see [`Catalog::web_uris`].
    web: Vec<Vec<String>>,
    legacy: View,
    modern: View,
}

/// What the clients of one era see.
#[derive(Debug, Default)]
struct View {
    lists: [Arc<[Item]>; 4],
    versions: [u64; 3],
    routes: Routes,
    conflicts: BTreeMap<usize, Vec<Conflict>>,
    /// By source, then by kind: how many of its items clients see.
    counts: Vec<[usize; 4]>,
}

/// What decides where an unprefixed name goes.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Routes {
    owners: [BTreeMap<Arc<str>, usize>; 4],
    hidden: [BTreeSet<Arc<str>>; 4],
    templates: Vec<(Template, usize)>,
    /// By kind: the only server without prefix that has such items. It gets what nobody lists.
    only: [Option<usize>; 4],
}

impl Catalog {
    /// Merges what the servers offer, in the order of the configuration. `previous` tells what has changed.
    pub fn merge(sources: Vec<Source>, previous: &Catalog) -> Catalog {
        let sources: Arc<[Source]> = sources.into();
        let view = |era| View::merge(era, &sources, previous.view(era));
        let web = sources.iter().map(web_uris).collect();
        Catalog { legacy: view(Era::Legacy), modern: view(Era::Modern), web, sources }
    }

    /// A list as clients of `era` see it.
    pub fn list(&self, era: Era, kind: Kind) -> Arc<[Item]> {
        self.view(era).lists[kind as usize].clone()
    }

    /// The same for a client that servers give other lists than the shared ones: `own`, by server name. What a call could not
    /// reach by its name, since the shared lists do not tell whose it is, is left out.
    pub fn list_for(&self, era: Era, kind: Kind, own: &HashMap<String, Arc<List>>) -> Arc<[Item]> {
        if own.is_empty() {
            return self.list(era, kind);
        }
        let reachable = |item: &Item| {
            let prefixed = item.name != item.own;
            prefixed || self.owner(era, kind, &item.name).is_some_and(|owner| owner == item.server)
        };
        let merged = merge_kind(era, kind, &self.sources, own);
        merged.items.into_iter().filter(reachable).collect()
    }

    /// How long [`Catalog::list_for`] may be kept, `now`.
    pub fn freshness(&self, era: Era, kind: Kind, own: &HashMap<String, Arc<List>>, now: Instant) -> Freshness {
        let lists = self.sources.iter().filter_map(|source| {
            let shared = || source.offer(era).filter(|_| source.visible).map(|offer| offer.list(kind));
            own.get(&*source.name).or_else(shared)
        });
        let left = |list: &List| list.ttl.saturating_sub(now.saturating_duration_since(list.fetched));
        // Nothing is said of lists that servers do not have.
        let lists: Vec<_> = lists.filter(|list| list.ttl != Duration::MAX).collect();
        Freshness {
            ttl: lists.iter().map(|list| left(list)).min().unwrap_or(MAX_AGE),
            private: lists.iter().any(|list| list.private),
        }
    }

    /// A number that changes when the lists of a group do, down to a description.
    pub fn version(&self, era: Era, group: Group) -> u64 {
        self.view(era).versions[group as usize]
    }

    /// The server without prefix that a name, URI or template belongs to. `None`: nobody's, or two servers'.
    ///
    /// A URI that no server lists goes by the template with the longest literal match. What then has no owner goes to the only
    /// server without prefix that has tools, prompts or resources: it may have more for some clients than it lists for all.
    pub fn owner(&self, era: Era, kind: Kind, name: &str) -> Option<Arc<str>> {
        let routes = &self.view(era).routes;
        let index = match kind {
            Kind::Tools | Kind::Prompts => routes.name(kind, name)?,
            Kind::Resources | Kind::Templates => routes.resource(name)?,
        };
        self.sources.get(index).map(|s| s.name.clone())
    }

    /// The `http:` and `https:` URIs that a server lists, as the server knows them; a template as far as its first expression,
    /// with `*` behind. Sorted.
    pub fn web_uris(&self, server: &str) -> &[String] {
        self.index(server).and_then(|at| self.web.get(at)).map(Vec::as_slice).unwrap_or_default()
    }

    /// What of a server no client sees, and why.
    pub fn conflicts(&self, server: &str) -> Vec<Conflict> {
        let Some(index) = self.index(server) else { return Vec::new() };
        let mut all = BTreeSet::new();
        for view in [&self.legacy, &self.modern] {
            all.extend(view.conflicts.get(&index).into_iter().flatten().cloned());
        }
        all.into_iter().collect()
    }

    /// How many items of a server clients see, in the era with the most.
    pub fn count(&self, server: &str, kind: Kind) -> usize {
        let Some(index) = self.index(server) else { return 0 };
        let count = |era| self.view(era).counts.get(index).map_or(0, |counts| counts[kind as usize]);
        count(Era::Legacy).max(count(Era::Modern))
    }

    /// Whether names lead to the same places as in `other`. Descriptions do not matter, nor does who is down.
    pub fn routes_as(&self, other: &Catalog) -> bool {
        let servers = |c: &Catalog| c.sources.iter().map(|s| (s.name.clone(), s.prefix.clone())).collect::<Vec<_>>();
        self.legacy.routes == other.legacy.routes
            && self.modern.routes == other.modern.routes
            && servers(self) == servers(other)
            && self.web == other.web
    }

    /// What [`Self::routes_as`] compares.
    pub(crate) fn ways(&self) -> impl Serialize {
        let servers: Vec<_> = self.sources.iter().map(|source| (&source.name, &source.prefix)).collect();
        (&self.legacy.routes, &self.modern.routes, servers, &self.web)
    }

    fn index(&self, server: &str) -> Option<usize> {
        self.sources.iter().position(|source| &*source.name == server)
    }

    fn view(&self, era: Era) -> &View {
        match era {
            Era::Legacy => &self.legacy,
            Era::Modern => &self.modern,
        }
    }
}

/// The web URIs that a server lists, see [`Catalog::web_uris`].
pub(crate) fn web_uris(source: &Source) -> Vec<String> {
    let web = |uri: &str| {
        ["http://", "https://"].iter().any(|s| uri.get(..s.len()).is_some_and(|h| h.eq_ignore_ascii_case(s)))
    };
    let mut uris = BTreeSet::new();
    for offer in [&source.legacy, &source.modern].into_iter().flatten() {
        let listed = |kind| offer.list(kind).items.iter().map(|item| &*item.own).filter(|own| web(own));
        uris.extend(listed(Kind::Resources).map(str::to_owned));
        uris.extend(listed(Kind::Templates).map(|template| match template.split_once('{') {
            Some((literal, _)) => format!("{literal}*"),
            None => template.to_owned(),
        }));
    }
    uris.into_iter().collect()
}

/// How long a list may be kept in which no server has a say.
const MAX_AGE: Duration = Cache::DEFAULT_MAX_AGE;

impl View {
    fn merge(era: Era, sources: &[Source], previous: &View) -> View {
        let mut view = View { versions: previous.versions, counts: vec![[0; 4]; sources.len()], ..View::default() };
        let mut changed = BTreeSet::new();
        for kind in Kind::ALL {
            let merged = merge_kind(era, kind, sources, &HashMap::new());
            let at = kind as usize;
            let old = &previous.lists[at];
            let same = old.len() == merged.items.len()
                && old.iter().zip(&merged.items).all(|(a, b)| {
                    Arc::ptr_eq(&a.json, &b.json) || (a.server == b.server && a.json.get() == b.json.get())
                });
            if same {
                view.lists[at] = old.clone();
            } else {
                view.lists[at] = merged.items.into();
                changed.insert(kind.group() as usize);
            }
            if kind == Kind::Templates {
                let parsed = merged.owners.iter().map(|(template, server)| (Template::parse(template), *server));
                view.routes.templates = parsed.collect();
            }
            for (counts, shown) in view.counts.iter_mut().zip(merged.shown) {
                counts[at] = shown;
            }
            view.routes.owners[at] = merged.owners;
            view.routes.hidden[at] = merged.hidden;
            for (server, conflicts) in merged.conflicts {
                view.conflicts.entry(server).or_default().extend(conflicts);
            }
        }
        for group in changed {
            view.versions[group] += 1;
        }
        view.routes.only = Kind::ALL.map(|kind| only(era, kind, sources));
        view
    }
}

impl Routes {
    fn listed(&self, kind: Kind, name: &str) -> Option<usize> {
        self.owners[kind as usize].get(name).copied()
    }

    fn name(&self, kind: Kind, name: &str) -> Option<usize> {
        if self.hidden[kind as usize].contains(name) {
            return None;
        }
        self.listed(kind, name).or(self.only[kind as usize])
    }

    fn resource(&self, uri: &str) -> Option<usize> {
        let kinds = [Kind::Resources, Kind::Templates];
        if kinds.iter().any(|kind| self.hidden[*kind as usize].contains(uri)) {
            return None;
        }
        if let Some(server) = kinds.iter().find_map(|kind| self.listed(*kind, uri)) {
            return Some(server);
        }
        let matches = self.templates.iter().filter_map(|(t, server)| Some((t.matches(uri)?, *server)));
        let mut best: Option<(usize, Option<usize>)> = None;
        for (literal, server) in matches {
            best = match best {
                Some((most, _)) if most > literal => best,
                // Two servers with templates that match equally well: nobody's.
                Some((most, owner)) if most == literal => Some((most, owner.filter(|o| *o == server))),
                _ => Some((literal, Some(server))),
            };
        }
        best.map_or(self.only[Kind::Resources as usize], |(_, owner)| owner)
    }
}

/// The only server without prefix that has items of a kind. Resources count when declared, since none has to be listed.
fn only(era: Era, kind: Kind, sources: &[Source]) -> Option<usize> {
    let has = |offer: &Arc<Offer>| match kind {
        Kind::Tools | Kind::Prompts => !offer.list(kind).items.is_empty(),
        Kind::Resources | Kind::Templates => offer.resources,
    };
    let mut all = sources.iter().enumerate().filter(|(_, s)| s.prefix.is_empty() && s.offer(era).is_some_and(has));
    all.next().filter(|_| all.next().is_none()).map(|(at, _)| at)
}

fn merge_kind(era: Era, kind: Kind, sources: &[Source], own: &HashMap<String, Arc<List>>) -> Merged {
    let shares: Vec<Share> = sources
        .iter()
        .map(|source| Share {
            name: source.name.clone(),
            prefix: source.prefix.clone(),
            visible: source.visible || own.contains_key(&*source.name),
            list: own.get(&*source.name).or_else(|| source.offer(era).map(|o| o.list(kind))).cloned(),
        })
        .collect();
    merge::merge(kind, &shares)
}

#[cfg(test)]
mod tests;
