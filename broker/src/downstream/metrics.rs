//! What Prometheus is told.

use super::App;
use crate::status::State;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Methods that get a label of their own: a client can make up any others.
const METHODS: &[&str] = &[
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
    "subscriptions/listen",
    "tasks/get",
    "tasks/result",
    "tasks/update",
    "tasks/list",
    "tasks/cancel",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
];

/// The counters, and the gauges that are read when asked for.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Family<Request, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerState {
    state: &'static str,
}

impl Metrics {
    /// Counts a request: its JSON-RPC method, and whether it was refused by the gateway.
    pub(crate) fn count(&self, method: Option<&str>, refused: bool) {
        let method = method.map_or("none", |m| METHODS.iter().find(|known| **known == m).copied().unwrap_or("other"));
        let outcome = if refused { "refused" } else { "ok" };
        self.requests.get_or_create(&Request { method, outcome }).inc();
    }

    /// All of it, as text.
    pub(crate) fn encode(&self, app: &App) -> String {
        let mut registry = Registry::with_prefix("mcp_gateway");
        registry.register("requests", "Messages of clients by method and outcome", self.requests.clone());
        let gauge = |value: usize| {
            let gauge = Gauge::<i64>::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            gauge
        };
        let sessions = app.sessions.all();
        registry.register("sessions", "Sessions of legacy clients", gauge(sessions.len()));
        let upstreams = sessions.iter().map(|s| s.open_upstreams().len()).sum();
        registry.register("upstream_sessions", "Sessions with servers on behalf of clients", gauge(upstreams));
        if let Some(store) = app.shared.status() {
            let is_up = usize::from(store.state == "up");
            registry.register("session_store_up", "Whether the session store can be used", gauge(is_up));
            let operations = app.shared.operations();
            registry.register(
                "session_store_operations",
                "What was asked of the session store, by outcome",
                operations,
            );
        }
        let (pooled, held) = app.legacy_servers.count();
        registry.register("pooled_sessions", "Sessions with legacy servers for modern clients", gauge(pooled));
        registry.register("held_calls", "Calls that wait for a modern client's answers", gauge(held));
        let servers = Family::<ServerState, Gauge>::default();
        for (label, state) in [
            ("connecting", State::Connecting),
            ("ready", State::Ready),
            ("per-caller", State::PerCaller),
            ("down", State::Down),
        ] {
            let status = app.registry.status();
            let count = status.borrow().servers.iter().filter(|s| s.state == state).count();
            servers.get_or_create(&ServerState { state: label }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        registry.register("servers", "Configured servers by state", servers);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }
}
