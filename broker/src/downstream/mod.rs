//! What clients and the filter talk to.
//!
//! * [`browsers`]: what pages of other origins need, on the public port;
//! * [`endpoint`]: `/mcp`, from the first header to the answer, for [`legacy`] and [`modern`] clients;
//! * [`sse`]: `/sse`, for clients of HTTP+SSE (2024-11-05);
//! * [`internal`]: what only the filter may ask;
//! * [`operator`]: health, status, metrics.

mod batch;
mod body;
mod browsers;
mod capabilities;
mod elsewhere;
mod endpoint;
mod extension;
mod filters;
mod get;
mod internal;
pub(crate) mod keepalive;
mod legacy;
mod listen;
mod lists;
mod metrics;
mod modern;
mod notices;
mod operator;
mod readiness;
mod relay;
pub(crate) mod reply;
mod scope;
mod splice;
mod sse;
mod tasks;
mod unrouted;
mod virtual_servers;

pub(crate) use filters::Filters;
pub(crate) use metrics::Metrics;
pub(crate) use readiness::Readiness;
pub(crate) use sse::Connections;

use crate::crossing::modern_client::LegacyServers;
use crate::peers::Peers;
use crate::session::Store;
use crate::session::shared::Shared;
use crate::upstream::Registry;
use axum::Router;
use axum::routing::{any, get};
use protocol::config::{Gateway, Limits};
use protocol::http::path;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What every request needs.
pub(crate) struct App {
    pub(crate) gateway: watch::Receiver<Arc<Gateway>>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) sessions: Store,
    /// What is kept of them for other brokers.
    pub(crate) shared: Arc<Shared>,
    pub(crate) legacy_servers: LegacyServers,
    pub(crate) peers: Peers,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    /// Those that ask for the table.
    pub(crate) filters: Filters,
    /// Clients of HTTP+SSE.
    pub(crate) connections: Connections,
    /// Of the internal port.
    pub(crate) key: String,
    /// What tells this broker from those before it; `None` for a replica, which is to say what the others say.
    pub(crate) life: Option<u64>,
    /// Cancelled when the broker ends.
    pub(crate) ending: CancellationToken,
}

impl App {
    pub(crate) fn gateway(&self) -> Arc<Gateway> {
        Arc::clone(&self.gateway.borrow())
    }

    /// What the filter is told ([`protocol::resolve::News::epoch`]) where the registry has `epoch`.
    pub(crate) fn epoch(&self, epoch: u64) -> u64 {
        self.life.map_or(epoch, |life| epoch ^ life)
    }

    /// Whether other replicas know of this one.
    pub(crate) fn has_replicas(&self) -> bool {
        self.life.is_none()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.gateway.borrow().limits.clone()
    }
}

/// The public port: a whole gateway on its own.
pub(crate) fn public(app: Arc<App>) -> Router {
    Router::new()
        .route("/mcp", any(endpoint::public))
        .route(path::SSE, any(sse::open))
        .route(path::SSE_MESSAGE, any(sse::message))
        .route_layer(axum::middleware::from_fn_with_state(Arc::clone(&app), browsers::allow))
        .route("/healthz", get(operator::healthz))
        .route("/readyz", get(operator::readyz))
        .route("/status", get(operator::status))
        .route("/metrics", get(operator::metrics))
        .method_not_allowed_fallback(operator::method_not_allowed)
        .fallback(operator::not_found)
        .with_state(app)
}

/// The port for Prometheus: nothing of a client's or a server's can be had there.
pub(crate) fn metrics(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(operator::metrics))
        .route("/healthz", get(operator::healthz))
        .route("/readyz", get(operator::readyz))
        .method_not_allowed_fallback(operator::method_not_allowed)
        .fallback(operator::not_found)
        .with_state(app)
}

/// The internal port: for the filter.
pub(crate) fn internal(app: Arc<App>) -> Router {
    use axum::middleware::from_fn_with_state;
    use protocol::resolve::{CHANGED_PATH, PATH, TABLE_PATH};
    Router::new()
        .route("/mcp", any(endpoint::internal))
        .route(path::SSE, any(sse::open))
        .route(path::SSE_MESSAGE, any(sse::message))
        .route(PATH, axum::routing::post(internal::resolve))
        .route(TABLE_PATH, axum::routing::post(internal::table))
        .route(CHANGED_PATH, axum::routing::post(internal::changed))
        .method_not_allowed_fallback(operator::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), internal::check_key))
        .route("/healthz", get(operator::healthz))
        .method_not_allowed_fallback(operator::method_not_allowed)
        .fallback(operator::not_found)
        .layer(from_fn_with_state(Arc::clone(&app), unrouted::carry))
        .with_state(app)
}
