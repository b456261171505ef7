//! As much of an API server as the controller notices: objects in memory, lists, watches, patches.

use crate::source::kubernetes::Kind;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a watch waits for news before it is asked for again.
const WATCH: Duration = Duration::from_secs(1);
/// So long without a write means that nothing more is coming.
const QUIET: Duration = Duration::from_millis(1500);

/// Group, plural, namespace and name.
type Key = (String, String, String, String);

pub(super) struct ApiServer {
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    version: u64,
    objects: BTreeMap<Key, Value>,
    events: Vec<(u64, Key, Value)>,
    /// Plural and name of all that was given with more than metadata.
    given: BTreeSet<(String, String)>,
    /// Plurals that it does not know.
    absent: Vec<String>,
    /// Plurals of which it takes nothing.
    refusing: Vec<String>,
    /// When it refused something.
    refused: Vec<Instant>,
    writes: u64,
    last_write: Option<Instant>,
}

/// What a request is about.
struct Asked {
    group: String,
    plural: String,
    namespace: String,
    name: Option<String>,
    status: bool,
    /// Nothing but metadata is wanted.
    metadata: bool,
}

impl Default for ApiServer {
    fn default() -> Self {
        Self { state: Mutex::default(), version: watch::channel(0).0 }
    }
}

impl ApiServer {
    pub(super) fn client(self: &Arc<Self>) -> Client {
        let server = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = Arc::clone(&server);
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Puts an object of the scenario there.
    pub(super) fn put(&self, object: Value) {
        let kind = Kind::of(object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap()).unwrap();
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let resource = kind.api_resource();
        let key = (resource.group, resource.plural, text("namespace"), text("name"));
        self.store(key, object);
    }

    pub(super) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = self.state();
        let mut found = state.objects.iter().filter(|((_, p, ns, n), _)| p == plural && ns == namespace && n == name);
        found.next().map(|(_, object)| object.clone())
    }

    pub(super) fn change(&self, plural: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let key = self.key(plural, namespace, name);
        let mut object = self.state().objects[&key].clone();
        change(&mut object);
        self.store(key, object);
    }

    pub(super) fn remove(&self, plural: &str, namespace: &str, name: &str) {
        self.delete(&self.key(plural, namespace, name));
    }

    fn key(&self, plural: &str, namespace: &str, name: &str) -> Key {
        let state = self.state();
        let mut keys = state.objects.keys().filter(|(_, p, ns, n)| p == plural && ns == namespace && n == name);
        keys.next().unwrap().clone()
    }

    /// Takes a kind away, by its plural.
    pub(super) fn lacks(&self, plural: &str) {
        self.state().absent.push(plural.to_owned());
    }

    /// Refuses every write of a kind, by its plural.
    pub(super) fn refuses(&self, plural: &str) {
        self.state().refusing.push(plural.to_owned());
    }

    /// Refuses nothing any more.
    pub(super) fn relents(&self) {
        self.state().refusing.clear();
    }

    /// When it refused something.
    pub(super) fn refused(&self) -> Vec<Instant> {
        self.state().refused.clone()
    }

    /// Plural and name of all objects.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        self.state().objects.keys().map(|(_, plural, _, name)| (plural.clone(), name.clone())).collect()
    }

    /// The names of those objects of a kind that were given with more than metadata.
    pub(super) fn given(&self, plural: &str) -> Vec<String> {
        let state = self.state();
        state.given.iter().filter(|(known, _)| known == plural).map(|(_, name)| name.clone()).collect()
    }

    /// All objects of a kind.
    pub(super) fn all(&self, plural: &str) -> Vec<Value> {
        let state = self.state();
        state.objects.iter().filter(|((_, known, ..), _)| known == plural).map(|(_, object)| object.clone()).collect()
    }

    /// How often something other than a lease was written by the controller.
    pub(super) fn writes(&self) -> u64 {
        self.state().writes
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.state().last_write.is_some_and(|last| last.elapsed() > QUIET)
    }

    /// Waits for a change, or a moment.
    pub(super) async fn changes(&self) {
        let mut version = self.version.subscribe();
        let _ = tokio::time::timeout(Duration::from_millis(100), version.changed()).await;
    }

    fn store(&self, key: Key, mut object: Value) -> Value {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        let before = state.objects.get(&key);
        let generation = match before {
            Some(before) if before["spec"] == object["spec"] => before["metadata"]["generation"].clone(),
            Some(before) => json!(before["metadata"]["generation"].as_i64().unwrap_or_default() + 1),
            None => json!(1),
        };
        object["metadata"]["generation"] = generation;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        object["metadata"]["uid"] = json!(format!("{}-{}-{}", key.1, key.2, key.3));
        let kind = if before.is_some() { "MODIFIED" } else { "ADDED" };
        let event = json!({ "type": kind, "object": object });
        state.events.push((version, key.clone(), event));
        state.objects.insert(key, object.clone());
        drop(state);
        self.version.send_replace(version);
        object
    }

    fn delete(&self, key: &Key) {
        let mut state = self.state();
        let Some(mut object) = state.objects.remove(key) else { return };
        state.version += 1;
        let version = state.version;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        state.events.push((version, key.clone(), json!({ "type": "DELETED", "object": object })));
        drop(state);
        self.version.send_replace(version);
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let mut asked = Asked::of(parts.uri.path());
        let query: BTreeMap<_, _> =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        if self.state().absent.contains(&asked.plural) {
            return respond(None);
        }
        let accepted = parts.headers.get("accept").and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        asked.metadata = accepted.contains("as=PartialObjectMetadata");
        if parts.method == Method::GET {
            return match (&asked.name, query.get("watch")) {
                (Some(name), _) => {
                    let found = self.state().objects.get(&asked.key(name)).cloned();
                    respond(found.map(|object| self.give(&asked, &object)))
                }
                (None, None) => self.list(&asked),
                (None, Some(_)) => self.watch(&asked, query["resourceVersion"].parse().unwrap_or_default()).await,
            };
        }
        if !["leases", "events"].contains(&asked.plural.as_str()) {
            let mut state = self.state();
            state.writes += 1;
            state.last_write = Some(Instant::now());
        }
        if self.state().refusing.contains(&asked.plural) {
            self.state().refused.push(Instant::now());
            return refused();
        }
        let bytes = body.collect_bytes().await.unwrap();
        if parts.method == Method::DELETE {
            let key = asked.key(asked.name.as_deref().unwrap());
            let gone = self.state().objects.get(&key).cloned();
            self.delete(&key);
            return respond(gone);
        }
        let sent: Value = serde_json::from_slice(&bytes).unwrap();
        let name = asked.name.clone().unwrap_or_else(|| sent["metadata"]["name"].as_str().unwrap().to_owned());
        let key = asked.key(&name);
        let before = self.state().objects.get(&key).cloned();
        let object = match (parts.method, before) {
            (Method::PATCH, Some(mut object)) => {
                let sent = if asked.status { json!({ "status": sent["status"] }) } else { sent };
                merge(&mut object, &sent);
                object
            }
            (_, _) => sent,
        };
        respond(Some(self.store(key, encoded(object))))
    }

    fn list(&self, asked: &Asked) -> Response<Body> {
        let (version, found): (_, Vec<_>) = {
            let state = self.state();
            let found = state.objects.iter().filter(|(key, _)| asked.has(key)).map(|(_, object)| object.clone());
            (state.version, found.collect())
        };
        let items: Vec<_> = found.iter().map(|object| self.give(asked, object)).collect();
        respond(Some(json!({
            "apiVersion": "v1", "kind": "List",
            "metadata": { "resourceVersion": version.to_string() }, "items": items,
        })))
    }

    /// An object as it was asked for: all of it, or its metadata.
    fn give(&self, asked: &Asked, object: &Value) -> Value {
        if asked.metadata {
            return json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
            });
        }
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        self.state().given.insert((asked.plural.clone(), name));
        object.clone()
    }

    async fn watch(&self, asked: &Asked, since: u64) -> Response<Body> {
        let mut version = self.version.subscribe();
        let deadline = tokio::time::Instant::now() + WATCH;
        loop {
            version.borrow_and_update();
            let news: Vec<Value> = {
                let state = self.state();
                let news = state.events.iter().filter(|(version, key, _)| *version > since && asked.has(key));
                news.map(|(_, _, event)| event.clone()).collect()
            };
            let line = |event: &Value| {
                json!({ "type": event["type"], "object": self.give(asked, &event["object"]) }).to_string() + "\n"
            };
            let lines: String = news.iter().map(line).collect();
            if !lines.is_empty() {
                return Response::new(Body::from(lines.into_bytes()));
            }
            if tokio::time::timeout_at(deadline, version.changed()).await.is_err() {
                return Response::new(Body::from(Vec::new()));
            }
        }
    }
}

impl Asked {
    fn of(path: &str) -> Self {
        let mut parts = path.trim_matches('/').split('/');
        let group = match parts.next() {
            Some("apis") => parts.next().unwrap().to_owned(),
            _ => String::new(),
        };
        let mut rest: Vec<_> = parts.skip(1).collect();
        let namespace = if rest[0] == "namespaces" && rest.len() > 2 {
            let namespace = rest[1].to_owned();
            rest.drain(..2);
            namespace
        } else {
            String::new()
        };
        Self {
            group,
            plural: rest[0].to_owned(),
            namespace,
            name: rest.get(1).map(|name| (*name).to_owned()),
            status: rest.get(2) == Some(&"status"),
            metadata: false,
        }
    }

    fn key(&self, name: &str) -> Key {
        (self.group.clone(), self.plural.clone(), self.namespace.clone(), name.to_owned())
    }

    fn has(&self, key: &Key) -> bool {
        key.0 == self.group && key.1 == self.plural && (self.namespace.is_empty() || key.2 == self.namespace)
    }
}

fn respond(object: Option<Value>) -> Response<Body> {
    let (status, body) = match object {
        Some(object) => (200, object),
        None => (
            404,
            json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "not found" }),
        ),
    };
    Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap()
}

fn refused() -> Response<Body> {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422, "message": "refused" });
    Response::builder().status(422).body(Body::from(status.to_string().into_bytes())).unwrap()
}

/// JSON merge patch; server-side apply by one manager comes to the same where nothing is taken away.
fn merge(object: &mut Value, patch: &Value) {
    match patch {
        Value::Object(members) => {
            if !object.is_object() {
                *object = json!({});
            }
            for (name, value) in members {
                if value.is_null() {
                    object.as_object_mut().unwrap().remove(name);
                } else {
                    merge(&mut object[name], value);
                }
            }
        }
        other => *object = other.clone(),
    }
}

/// `stringData` of a secret becomes `data`.
fn encoded(mut object: Value) -> Value {
    if let Some(texts) = object.as_object_mut().and_then(|object| object.remove("stringData")) {
        for (key, text) in texts.as_object().unwrap() {
            object["data"][key] = json!(k8s_openapi::ByteString(text.as_str().unwrap().as_bytes().to_vec()));
        }
    }
    object
}
