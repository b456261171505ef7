//! Which server a name or URI belongs to.

use super::uri::UriKey;
use std::ops::Range;

/// The prefixes of all servers, longest first.
#[derive(Debug, Default, Clone)]
pub struct Table {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    prefix: String,
    key: UriKey,
    server: usize,
}

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Index of the server, as it was given to [`Table::new`].
    pub server: usize,
    /// The bytes of the decoded name that the server does not know: to be cut out.
    pub added: Range<usize>,
}

impl Table {
    /// A table of the servers' prefixes, in the servers' order. An empty prefix makes no entry.
    pub fn new<'a>(prefixes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut entries: Vec<_> = prefixes
            .into_iter()
            .enumerate()
            .filter_map(|(server, prefix)| {
                UriKey::of(prefix).map(|key| Entry { prefix: prefix.to_owned(), key, server })
            })
            .collect();
        entries.sort_by_key(|e| std::cmp::Reverse(e.prefix.len()));
        Self { entries }
    }

    /// The server with the longest prefix of a tool's or prompt's `name`. `None`: an unprefixed server's, or nobody's.
    pub fn by_name(&self, name: &str) -> Option<Route> {
        let entry = self.entries.iter().find(|e| name.starts_with(&e.prefix))?;
        Some(Route { server: entry.server, added: 0..entry.prefix.len() })
    }

    /// The server whose key `uri` carries: the longest, since the host `a.b.x` begins with the keys `a` and `a.b`.
    pub fn by_uri(&self, uri: &str) -> Option<Route> {
        let carried = self.entries.iter().filter_map(|e| Some(Route { server: e.server, added: e.key.added(uri)? }));
        carried.max_by_key(|route| route.added.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_longest_prefix_wins() {
        let table = Table::new(["a_", "", "a_b_"]);
        assert_eq!(table.by_name("a_b_x"), Some(Route { server: 2, added: 0..4 }));
        assert_eq!(table.by_name("a_x"), Some(Route { server: 0, added: 0..2 }));
        assert_eq!(table.by_name("x"), None);
        assert_eq!(table.by_uri("a.b+x:y"), Some(Route { server: 2, added: 0..4 }));
        assert_eq!(table.by_uri("ui://a.b.x"), Some(Route { server: 2, added: 5..9 }));
        assert_eq!(table.by_uri("ui://a.x"), Some(Route { server: 0, added: 5..7 }));
        assert_eq!(table.by_uri("file:///a"), None);
    }
}
