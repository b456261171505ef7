//! What the API server has, followed by watches.

use super::contents::Contents;
use crate::source::kubernetes::{Kind, Objects, name_of};
use backon::ExponentialBuilder;
use futures::{StreamExt, TryStreamExt};
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, ExponentialBackoff};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Client, ResourceExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Pauses of a watch that fails: an API server that comes back is noticed soon.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// What the controller made bears it, so nothing else of these kinds is kept.
const MADE: &str = "mcpgateway.dev/namespace";
/// Secrets that can be no credential, and are many or long.
const NO_CREDENTIALS: &str = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token";

/// Watches of every kind, and what they have seen.
pub(super) struct Watches {
    state: Arc<Mutex<State>>,
    /// Told at every change.
    pub(super) changed: Arc<Notify>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct State {
    /// Of the kinds that are fetched one by one, the metadata alone.
    objects: BTreeMap<Kind, Objects>,
    /// The latest version that the watch of each kind has brought: up to there it has told everything, what was deleted as well.
    told: BTreeMap<Kind, u64>,
    contents: Contents,
    /// Kinds that have been listed once, or that the cluster does not have.
    known: BTreeSet<Kind>,
    /// Those of them that it does not have.
    absent: BTreeSet<Kind>,
}

impl Watches {
    /// Starts to watch.
    pub(super) fn start(client: &Client) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let changed = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        for kind in Kind::ALL {
            let follower = Follower { kind, state: Arc::clone(&state), changed: Arc::clone(&changed) };
            tasks.spawn(follower.run(client.clone()));
        }
        Self { state, changed, _tasks: tasks }
    }

    /// Whether every kind has been listed once.
    pub(super) fn complete(&self) -> bool {
        lock(&self.state).known.len() == Kind::ALL.len()
    }

    /// Everything, as it was last seen; with its data what that has been fetched of.
    pub(super) fn objects(&self) -> BTreeMap<Kind, Objects> {
        let state = lock(&self.state);
        let mut all = state.objects.clone();
        for (kind, objects) in all.iter_mut().filter(|(kind, _)| kind.is_fetched()) {
            for (name, object) in objects {
                if let Some(known) = state.contents.get(&(*kind, name.clone())) {
                    *object = Arc::clone(known);
                }
            }
        }
        all
    }

    /// Works on what has been fetched, beside what has been seen.
    pub(super) fn with_contents<T>(&self, work: impl FnOnce(&BTreeMap<Kind, Objects>, &mut Contents) -> T) -> T {
        let mut state = lock(&self.state);
        let State { objects, contents, .. } = &mut *state;
        work(objects, contents)
    }

    /// The kinds that the cluster does not have.
    pub(super) fn absent(&self) -> BTreeSet<Kind> {
        lock(&self.state).absent.clone()
    }

    /// An object that the API server has just answered with. The watch may be behind that for a moment, or ahead of it already: then
    /// it knows better, and above all what has been deleted meanwhile, of which nothing more would ever be told.
    pub(super) fn saw(&self, kind: Kind, mut object: DynamicObject) {
        object.managed_fields_mut().clear();
        let mut state = lock(&self.state);
        let is_told =
            version(&object).is_some_and(|version| state.told.get(&kind).is_some_and(|told| version <= *told));
        if kind.is_fetched() {
            let known = DynamicObject { data: Value::Null, ..object.clone() };
            state.contents.put(kind, object);
            object = known;
        }
        if is_told {
            return;
        }
        put(state.objects.entry(kind).or_default(), object);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes an object up, unless a later version of it is known.
fn put(objects: &mut Objects, object: DynamicObject) {
    let name = name_of(&object);
    let later = objects.get(&name).is_some_and(|known| version(known) > version(&object));
    if !later {
        objects.insert(name, Arc::new(object));
    }
}

/// Resource versions of one kind can be compared as numbers (Kubernetes 1.35, KEP-5504; before that it was etcd's revision as well).
pub(super) fn version(object: &DynamicObject) -> Option<u64> {
    object.metadata.resource_version.as_ref()?.parse().ok()
}

/// The watch of one kind.
struct Follower {
    kind: Kind,
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

impl Follower {
    async fn run(self, client: Client) {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times()
            .with_jitter();
        let kind = self.kind;
        let backoff = ExponentialBackoff::from(pauses);
        let mut events = if kind.is_fetched() {
            let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(client, &kind.api_resource());
            let events =
                watch(api, config(kind)).map_ok(|event| event.modify(|object| object.managed_fields_mut().clear()));
            events.map_ok(without_data).backoff(backoff).into_stream().boxed()
        } else {
            let api = Api::<DynamicObject>::all_with(client, &kind.api_resource());
            let events =
                watch(api, config(kind)).map_ok(|event| event.modify(|object| object.managed_fields_mut().clear()));
            events.backoff(backoff).into_stream().boxed()
        };
        let mut listed = Objects::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.take(event, &mut listed),
                Err(error) => self.failed(&error),
            }
        }
    }

    fn take(&self, event: Event<DynamicObject>, listed: &mut Objects) {
        let mut state = lock(&self.state);
        let State { objects, told, .. } = &mut *state;
        let objects = objects.entry(self.kind).or_default();
        if let Event::Apply(object) | Event::Delete(object) | Event::InitApply(object) = &event {
            let told = told.entry(self.kind).or_default();
            *told = version(object).unwrap_or_default().max(*told);
        }
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.insert(name_of(&object), Arc::new(object));
                return;
            }
            Event::InitDone => {
                *objects = std::mem::take(listed);
                state.known.insert(self.kind);
                state.absent.remove(&self.kind);
            }
            Event::Apply(object) => put(objects, object),
            Event::Delete(object) => {
                objects.remove(&name_of(&object));
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    fn failed(&self, error: &watcher::Error) {
        let kind = self.kind.kind();
        if is_missing(error) {
            tracing::debug!(kind, "the cluster does not have this kind");
            let mut state = lock(&self.state);
            state.objects.remove(&self.kind);
            state.known.insert(self.kind);
            if state.absent.insert(self.kind) {
                drop(state);
                self.changed.notify_one();
            }
        } else {
            tracing::warn!(kind, %error, "a watch failed; it is tried again");
        }
    }
}

/// Whether the cluster does not have the kind.
fn is_missing(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}

/// Objects of these kinds are only of interest if the controller made them.
fn config(kind: Kind) -> watcher::Config {
    let all = watcher::Config::default();
    match kind {
        Kind::Secret => all.fields(NO_CREDENTIALS),
        Kind::Deployment
        | Kind::ServiceAccount
        | Kind::DisruptionBudget
        | Kind::NetworkPolicy
        | Kind::Role
        | Kind::RoleBinding
        | Kind::DestinationRule
        | Kind::WasmPlugin
        | Kind::EnvoyFilter
        | Kind::EndpointSlice => all.labels(MADE),
        _ => all,
    }
}

/// Metadata, as an object of which nothing else is known.
fn without_data(event: Event<PartialObjectMeta<DynamicObject>>) -> Event<DynamicObject> {
    let object = |partial: PartialObjectMeta<DynamicObject>| DynamicObject {
        types: None,
        metadata: partial.metadata,
        data: Value::Null,
    };
    match event {
        Event::Apply(partial) => Event::Apply(object(partial)),
        Event::Delete(partial) => Event::Delete(object(partial)),
        Event::InitApply(partial) => Event::InitApply(object(partial)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(version: u64) -> DynamicObject {
        let metadata = json!({ "name": "a", "namespace": "ns", "resourceVersion": version.to_string() });
        serde_json::from_value(json!({ "metadata": metadata })).unwrap()
    }

    fn versions(watches: &Watches) -> Vec<Option<u64>> {
        let all = watches.objects();
        all.values().flat_map(Objects::values).map(|object| version(object)).collect()
    }

    #[test]
    fn what_is_deleted_does_not_come_back_by_an_answer_that_is_read_late() {
        let watches = Watches { state: Arc::default(), changed: Arc::default(), _tasks: JoinSet::new() };
        let follower = Follower {
            kind: Kind::Extension,
            state: Arc::clone(&watches.state),
            changed: Arc::clone(&watches.changed),
        };
        let mut listed = Objects::new();
        for event in [Event::Init, Event::InitApply(object(3)), Event::InitDone] {
            follower.take(event, &mut listed);
        }
        watches.saw(Kind::Extension, object(5));
        assert_eq!(versions(&watches), [Some(5)], "before the watch tells of it");
        follower.take(Event::Apply(object(4)), &mut listed);
        assert_eq!(versions(&watches), [Some(5)], "the watch is behind");
        follower.take(Event::Apply(object(6)), &mut listed);
        follower.take(Event::Delete(object(8)), &mut listed);
        watches.saw(Kind::Extension, object(7));
        assert_eq!(versions(&watches), [], "the watch was ahead");
        watches.saw(Kind::Extension, object(9));
        assert_eq!(versions(&watches), [Some(9)], "it has been made anew");
    }
}
