//! The four lists, as results.

use super::App;
use crate::catalog::{Item, Kind, List};
use crate::session::Session;
use crate::upstream::{Way, gateway_info};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures::future::join_all;
use protocol::era::to_legacy::revision::{is_older, tool};
use protocol::era::{Era, Revision};
use protocol::error::{Refusal, code};
use protocol::json::quote;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// The list that a legacy client gets: what a server lists for clients of its capabilities, and of a server that changed its list
/// in the client's own session that one.
pub(super) async fn legacy(app: &App, session: &Session, kind: Kind, cursor: Option<&str>) -> Result<String, Refusal> {
    let view = app.registry.refreshed().await;
    let (params, upstreams) = (session.list_params(), session.open_upstreams());
    let lists = view.servers.iter().map(async |server| {
        let upstream = upstreams.iter().find(|upstream| upstream.server.name() == server.name());
        let own = match upstream {
            Some(upstream) => upstream.own_list(kind).await,
            None => None,
        };
        let list = match (own, &params) {
            // Its legacy leg serves others.
            (None, _) if session.way(server) != server.way(Era::Legacy, false) => {
                server.snapshot().offer(Era::Legacy, Way::Crossed).map(|offer| Arc::clone(offer.list(kind)))
            }
            (None, Some(params)) => server.list_in(params, kind).await,
            (own, _) => own,
        };
        Some((server.name().to_owned(), list?))
    });
    let differing: HashMap<String, Arc<List>> = join_all(lists).await.into_iter().flatten().collect();
    let mut items = view.catalog.list_for(Era::Legacy, kind, &differing);
    if kind == Kind::Tools && is_older(session.revision) {
        items = items.iter().map(|item| readable(item, session.revision)).collect();
    }
    let page = page(app, Era::Legacy, kind, &items, cursor)?;
    Ok(format!("{{{page}}}"))
}

/// A tool as a client of an older revision can read it.
fn readable(item: &Item, revision: Revision) -> Item {
    let json = tool(item.json.get(), revision).and_then(|json| RawValue::from_string(json).ok());
    Item { json: json.map_or_else(|| Arc::clone(&item.json), Into::into), ..item.clone() }
}

/// The list that a modern client gets.
pub(super) async fn modern(app: &App, kind: Kind, cursor: Option<&str>) -> Result<String, Refusal> {
    let catalog = &app.registry.refreshed().await.catalog;
    let page = page(app, Era::Modern, kind, &catalog.list(Era::Modern, kind), cursor)?;
    let freshness = catalog.freshness(Era::Modern, kind, Instant::now());
    let (ttl, scope) = (freshness.ttl.as_millis(), if freshness.private { "private" } else { "public" });
    let members = format!("{page},\"ttlMs\":{ttl},\"cacheScope\":\"{scope}\"");
    Ok(complete(&members))
}

/// A modern result of these members, made by the gateway.
pub(super) fn complete(members: &str) -> String {
    let info = gateway_info();
    format!("{{\"resultType\":\"complete\",\"_meta\":{{\"io.modelcontextprotocol/serverInfo\":{info}}},{members}}}")
}

/// The members of one page: as many items as fit from where the cursor points, each as its server sent it.
fn page(app: &App, era: Era, kind: Kind, items: &[Item], cursor: Option<&str>) -> Result<String, Refusal> {
    let start = match cursor {
        None | Some("") => 0,
        Some(cursor) => offset(kind, cursor).filter(|at| *at <= items.len()).ok_or_else(|| {
            Refusal::answer(era, code::INVALID_PARAMS, "params.cursor is not one that the gateway gave for this list.")
        })?,
    };
    let end = items.len().min(start.saturating_add(app.limits().list_page.max(1)));
    let shown = items.get(start..end).unwrap_or_default();
    let joined: Vec<&str> = shown.iter().map(|item| item.json.get()).collect();
    let next =
        if end < items.len() { format!(",\"nextCursor\":{}", quote(&self::cursor(kind, end))) } else { String::new() };
    Ok(format!("\"{}\":[{}]{next}", kind.member(), joined.join(",")))
}

fn cursor(kind: Kind, offset: usize) -> String {
    BASE64.encode(format!("{}:{offset}", kind.member()))
}

fn offset(kind: Kind, cursor: &str) -> Option<usize> {
    let text = String::from_utf8(BASE64.decode(cursor).ok()?).ok()?;
    text.strip_prefix(kind.member())?.strip_prefix(':')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_belong_to_their_list() {
        assert_eq!(offset(Kind::Tools, &cursor(Kind::Tools, 7)), Some(7));
        assert_eq!(offset(Kind::Prompts, &cursor(Kind::Tools, 7)), None);
        for junk in ["7", "dG9vbHM6", "é", "dG9vbHM6LTE"] {
            assert_eq!(offset(Kind::Tools, junk), None, "{junk}");
        }
    }
}
