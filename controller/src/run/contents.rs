//! The data of Secrets and ConfigMaps that something refers to, and of no others.
//!
//! Of these kinds the watches bring metadata alone (see [`Kind::is_fetched`]). Whatever a pass looks for is fetched, once for each of its
//! versions, and forgotten when no pass looks for it any more.

use super::apply::Key;
use super::watch::{Watches, version};
use crate::source::kubernetes::{Kind, name_of};
use futures::StreamExt;
use kube::api::{Api, DynamicObject};
use kube::{Client, ResourceExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many are fetched at once.
const AT_ONCE: usize = 16;

/// Objects with their data.
#[derive(Default)]
pub(super) struct Contents(BTreeMap<Key, Arc<DynamicObject>>);

impl Contents {
    pub(super) fn get(&self, key: &Key) -> Option<&Arc<DynamicObject>> {
        self.0.get(key)
    }

    /// Takes an object up, unless a later version of it is known.
    pub(super) fn put(&mut self, kind: Kind, object: DynamicObject) {
        let key = (kind, name_of(&object));
        if self.0.get(&key).is_none_or(|known| version(known) <= version(&object)) {
            self.0.insert(key, Arc::new(object));
        }
    }

    /// Forgets all that nobody looks for.
    pub(super) fn keep(&mut self, asked: &BTreeSet<Key>) {
        self.0.retain(|key, _| asked.contains(key));
    }

    fn is_of(&self, key: &Key, wanted: Option<u64>) -> bool {
        self.0.get(key).is_some_and(|known| version(known) >= wanted)
    }
}

/// Fetches what was looked for and is there, but not in this version yet. Whether anything has become known by that.
///
/// What nobody may read counts as not there. Any other failure is an error: what was known is no guide then.
pub(super) async fn fetch(client: &Client, watches: &Watches, asked: &BTreeSet<Key>) -> Result<bool, kube::Error> {
    let wanted = watches.with_contents(|objects, contents| {
        contents.keep(asked);
        let there = asked.iter().filter_map(|key| Some((key, objects.get(&key.0)?.get(&key.1)?)));
        let outdated = there.filter(|(key, object)| !contents.is_of(key, version(object)));
        outdated.map(|(key, _)| key.clone()).collect::<Vec<_>>()
    });
    let fetched: Vec<_> = futures::stream::iter(wanted)
        .map(|(kind, name)| async move {
            let api = Api::<DynamicObject>::namespaced_with(client.clone(), &name.namespace, &kind.api_resource());
            (kind, name.clone(), api.get_opt(&name.name).await)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut news = false;
    for (kind, name, fetched) in fetched {
        match fetched {
            Ok(Some(mut object)) => {
                object.managed_fields_mut().clear();
                watches.with_contents(|_, contents| contents.put(kind, object));
                news = true;
            }
            // Its watch is about to tell.
            Ok(None) => {}
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!(kind = kind.kind(), object = %name, error = status.message, "may not be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(news)
}
