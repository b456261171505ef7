//! What one server offers in one era.

use super::conflict::Conflict;
use super::item::Item;
use super::kind::Kind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A list as one server gave it, all pages.
#[derive(Debug, Clone)]
pub struct List {
    /// In the server's order.
    pub items: Arc<[Item]>,
    /// Items that could not be taken, and why.
    pub notes: Vec<Conflict>,
    /// `ttlMs`, the least of all pages; zero for a legacy server.
    pub ttl: Duration,
    /// `cacheScope` was `private` on any page, or was not told.
    pub private: bool,
    /// When it was asked for.
    pub fetched: Instant,
}

impl List {
    /// The list of a server that has none.
    pub fn empty() -> Self {
        Self { items: Arc::default(), notes: Vec::new(), ttl: Duration::MAX, private: false, fetched: Instant::now() }
    }

    /// Whether clients see the same in both.
    pub fn shows_as(&self, other: &List) -> bool {
        self.items.len() == other.items.len()
            && self.items.iter().zip(other.items.iter()).all(|(a, b)| a.json.get() == b.json.get())
    }
}

/// All lists of one server in one era.
#[derive(Debug, Clone)]
pub struct Offer {
    /// It declared resources, whatever it lists.
    pub resources: bool,
    /// In the order of [`Kind::ALL`].
    lists: [Arc<List>; 4],
}

impl Offer {
    /// Without any item.
    pub fn empty(resources: bool) -> Self {
        Self { resources, lists: std::array::from_fn(|_| Arc::new(List::empty())) }
    }

    /// One of the lists.
    pub fn list(&self, kind: Kind) -> &Arc<List> {
        &self.lists[kind as usize]
    }

    /// Replaces one of the lists.
    pub fn set(&mut self, kind: Kind, list: List) {
        self.lists[kind as usize] = Arc::new(list);
    }

    /// Whether no list was fetched since the other.
    pub fn is(&self, other: &Offer) -> bool {
        self.lists.iter().zip(&other.lists).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}
