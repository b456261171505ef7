//! All pages of a server's lists.

use super::client::Client;
use super::error::UpstreamError;
use super::leg::Leg;
use super::reply::ANSWER_LIMIT;
use crate::catalog::{Conflict, Item, Kind, List};
use protocol::answer::Rules;
use protocol::config::{Cache, CacheScope};
use protocol::era::Era;
use protocol::json::quote;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Most pages of one list.
const MAX_PAGES: usize = 1000;

/// Why a list is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The server has no result for it.
    #[error("{0}: the server {1}")]
    Upstream(&'static str, UpstreamError),
    /// It gave the same cursor twice.
    #[error("{0}: page {1} has a cursor that an earlier page had; the list would never end")]
    Loop(&'static str, usize),
    /// More than a thousand pages.
    #[error("{0}: more than {MAX_PAGES} pages, which is the gateway's limit")]
    Pages(&'static str),
    /// All pages together are too large.
    #[error("{0}: more than {ANSWER_LIMIT} bytes, which is the gateway's limit")]
    Size(&'static str),
}

impl ListError {
    /// Whether the connection is at fault rather than the list: then nothing of the server can be used.
    pub(super) fn is_connection(&self) -> Option<&UpstreamError> {
        match self {
            Self::Upstream(_, UpstreamError::Rpc { .. } | UpstreamError::TooLarge(_)) => None,
            Self::Upstream(_, error) => Some(error),
            _ => None,
        }
    }
}

/// Fetches a whole list as clients see it. `rules` are the server's, for lists. A server that does not know the method has
/// an empty list.
///
/// # Errors
/// See [`ListError`].
pub async fn fetch_list(client: &Client, leg: &Leg, kind: Kind, rules: &Rules) -> Result<List, ListError> {
    let method = kind.method();
    let mut list = Building::new(leg.era(), client.cache());
    let mut cursors = HashSet::new();
    let mut cursor: Option<String> = None;
    let mut size = 0;
    for page in 1..=MAX_PAGES {
        let params = cursor.as_deref().map(|c| format!("{{\"cursor\":{}}}", quote(c)));
        let result = match client.request(leg, method, params.as_deref()).await {
            Ok(result) => result,
            Err(error) if page == 1 && error.code() == Some(protocol::error::code::METHOD_NOT_FOUND) => {
                return Ok(List::empty());
            }
            Err(error) => return Err(ListError::Upstream(method, error)),
        };
        size += result.get().len();
        if size > ANSWER_LIMIT {
            return Err(ListError::Size(method));
        }
        let next = list.add(kind, &result, rules).map_err(|e| ListError::Upstream(method, e))?;
        let Some(next) = next else { return Ok(list.finish()) };
        if !cursors.insert(next.clone()) {
            return Err(ListError::Loop(method, page));
        }
        cursor = Some(next);
    }
    Err(ListError::Pages(method))
}

/// A list as far as its pages have come.
struct Building {
    items: Vec<Item>,
    notes: Vec<Conflict>,
    ttl: Duration,
    private: bool,
    fetched: Instant,
    era: Era,
    cache: Cache,
}

impl Building {
    fn new(era: Era, cache: Cache) -> Self {
        Self {
            items: Vec::new(),
            notes: Vec::new(),
            ttl: Duration::MAX,
            private: false,
            fetched: Instant::now(),
            era,
            cache,
        }
    }

    /// Takes a page; gives the cursor of the next. Any string is a cursor, the empty one too.
    fn add(&mut self, kind: Kind, result: &RawValue, rules: &Rules) -> Result<Option<String>, UpstreamError> {
        let broken = UpstreamError::Malformed("a list result without its list");
        let page: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(result.get()).map_err(|_| broken.clone())?;
        let items: Vec<&RawValue> =
            page.get(kind.member()).and_then(|raw| serde_json::from_str(raw.get()).ok()).ok_or(broken)?;
        for item in items {
            match Item::present(kind, item, rules) {
                Ok(item) => self.items.push(item),
                Err(note) => self.notes.push(note),
            }
        }
        let value = |name: &str| page.get(name).and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        let ttl = value("ttlMs").and_then(|v| v.as_u64()).unwrap_or(0);
        self.ttl = self.ttl.min(Duration::from_millis(ttl));
        self.private |= value("cacheScope").is_none_or(|scope| scope != "public");
        Ok(value("nextCursor").and_then(|v| v.as_str().map(str::to_owned)))
    }

    fn finish(self) -> List {
        let Self { items, notes, ttl, private, fetched, era, cache } = self;
        // Legacy servers do not tell: only the operator can.
        let (ttl, private) = match era {
            Era::Legacy => (cache.max_age_ms.map_or(Duration::ZERO, Duration::from_millis), true),
            Era::Modern => (ttl.min(cache.max_age()), private),
        };
        let private = cache.scope.map_or(private, |scope| scope == CacheScope::Private);
        List { items: items.into(), notes, ttl, private, fetched }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(list: &mut Building, page: &str) -> Result<Option<String>, UpstreamError> {
        let raw = RawValue::from_string(page.to_owned()).unwrap();
        list.add(Kind::Tools, &raw, &Rules::new("s", "s_", &[]).for_list())
    }

    #[test]
    fn pages_add_up_to_the_shortest_and_most_private() {
        let mut list = Building::new(Era::Modern, Cache::default());
        let page = r#"{"tools":[{"name":"a"}],"ttlMs":5000,"cacheScope":"public","nextCursor":""}"#;
        assert_eq!(add(&mut list, page), Ok(Some(String::new())));
        assert!(!list.private);
        let page = r#"{"ttlMs":1000,"tools":[{"name":"b"},{"title":"nameless"}],"nextCursor":null}"#;
        assert_eq!(add(&mut list, page), Ok(None));
        let list = list.finish();
        assert_eq!((list.ttl, list.private, list.items.len(), list.notes.len()), (Duration::from_secs(1), true, 2, 1));
    }

    #[test]
    fn the_operator_knows_better() {
        let minute = Some(60_000);
        for (era, cache, page, expected) in [
            (Era::Legacy, (None, None), r#"{"tools":[]}"#, (0, true)),
            (Era::Legacy, (None, minute), r#"{"tools":[]}"#, (60, true)),
            (Era::Legacy, (Some(CacheScope::Shared), minute), r#"{"tools":[]}"#, (60, false)),
            (Era::Modern, (None, None), r#"{"tools":[],"ttlMs":900000,"cacheScope":"public"}"#, (300, false)),
            (Era::Modern, (None, minute), r#"{"tools":[],"ttlMs":900000,"cacheScope":"public"}"#, (60, false)),
            (Era::Modern, (None, minute), r#"{"tools":[],"ttlMs":5000,"cacheScope":"private"}"#, (5, true)),
            (Era::Modern, (Some(CacheScope::Private), None), r#"{"tools":[],"cacheScope":"public"}"#, (0, true)),
            (Era::Modern, (Some(CacheScope::Shared), None), r#"{"tools":[]}"#, (0, false)),
        ] {
            let (scope, max_age_ms) = cache;
            let mut list = Building::new(era, Cache { scope, max_age_ms });
            add(&mut list, page).unwrap();
            let list = list.finish();
            assert_eq!((list.ttl.as_secs(), list.private), expected, "{era:?} {cache:?} {page}");
        }
    }

    #[test]
    fn a_page_needs_its_list() {
        for page in ["{}", "5", r#"{"tools":{}}"#, r#"{"resources":[]}"#] {
            let outcome = add(&mut Building::new(Era::Legacy, Cache::default()), page);
            assert!(matches!(outcome, Err(UpstreamError::Malformed(_))), "{page}");
        }
    }
}
