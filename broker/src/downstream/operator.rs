//! Health, status and metrics.

use super::filters::FilterStatus;
use super::virtual_servers::{self, VirtualServerStatus};
use super::{App, reply};
use crate::session::shared::StoreStatus;
use crate::status::{State as ServerState, Status};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use protocol::error::{Refusal, code};
use protocol::http::Accepts;
use serde::Serialize;
use std::sync::Arc;

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> Response {
    text(200, "text/plain; charset=utf-8", "ok\n".to_owned())
}

/// `GET /readyz`: every server and the session store were asked once, whatever they answered, or have said nothing for long. It never
/// becomes unready again: that would take a broker from its clients for a server that is new and silent. Without the store the broker does as
/// if there were none, so that makes it no less ready.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let asks_servers = app.registry.status().borrow().servers.iter().any(|s| s.state == ServerState::Connecting);
    let store = app.shared.status();
    let asks_store = store.as_ref().is_some_and(|store| store.state == "connecting");
    let ready = app.readiness.reached(asks_servers || asks_store);
    let (status, said) = match store.and_then(|store| store.error) {
        _ if !ready && asks_servers => (503, "some servers have not been asked yet\n".to_owned()),
        _ if !ready => (503, "the session store has not been asked yet\n".to_owned()),
        Some(error) => {
            (200, format!("ready, but sessions are in this broker's memory alone: of the session store, {error}\n"))
        }
        None => (200, "ready\n".to_owned()),
    };
    text(status, "text/plain; charset=utf-8", said)
}

/// What `/status` tells.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    status: Status,
    /// Selections of what the servers offer.
    #[serde(rename = "virtualServers", skip_serializing_if = "Vec::is_empty")]
    virtual_servers: Vec<VirtualServerStatus>,
    /// Version of the filters' table.
    table: String,
    /// The filters that ask this broker, and the tables that they go by.
    filters: Vec<FilterStatus>,
    /// The store that brokers share; absent if there is none.
    #[serde(rename = "sessionStore", skip_serializing_if = "Option::is_none")]
    session_store: Option<StoreStatus>,
}

/// `GET /status`: how servers and filters are, as JSON.
pub(super) async fn status(State(app): State<Arc<App>>) -> Response {
    let report = Report {
        status: app.registry.status().borrow().clone(),
        virtual_servers: virtual_servers::all(&app),
        table: app.registry.view().table.version.clone(),
        filters: app.filters.all(),
        session_store: app.shared.status(),
    };
    text(200, "application/json", serde_json::to_string(&report).unwrap_or_default())
}

/// `GET /metrics`: Prometheus' text format.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text_format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    text(200, text_format, app.metrics.encode(&app))
}

/// Any other path.
pub(super) async fn not_found() -> Response {
    let refusal = Refusal::transport(404, code::TRANSPORT, "There is nothing here: the MCP endpoint is /mcp.");
    reply::refusal(&refusal, None, Accepts::BOTH)
}

/// Any other method of a path.
pub(super) async fn method_not_allowed() -> Response {
    let refusal = Refusal::transport(405, code::TRANSPORT, "This path does not take this method.");
    reply::refusal(&refusal, None, Accepts::BOTH)
}

fn text(status: u16, kind: &'static str, text: String) -> Response {
    let mut response = reply::empty(status);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    *response.body_mut() = Body::from(text);
    response
}
