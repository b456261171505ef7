//! The root context: configuration, clock, news of the broker, and the HTTP calls that outlive a request.

use crate::cache::Cache;
use crate::deadlines::{self, Deadlines};
use crate::news::{self, Told};
use crate::resolver::{self, Resolver};
use crate::servers::Servers;
use crate::settings::Settings;
use crate::stream::Context as Shell;
use crate::{ended, host};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, LogLevel};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How soon a worker hears what another one was told, and how exact its clock is.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// What all requests of one configuration on one worker share.
pub(crate) struct Shared {
    /// Id of the root context.
    pub(crate) root: u32,
    pub(crate) settings: Settings,
    pub(crate) cache: RefCell<Cache>,
    pub(crate) resolver: RefCell<Resolver>,
    pub(crate) deadlines: RefCell<Deadlines>,
    /// Since the epoch, as of the last tick.
    pub(crate) now: Cell<Duration>,
    /// The broker's epoch, once it is known.
    pub(crate) epoch: Cell<Option<u64>>,
    /// See [`ended::generation`].
    pub(crate) ended: Cell<u32>,
    servers: RefCell<Option<Rc<Servers>>>,
}

impl Shared {
    fn new(root: u32, settings: Settings) -> Self {
        let shared = Self {
            root,
            cache: RefCell::new(Cache::new()),
            resolver: RefCell::default(),
            deadlines: RefCell::default(),
            now: Cell::new(host::now()),
            epoch: Cell::default(),
            ended: Cell::new(ended::generation(&settings)),
            servers: RefCell::default(),
            settings,
        };
        shared.learn(&Told::read(&shared.settings));
        shared
    }

    /// Seconds since the epoch, as of the last tick.
    pub(crate) fn seconds(&self) -> u64 {
        self.now.get().as_secs()
    }

    /// The broker's table of servers, once it is known.
    pub(crate) fn servers(&self) -> Option<Rc<Servers>> {
        self.servers.borrow().clone()
    }

    /// Takes over what another worker was told. Whether that was a table.
    fn learn(&self, told: &Told) -> bool {
        if told.epoch.is_some() {
            self.epoch.set(told.epoch);
        }
        let Some(version) = &told.table else { return false };
        if self.servers().is_some_and(|servers| servers.version == *version) {
            return false;
        }
        let servers = news::table(&self.settings, version);
        let learnt = servers.is_some();
        if let Some(servers) = servers {
            self.servers.replace(Some(Rc::new(servers)));
        }
        learnt
    }
}

pub(crate) struct Root {
    id: u32,
    shared: Option<Rc<Shared>>,
    /// The call that asks for news.
    asking: Option<u32>,
    /// Where a new table is on its way to all workers.
    spreading: Spreading,
}

/// A table counts as in force when every worker has had a tick to learn it: only then is the broker told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spreading {
    /// Everybody has it.
    Done,
    /// It came after the last tick.
    New,
    /// It came before the last tick.
    Told,
}

impl Root {
    pub(crate) fn new(id: u32) -> Self {
        Self { id, shared: None, asking: None, spreading: Spreading::Done }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _headers: usize, body_size: usize, _trailers: usize) {
        let Some(shared) = &self.shared else { return };
        if self.asking != Some(token) {
            return resolver::answered(shared, token, body_size);
        }
        self.asking = None;
        let Some(news) = host::broker_answer(body_size).and_then(|body| news::read(&body)) else { return };
        shared.epoch.set(Some(news.epoch));
        if let Some(table) = &news.table {
            shared.servers.replace(Some(Rc::new(Servers::new(table))));
            self.spreading = Spreading::New;
        }
        news::tell(&shared.settings, news.epoch, news.table.as_ref());
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let json = host::body(BufferType::PluginConfiguration, 0, size);
        let instance = host::property(&["xds", "node", "id"]).unwrap_or_default();
        let settings = match Settings::parse(&json, instance) {
            Ok(settings) => settings,
            Err(error) => {
                host::log(LogLevel::Error, &format!("the plugin configuration is not what this filter reads: {error}"));
                return false;
            }
        };
        self.shared = Some(Rc::new(Shared::new(self.id, settings)));
        host::check("setting the tick", hostcalls::set_tick_period(TICK)).is_some()
    }

    fn on_tick(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        shared.now.set(host::now());
        let settings = &shared.settings;
        shared.ended.set(ended::generation(settings));
        let told = Told::read(settings);
        if shared.learn(&told) {
            self.spreading = Spreading::New;
        }
        let due = match std::mem::replace(&mut self.spreading, Spreading::Done) {
            Spreading::New => {
                self.spreading = Spreading::Told;
                false
            }
            Spreading::Told => true,
            Spreading::Done => told.is_old(shared.seconds()),
        };
        if due && self.asking.is_none() && told.take_turn(settings, shared.seconds()) {
            self.asking = news::ask(self.id, settings, shared.servers().as_deref(), shared.epoch.get());
        }
        deadlines::check(&shared.deadlines, shared.now.get());
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Shell::new(id, self.shared.clone())))
    }
}
