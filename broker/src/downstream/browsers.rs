//! Pages in browsers, which may be of another origin ([`protocol::cors`]). Behind the filter it is the filter that sees to that.

use super::{App, reply};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use protocol::cors;
use protocol::http::origin_allowed;
use std::sync::Arc;

/// Answers preflights of pages that may use the gateway, and has them read every other answer.
pub(super) async fn allow(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = text(request.headers(), header::ORIGIN.as_str());
    let Some(origin) = origin.filter(|origin| origin_allowed(origin, &app.gateway().access.allowed_origins)) else {
        return next.run(request).await;
    };
    let mut response = if request.method() == Method::OPTIONS && request.headers().contains_key(cors::REQUEST_METHOD) {
        let mut response = reply::empty(204);
        let asked = text(request.headers(), cors::REQUEST_HEADERS);
        add(&mut response, cors::preflight(asked.as_deref()));
        response
    } else {
        next.run(request).await
    };
    add(&mut response, cors::answer(&origin));
    response
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn add(response: &mut Response, headers: [(&'static str, &str); 3]) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}
