//! The controller's own port.

use super::metrics::Metrics;
use super::watch::Watches;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/healthz`, `/readyz` and `/metrics` until `ending` is cancelled.
pub(super) async fn serve(
    listener: TcpListener,
    watches: Arc<Watches>,
    metrics: Arc<Metrics>,
    ending: CancellationToken,
) {
    let ready = move || async move {
        if watches.complete() {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "some kinds of resources have not been listed yet\n")
        }
    };
    let metrics = move || async move { ([(header::CONTENT_TYPE, OPENMETRICS)], metrics.encode()).into_response() };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    let served = axum::serve(listener, router).with_graceful_shutdown(ending.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the controller's port is no longer served");
    }
}
