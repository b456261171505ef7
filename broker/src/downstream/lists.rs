//! The four lists, as results.

use super::App;
use super::endpoint::Posted;
use crate::catalog::{Item, Kind, List, crossed};
use crate::session::Session;
use crate::upstream::{Seen, Server, Way, gateway_info, shown};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures::future::join_all;
use protocol::era::to_legacy::revision::{is_older, tool};
use protocol::era::{Era, SERVER_INFO, needs_task};
use protocol::error::{Refusal, code};
use protocol::json::quote;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// The list that a legacy client gets: what a server lists for clients of its capabilities, of a server that changed its list in
/// the client's own session that one, and of a server that tells callers apart what it lists for this one.
pub(super) async fn legacy(app: &App, session: &Session, kind: Kind, posted: &Posted<'_>) -> Result<String, Refusal> {
    let Seen { view, servers } = app.registry.seen_by(Era::Legacy, &posted.caller).await;
    let (params, modern, upstreams) = (session.list_params(), session.modern_capabilities(), session.open_upstreams());
    let lists = servers.iter().map(async |server| {
        let own = || server.principal().map(|_| shown(&server.snapshot(), Era::Legacy, kind));
        if !server.snapshot().is_ready() {
            return Some((server.name().to_owned(), own()?));
        }
        let upstream = upstreams.iter().find(|upstream| upstream.server.is(server));
        let changed = match upstream {
            Some(upstream) => upstream.own_list(kind).await,
            None => None,
        };
        let list = match (changed, &params) {
            (None, _) if session.way(server) == Some(Way::Crossed) => {
                let projected = server.list_declaring(&modern, kind).await;
                // Where its legacy leg serves others, the shared list is not this client's.
                let shared = || (server.way(Era::Legacy, false) != Some(Way::Crossed)).then(|| offered(server, kind));
                projected.map(|list| Arc::new(crossed(Era::Modern, kind, &list))).or_else(|| shared().flatten())
            }
            (None, Some(params)) => server.list_in(params, kind).await,
            (changed, _) => changed,
        };
        Some((server.name().to_owned(), list.or_else(own)?))
    });
    let differing: HashMap<String, Arc<List>> = join_all(lists).await.into_iter().flatten().collect();
    let mut items = posted.scope.shown(kind, view.catalog.list_for(Era::Legacy, kind, &differing));
    if kind == Kind::Tools && !session.revision.has_tasks() {
        items = items.iter().filter(|item| !needs_task(item.json.get())).cloned().collect();
    }
    let older = Some(session.revision).filter(|revision| kind == Kind::Tools && is_older(*revision));
    let page = page(app, Era::Legacy, kind, &items, posted.envelope.cursor.as_deref(), |json| tool(json, older?))?;
    Ok(format!("{{{},{page}}}", meta()))
}

/// A modern server's list as legacy clients see it.
fn offered(server: &Server, kind: Kind) -> Option<Arc<List>> {
    server.snapshot().offer(Era::Legacy, Way::Crossed).map(|offer| Arc::clone(offer.list(kind)))
}

/// The list that a modern client gets: what servers list for clients that declare the same (`capabilities`, raw JSON), and of
/// those that tell callers apart what they list for this one.
pub(super) async fn modern(app: &App, kind: Kind, posted: &Posted<'_>, capabilities: &str) -> Result<String, Refusal> {
    let seen = app.registry.seen_by(Era::Modern, &posted.caller).await;
    let catalog = &seen.view.catalog;
    let lists = seen.servers.iter().map(async |server| {
        let projected = async {
            if server.way(Era::Modern, false)? == Way::Direct {
                return server.list_declaring(capabilities, kind).await;
            }
            let params = app.legacy_servers.list_params(server, capabilities)?;
            let list = server.list_in(&params, kind).await?;
            Some(Arc::new(crossed(Era::Legacy, kind, &list)))
        };
        let own = || server.principal().map(|_| shown(&server.snapshot(), Era::Modern, kind));
        Some((server.name().to_owned(), projected.await.or_else(own)?))
    });
    let differing: HashMap<String, Arc<List>> = join_all(lists).await.into_iter().flatten().collect();
    let items = posted.scope.shown(kind, catalog.list_for(Era::Modern, kind, &differing));
    let page = page(app, Era::Modern, kind, &items, posted.envelope.cursor.as_deref(), |_| None)?;
    let freshness = catalog.freshness(Era::Modern, kind, &differing, Instant::now());
    // Others see another list at the same address.
    let private = freshness.private || posted.scope.is_narrow() || seen.is_private();
    let (ttl, scope) = (freshness.ttl.as_millis(), if private { "private" } else { "public" });
    let members = format!("{page},\"ttlMs\":{ttl},\"cacheScope\":\"{scope}\"");
    Ok(complete(&members))
}

/// A modern result of these members, made by the gateway.
pub(super) fn complete(members: &str) -> String {
    format!("{{\"resultType\":\"complete\",{},{members}}}", meta())
}

/// The member `_meta` of what the gateway answers itself.
fn meta() -> String {
    format!("\"_meta\":{{\"{SERVER_INFO}\":{}}}", gateway_info())
}

/// The members of one page: as many items as fit from where the cursor points, each as its server sent it, or what `changed`
/// makes of it.
fn page(
    app: &App,
    era: Era,
    kind: Kind,
    items: &[Item],
    cursor: Option<&str>,
    changed: impl Fn(&str) -> Option<String>,
) -> Result<String, Refusal> {
    let start = match cursor {
        None | Some("") => 0,
        Some(cursor) => Place::read(kind, cursor).map(|place| place.find(items)).ok_or_else(|| {
            Refusal::answer(era, code::INVALID_PARAMS, "params.cursor is not one that the gateway gave for this list.")
        })?,
    };
    let end = items.len().min(start.saturating_add(app.limits().list_page.max(1)));
    let shown = items.get(start..end).unwrap_or_default();
    let size: usize = shown.iter().map(|item| item.json.get().len() + 1).sum();
    let mut page = String::with_capacity(size + 128);
    page.push_str(&format!("\"{}\":[", kind.member()));
    for (at, item) in shown.iter().enumerate() {
        page.push_str(if at == 0 { "" } else { "," });
        let json = item.json.get();
        page.push_str(changed(json).as_deref().unwrap_or(json));
    }
    page.push(']');
    if let Some(last) = shown.last().filter(|_| end < items.len()) {
        page.push_str(&format!(",\"nextCursor\":{}", quote(&Place::after(end, &last.name).cursor(kind))));
    }
    Ok(page)
}

/// Where a page ended. The list may change before the next one is asked for: what stands behind the same item goes on then,
/// wherever that is by now; if the item is gone, what stands where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Items before the next page.
    offset: usize,
    /// Of the last item's name.
    digest: [u8; 8],
}

impl Place {
    fn after(offset: usize, name: &str) -> Self {
        Self { offset, digest: digest(name) }
    }

    /// The index of the item that comes next.
    fn find(&self, items: &[Item]) -> usize {
        let is_last = |item: &Item| digest(&item.name) == self.digest;
        let before = self.offset.saturating_sub(1);
        if items.get(before).is_some_and(is_last) {
            return self.offset;
        }
        items.iter().position(is_last).map_or(before, |at| at + 1).min(items.len())
    }

    fn cursor(self, kind: Kind) -> String {
        BASE64.encode(format!("{}:{}:{:016x}", kind.member(), self.offset, u64::from_be_bytes(self.digest)))
    }

    fn read(kind: Kind, cursor: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64.decode(cursor).ok()?).ok()?;
        let (offset, digest) = text.strip_prefix(kind.member())?.strip_prefix(':')?.split_once(':')?;
        let digest = u64::from_str_radix(digest, 16).ok()?.to_be_bytes();
        Some(Self { offset: offset.parse().ok()?, digest })
    }
}

fn digest(name: &str) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(name));
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::answer::Rules;
    use serde_json::value::RawValue;

    fn items(names: &[&str]) -> Vec<Item> {
        let rules = Rules::new("s", "", &[]).for_list();
        let raw = |name: &&str| RawValue::from_string(format!("{{\"name\":\"{name}\"}}")).unwrap();
        names.iter().map(|name| Item::present(Kind::Tools, &raw(name), &rules).unwrap()).collect()
    }

    #[test]
    fn cursors_belong_to_their_list() {
        let place = Place::after(7, "x");
        assert_eq!(Place::read(Kind::Tools, &place.cursor(Kind::Tools)), Some(place));
        assert_eq!(Place::read(Kind::Prompts, &place.cursor(Kind::Tools)), None);
        for junk in ["7", "dG9vbHM6", "é", "dG9vbHM6LTE", "dG9vbHM6LTE6MA"] {
            assert_eq!(Place::read(Kind::Tools, junk), None, "{junk}");
        }
    }

    #[test]
    fn a_list_goes_on_behind_the_same_item() {
        let place = Place::after(2, "b");
        for (now, next) in [
            (&["a", "b", "c"][..], 2),
            (&["new", "a", "b", "c"], 3),
            (&["b", "c"], 1),
            (&["a", "c", "d"], 1),
            (&["a", "b"], 2),
            (&["a"], 1),
            (&[], 0),
        ] {
            assert_eq!(place.find(&items(now)), next, "{now:?}");
        }
    }
}
