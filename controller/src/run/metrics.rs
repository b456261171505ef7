//! The controller's metrics.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Bounds of the buckets, in seconds.
const SECONDS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];

/// Counters of one controller.
pub(super) struct Metrics {
    registry: Registry,
    passes: Counter,
    seconds: Histogram,
    leads: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("mcp_gateway_controller");
        let (passes, seconds, leads) = (Counter::default(), Histogram::new(SECONDS), Gauge::default());
        registry.register("passes", "Passes over all resources", passes.clone());
        registry.register("pass_seconds", "How long a pass took, in seconds", seconds.clone());
        registry.register("leader", "1 if this controller is the one that acts", leads.clone());
        Self { registry, passes, seconds, leads }
    }
}

impl Metrics {
    pub(super) fn passed(&self, took: Duration) {
        self.passes.inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn leads(&self, leads: bool) {
        self.leads.set(leads.into());
    }

    pub(super) fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
