//! Which server a name or URI belongs to.

use super::uri::UriKey;
use std::ops::Range;

/// The prefixes of all servers. A look-up costs a binary search for each length that prefixes have.
#[derive(Debug, Default, Clone)]
pub struct Table {
    /// Sorted by length, longest first, then by prefix.
    prefixes: Vec<(String, usize)>,
    /// Where in `prefixes` those of one length stand.
    lengths: Vec<Range<usize>>,
    /// Sorted by key.
    keys: Vec<(UriKey, usize)>,
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
    /// A table of the servers' prefixes, in the servers' order. An empty prefix makes no entry; of equal ones the first counts.
    pub fn new<'a>(prefixes: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut named, mut keys) = (Vec::new(), Vec::new());
        for (server, prefix) in prefixes.into_iter().enumerate() {
            if let Some(key) = UriKey::of(prefix) {
                named.push((prefix.to_owned(), server));
                keys.push((key, server));
            }
        }
        named.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        keys.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        named.dedup_by(|later, first| later.0 == first.0);
        keys.dedup_by(|later, first| later.0.as_str() == first.0.as_str());
        let mut lengths: Vec<Range<usize>> = Vec::new();
        let mut length = 0;
        for (at, (prefix, _)) in named.iter().enumerate() {
            match lengths.last_mut() {
                Some(range) if prefix.len() == length => range.end = at + 1,
                _ => lengths.push(at..at + 1),
            }
            length = prefix.len();
        }
        Self { prefixes: named, lengths, keys }
    }

    /// The server with the longest prefix of a tool's or prompt's `name`. `None`: an unprefixed server's, or nobody's.
    pub fn by_name(&self, name: &str) -> Option<Route> {
        self.lengths.iter().find_map(|range| {
            let alike = self.prefixes.get(range.clone())?;
            let beginning = name.as_bytes().get(..alike.first()?.0.len())?;
            let at = alike.binary_search_by(|(prefix, _)| prefix.as_bytes().cmp(beginning)).ok()?;
            alike.get(at).map(|(prefix, server)| Route { server: *server, added: 0..prefix.len() })
        })
    }

    /// The server whose key `uri` carries: the longest, since the host `a.b.x` begins with the keys `a` and `a.b`.
    pub fn by_uri(&self, uri: &str) -> Option<Route> {
        UriKey::carried(uri).find_map(|added| {
            let key = uri.get(added.start..added.end.saturating_sub(1))?;
            let lower = || key.bytes().map(|b| b.to_ascii_lowercase());
            let at = self.keys.binary_search_by(|(known, _)| known.as_str().bytes().cmp(lower())).ok()?;
            self.keys.get(at).map(|(_, server)| Route { server: *server, added })
        })
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
        for nobodys in ["", "+", "b+x:y", "a.b", "ui://", "ui://a", "ui://.a.x", "ui://b.a.x"] {
            assert_eq!(table.by_uri(nobodys), None, "{nobodys}");
        }
        assert_eq!(table.by_uri("A.B+x:y+z"), Some(Route { server: 2, added: 0..4 }));
    }

    #[test]
    fn of_equal_prefixes_the_first_counts() {
        let table = Table::new(["b_", "a_", "a_", "a_"]);
        assert_eq!(table.by_name("a_x").unwrap().server, 1);
        assert_eq!(table.by_uri("a+x:y").unwrap().server, 1);
    }

    #[test]
    fn many_prefixes_are_told_apart() {
        let prefixes: Vec<_> = (0..300).map(|n| format!("s{n}_")).collect();
        let table = Table::new(prefixes.iter().map(String::as_str));
        for (server, prefix) in prefixes.iter().enumerate() {
            let added = 0..prefix.len();
            assert_eq!(table.by_name(&format!("{prefix}x")), Some(Route { server, added: added.clone() }));
            let key = UriKey::of(prefix).unwrap();
            assert_eq!(table.by_uri(&key.encode("file:///é")), Some(Route { server, added }));
            let in_host = table.by_uri(&key.encode("ui://x.y")).unwrap();
            assert_eq!((in_host.server, in_host.added.start), (server, 5));
        }
        for nobodys in ["s300_x", "s_x", "s1", "é_"] {
            assert_eq!(table.by_name(nobodys), None, "{nobodys}");
        }
    }
}
