//! All servers, as the configuration has them from moment to moment.

use super::client::Client;
use super::error::ClientError;
use super::extensions::Extensions;
use super::facts::{self, Facts};
use super::server::{Server, Snapshot, Start};
use super::table::table;
use super::turn::AT_ONCE;
use crate::caller::Caller;
use crate::catalog::{Catalog, Kind, Source, web_uris};
use crate::status::{ServerStatus, State, Status};
use protocol::answer::Rules;
use protocol::config::{self, Editing, Gateway, Limits, Route};
use protocol::era::Era;
use protocol::resolve::ServerTable;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client's list may wait for servers whose lists are no longer fresh.
const REFRESH: Duration = Duration::from_secs(1);
/// How long the end of all sessions, and of the processes of servers, may take.
const SHUTDOWN: Duration = Duration::from_secs(6);
/// How long changes wait after a merge, in merges: with many servers a merge takes time.
const PAUSE_PER_MERGE: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The registered servers and what they offer. Clones are the same registry.
#[derive(Debug, Clone)]
pub struct Registry {
    view: watch::Receiver<Arc<View>>,
    status: watch::Receiver<Status>,
    gateway: watch::Receiver<Arc<Gateway>>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// The registry at one moment: all parts belong together.
#[derive(Debug, Default)]
pub struct View {
    /// Tells what decisions about calls depend on from what they depended on before. Replicas that see the same have the same.
    pub epoch: u64,
    /// What clients see.
    pub catalog: Catalog,
    /// In the order of the configuration, without those whose configuration cannot be used.
    pub servers: Vec<Arc<Server>>,
    /// How servers' messages are changed.
    pub editing: Editing,
    /// What the filter goes by.
    pub table: Arc<ServerTable>,
    /// Envoy's routes, by server.
    routes: HashMap<String, Route>,
    /// By server: what of it is in the catalogue.
    merged: Vec<Arc<Snapshot>>,
    legacy: Extensions,
    modern: Extensions,
}

impl View {
    /// Whether nothing has come from a server that is not in the catalogue.
    fn is_current(&self) -> bool {
        self.servers.iter().zip(&self.merged).all(|(server, merged)| Arc::ptr_eq(&server.snapshot.borrow(), merged))
    }

    /// The server of this name.
    pub fn get(&self, name: &str) -> Option<Arc<Server>> {
        self.servers.iter().find(|s| s.name() == name).cloned()
    }

    /// Whether a server, whoever's it is, is one that is configured now.
    pub fn has(&self, server: &Server) -> bool {
        self.servers.iter().any(|s| s.start.incarnation == server.start.incarnation)
    }

    /// The `http:` and `https:` URIs that a server lists: see [`Catalog::web_uris`].
    pub fn web_uris(&self, server: &Server) -> Arc<[String]> {
        // Without a prefix no URI changes.
        if server.config().prefix.is_empty() {
            return Arc::default();
        }
        match server.principal() {
            Some(_) => web_uris(&source(server, &server.snapshot())).into(),
            None => self.catalog.web_uris(server.name()).into(),
        }
    }

    /// Envoy's route for a server; `None` while there is none.
    pub fn route(&self, server: &str) -> Option<&Route> {
        self.routes.get(server)
    }

    /// What the servers declare to clients of an era beside their lists.
    pub fn extensions(&self, era: Era) -> &Extensions {
        match era {
            Era::Legacy => &self.legacy,
            Era::Modern => &self.modern,
        }
    }
}

/// The registry as one caller sees it.
#[derive(Debug)]
pub struct Seen {
    /// What all callers see.
    pub view: Arc<View>,
    /// The servers of the view, in its order, as the caller sees them.
    pub servers: Vec<Arc<Server>>,
}

impl Seen {
    fn new(view: Arc<View>, era: Era, caller: &Caller) -> Self {
        let seen_by = |server: &Arc<Server>| match server.seen_by(era, caller) {
            Ok(seen) => seen,
            Err(refusal) => {
                tracing::warn!(server = server.name(), "{}", refusal.message);
                Arc::clone(server)
            }
        };
        Self { servers: view.servers.iter().map(seen_by).collect(), view }
    }

    /// Those that are the caller's alone.
    pub fn own(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.iter().filter(|server| server.principal().is_some())
    }

    /// Whether others may see something else.
    pub fn is_private(&self) -> bool {
        self.servers.iter().any(|server| server.tells_callers_apart())
    }
}

impl Registry {
    /// Starts a supervised connection to each server and follows the configuration from then on. The servers of the first
    /// configuration can be had at once, their lists when they have answered.
    pub fn start(gateway: watch::Receiver<Arc<Gateway>>) -> Registry {
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (view, views) = watch::channel(Arc::default());
        let (status, statuses) = watch::channel(Status::default());
        let mut keeper = Keeper {
            gateway: gateway.clone(),
            entries: Vec::new(),
            editing: Editing::default(),
            version: None,
            routes: HashMap::new(),
            next_incarnation: 0,
            changed: Arc::default(),
            openings: Arc::new(Semaphore::new(AT_ONCE)),
            view,
            status,
            facts: Vec::new(),
            cancel: cancel.clone(),
            tasks: tasks.clone(),
        };
        keeper.configure();
        keeper.publish(0);
        tasks.spawn(keeper.run());
        Registry { view: views, status: statuses, gateway, cancel, tasks }
    }

    /// The registry as it is now.
    pub fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    /// The bounds that are configured.
    pub fn limits(&self) -> Limits {
        self.gateway.borrow().limits.clone()
    }

    /// The registry as it changes. What has changed in lists, [`Catalog::version`] tells.
    pub fn views(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// How the servers are.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The server of this name.
    pub fn get(&self, name: &str) -> Option<Arc<Server>> {
        self.view.borrow().get(name)
    }

    /// See [`View::epoch`].
    pub fn epoch(&self) -> u64 {
        self.view.borrow().epoch
    }

    /// The registry as one caller sees it, with lists that are fresh. Waits for a second at most, five the first time that a caller
    /// is seen, and not for servers that are down: those are only tried again soon.
    pub async fn seen_by(&self, era: Era, caller: &Caller) -> Seen {
        let seen = Seen::new(self.view(), era, caller);
        let own = futures::future::join_all(seen.own().map(|server| server.settle()));
        let (view, _) = futures::future::join(self.refreshed(), own).await;
        Seen::new(view, era, caller)
    }

    /// The registry as one caller sees it, whose servers are given a moment to say what they are the first time.
    pub async fn introduced_to(&self, era: Era, caller: &Caller) -> Seen {
        let seen = Seen::new(self.view(), era, caller);
        let new = seen.own().filter(|server| server.snapshot().state == State::Connecting);
        futures::future::join_all(new.map(|server| server.settle())).await;
        seen
    }

    /// Forgets callers that did not come back.
    pub fn sweep(&self) {
        self.view().servers.iter().for_each(|server| server.sweep());
    }

    /// Has lists that are no longer fresh fetched anew and gives the registry with them. Waits for a second at most, and not
    /// for servers that are down: those are only tried again soon.
    async fn refreshed(&self) -> Arc<View> {
        let view = self.view();
        let (ready, down): (Vec<_>, Vec<_>) = view.servers.iter().partition(|s| s.snapshot().state == State::Ready);
        down.iter().for_each(|server| server.nudge());
        let stale: Vec<_> = ready.into_iter().filter(|server| !server.fresh.is()).collect();
        if stale.is_empty() && view.is_current() {
            return view;
        }
        let merged = async {
            futures::future::join_all(stale.iter().map(|server| server.refresh())).await;
            let mut views = self.views();
            // A registry that has ended changes no more.
            let _ = views.wait_for(|view| view.is_current()).await;
        };
        let _ = tokio::time::timeout(REFRESH, merged).await;
        self.view()
    }

    /// Ends all connections, sessions and processes. Six seconds at most.
    pub async fn shutdown(&self) {
        self.cancel.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(SHUTDOWN, self.tasks.wait()).await;
    }
}

/// The task behind the registry.
struct Keeper {
    gateway: watch::Receiver<Arc<Gateway>>,
    entries: Vec<Entry>,
    editing: Editing,
    /// The configuration's.
    version: Option<String>,
    routes: HashMap<String, Route>,
    next_incarnation: u64,
    changed: Arc<Notify>,
    openings: Arc<Semaphore>,
    view: watch::Sender<Arc<View>>,
    status: watch::Sender<Status>,
    facts: Vec<Facts>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// A registered server.
enum Entry {
    Running {
        server: Arc<Server>,
        cancel: CancellationToken,
    },
    /// Its configuration cannot be used.
    Unusable {
        config: Box<config::Server>,
        error: ClientError,
    },
}

impl Entry {
    fn config(&self) -> &config::Server {
        match self {
            Self::Running { server, .. } => server.config(),
            Self::Unusable { config, .. } => config,
        }
    }
}

impl Keeper {
    async fn run(mut self) {
        let cancel = self.cancel.clone();
        let mut configured = true;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                // Nobody can change the configuration any more: it stays.
                change = self.gateway.changed(), if configured => match change {
                    Ok(()) => self.configure(),
                    Err(_) => { configured = false; continue; }
                },
                () = self.changed.notified() => {}
            }
            let epoch = self.view.borrow().epoch;
            let begun = Instant::now();
            self.publish(epoch);
            // What changes meanwhile is merged together.
            let pause = (begun.elapsed() * PAUSE_PER_MERGE).min(LONGEST_PAUSE);
            _ = cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// Takes on the configuration. Servers that did not change are not disturbed.
    fn configure(&mut self) {
        let gateway = self.gateway.borrow_and_update().clone();
        let mut before = std::mem::take(&mut self.entries);
        // Lists are kept as they were edited.
        let listed_alike = self.editing.uri_meta_keys == gateway.editing.uri_meta_keys;
        self.editing = gateway.editing.clone();
        self.version = gateway.version.clone();
        self.routes.clear();
        for server in &gateway.servers {
            let mut config = server.clone();
            // A route comes and goes without the server having changed.
            if let Some(route) = config.route.take() {
                self.routes.insert(config.name.clone(), route);
            }
            let same = before.iter().position(|entry| listed_alike && *entry.config() == config);
            let entry = match same {
                Some(at) => before.swap_remove(at),
                None => self.start(config),
            };
            self.entries.push(entry);
        }
        for gone in before {
            if let Entry::Running { cancel, server } = gone {
                tracing::info!(server = server.name(), "no longer in use as it was configured");
                cancel.cancel();
            }
        }
    }

    fn start(&mut self, config: config::Server) -> Entry {
        let client = match Client::new(&config) {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(server = config.name, %error, "the server's configuration cannot be used");
                return Entry::Unusable { config: Box::new(config), error };
            }
        };
        let rules = Rules::new(&config.name, &config.prefix, &[]).with_editing(&self.editing).for_list();
        self.next_incarnation += 1;
        let cancel = self.cancel.child_token();
        let server = Server::start(Start {
            config,
            client,
            rules,
            incarnation: self.next_incarnation,
            principal: None,
            changed: self.changed.clone(),
            openings: self.openings.clone(),
            tasks: self.tasks.clone(),
            cancel: cancel.clone(),
        });
        Entry::Running { server: Arc::new(server), cancel }
    }

    fn publish(&mut self, epoch: u64) {
        let servers: Vec<_> = self
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Running { server, .. } => Some(server.clone()),
                Entry::Unusable { .. } => None,
            })
            .collect();
        let snapshots: Vec<_> = servers.iter().map(|server| server.snapshot()).collect();
        let sources = servers.iter().zip(&snapshots).map(|(server, snapshot)| source(server, snapshot)).collect();
        let facts = servers.iter().zip(&snapshots).map(|(server, snapshot)| {
            let route = self.routes.get(server.name()).cloned();
            Facts::new(server, snapshot, route)
        });
        let facts = facts.collect();
        let previous = self.view.borrow().clone();
        let catalog = Catalog::merge(sources, &previous.catalog);
        let same = facts == self.facts && catalog.routes_as(&previous.catalog);
        self.facts = facts;
        let told: Vec<_> = servers.iter().zip(&snapshots).collect();
        let extensions = [Era::Legacy, Era::Modern].map(|era| Extensions::merge(era, &told));
        let status = Status {
            config_version: self.version.clone(),
            servers: self.entries.iter().map(|entry| status_of(entry, &catalog, &extensions)).collect(),
        };
        let epoch = if same { epoch } else { facts::epoch(&servers, &self.facts, &catalog) };
        let [legacy, modern] = extensions;
        let table = Arc::new(table(&servers, &self.editing));
        self.view.send_replace(Arc::new(View {
            epoch,
            catalog,
            servers,
            editing: self.editing.clone(),
            table,
            routes: self.routes.clone(),
            merged: snapshots,
            legacy,
            modern,
        }));
        self.status.send_if_modified(|old| {
            let differs = *old != status;
            *old = status;
            differs
        });
    }
}

fn source(server: &Server, snapshot: &Snapshot) -> Source {
    let offer = |era| snapshot.offer(era, snapshot.way(era, false)?).cloned();
    Source {
        name: server.list_rules().server.clone(),
        prefix: server.list_rules().prefix.clone(),
        visible: snapshot.state == State::Ready,
        legacy: offer(Era::Legacy),
        modern: offer(Era::Modern),
    }
}

fn status_of(entry: &Entry, catalog: &Catalog, extensions: &[Extensions; 2]) -> ServerStatus {
    let config = entry.config();
    let (snapshot, error) = match entry {
        Entry::Running { server, .. } => {
            let snapshot = server.snapshot();
            let error = snapshot.error.as_ref().map(|error| match snapshot.state {
                State::Down | State::PerCaller => format!("the server {error}"),
                State::Ready | State::Connecting => error.clone(),
            });
            (Some(snapshot), error)
        }
        Entry::Unusable { error, .. } => (None, Some(error.to_string())),
    };
    let eras = snapshot.as_ref().map(|snapshot| snapshot.eras()).unwrap_or_default();
    let spoken = eras.iter().filter_map(|era| snapshot.as_ref()?.spoken(*era));
    let contact = match entry {
        Entry::Running { server, .. } => server.client().contact(),
        Entry::Unusable { .. } => None,
    };
    let mut conflicts = catalog.conflicts(&config.name);
    let declared = extensions.iter().filter_map(|all| all.conflicts.get(&config.name)).flatten();
    conflicts.extend(declared.cloned().collect::<BTreeSet<_>>());
    let count = |kind| catalog.count(&config.name, kind);
    ServerStatus {
        name: config.name.clone(),
        prefix: config.prefix.clone(),
        state: snapshot.as_ref().map_or(State::Down, |snapshot| snapshot.state),
        revisions: spoken.map(|spoken| spoken.leg.protocol_version().to_owned()).collect(),
        transport: match entry {
            Entry::Running { server, .. } if !eras.is_empty() => Some(server.client().transport()),
            _ => None,
        },
        last_contact: contact.map(|contact| humantime::format_rfc3339_seconds(contact).to_string()),
        eras,
        tools: count(Kind::Tools),
        prompts: count(Kind::Prompts),
        resources: count(Kind::Resources),
        templates: count(Kind::Templates),
        error,
        conflicts,
    }
}
