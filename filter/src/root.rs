//! The root context: configuration, clock, and the HTTP calls that outlive a request.

use crate::cache::Cache;
use crate::deadlines::{self, Deadlines};
use crate::resolver::{self, Resolver};
use crate::settings::Settings;
use crate::stream::Context as Shell;
use crate::{epoch, host};
use protocol::http::header;
use protocol::resolve::{EPOCH_PATH, Epoch};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, LogLevel};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

const TICK: Duration = Duration::from_secs(1);

/// What all requests of one configuration on one worker share.
pub(crate) struct Shared {
    /// Id of the root context.
    pub(crate) root: u32,
    pub(crate) settings: Settings,
    pub(crate) cache: RefCell<Cache>,
    pub(crate) resolver: RefCell<Resolver>,
    pub(crate) deadlines: RefCell<Deadlines>,
    /// Seconds since the epoch, as of the last tick.
    pub(crate) now: Cell<u64>,
    /// The broker's epoch, once it is known.
    pub(crate) epoch: Cell<Option<u64>>,
}

pub(crate) struct Root {
    id: u32,
    shared: Option<Rc<Shared>>,
    /// The call that asks for the broker's epoch.
    asking: Option<u32>,
}

impl Root {
    pub(crate) fn new(id: u32) -> Self {
        Self { id, shared: None, asking: None }
    }

    fn ask_epoch(&mut self, shared: &Shared) {
        let plugin = &shared.settings.plugin;
        let headers = vec![
            (":method", "GET"),
            (":path", EPOCH_PATH),
            (":authority", plugin.broker_authority.as_str()),
            (header::KEY, plugin.key.as_str()),
        ];
        self.asking = host::call_as_root(self.id, &plugin.broker_cluster, headers, None, TICK);
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _headers: usize, body_size: usize, _trailers: usize) {
        let Some(shared) = &self.shared else { return };
        if self.asking != Some(token) {
            return resolver::answered(shared, token, body_size);
        }
        self.asking = None;
        if host::call_header(header::RESOLVED).is_none() {
            return;
        }
        let body = host::body(BufferType::HttpCallResponseBody, 0, body_size);
        if let Ok(Epoch { epoch }) = serde_json::from_slice(&body) {
            shared.epoch.set(Some(epoch));
            epoch::set(epoch);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let json = host::body(BufferType::PluginConfiguration, 0, size);
        let settings = match Settings::parse(&json) {
            Ok(settings) => settings,
            Err(error) => {
                host::log(LogLevel::Error, &format!("the plugin configuration is not what this filter reads: {error}"));
                return false;
            }
        };
        let (epoch, _) = epoch::tick(0);
        self.shared = Some(Rc::new(Shared {
            root: self.id,
            settings,
            cache: RefCell::new(Cache::new()),
            resolver: RefCell::default(),
            deadlines: RefCell::default(),
            now: Cell::new(host::now()),
            epoch: Cell::new(epoch),
        }));
        host::check("setting the tick", hostcalls::set_tick_period(TICK)).is_some()
    }

    fn on_tick(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        shared.now.set(host::now());
        let (epoch, my_turn) = epoch::tick(shared.now.get());
        if epoch.is_some() {
            shared.epoch.set(epoch);
        }
        if my_turn {
            self.ask_epoch(&shared);
        }
        deadlines::check(&shared.deadlines, shared.now.get());
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Shell::new(id, self.shared.clone())))
    }
}
