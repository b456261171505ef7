//! Calls that the filter sent by a route that an Envoy does not have yet. Its catch-all for such routes leads here.

use super::{App, reply};
use crate::peers::answer;
use crate::upstream::Server;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use protocol::error::{Refusal, code};
use protocol::http::{Accepts, header as names, is_internal_host};
use std::sync::Arc;

/// Of one connection alone, or of the way here.
const LEFT_OUT: [HeaderName; 4] = [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::HOST];

/// Carries such a call to its server. It is in the server's words already, so it goes on as it came: the filter edits the
/// answer. Nothing is added to it, since whoever sent it has shown no key.
pub(super) async fn carry(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(wanted) = Wanted::of(request.headers()) else { return next.run(request).await };
    match wanted.server(&app) {
        Some(server) if request.method() == Method::POST => send(&server, request).await,
        _ => unreachable(),
    }
}

/// By what a call names its server.
struct Wanted {
    host: String,
    /// Where the host alone does not tell.
    header: Option<String>,
}

impl Wanted {
    /// `None`: it is no such call.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let host = headers.get(header::HOST).and_then(text).unwrap_or_default();
        // On its own way here the filter shows its key.
        let by_header = headers.contains_key(names::SERVER) && !headers.contains_key(names::KEY);
        let header = if by_header { headers.get(names::SERVER).and_then(text) } else { None };
        (by_header || is_internal_host(&host)).then_some(Self { host, header })
    }

    fn server(&self, app: &App) -> Option<Arc<Server>> {
        let view = app.registry.view();
        let is_it = |server: &&Arc<Server>| {
            view.route(server.name()).is_some_and(|route| {
                route.server_header == self.header && route.authority.eq_ignore_ascii_case(&self.host)
            })
        };
        view.servers.iter().find(is_it).cloned()
    }
}

async fn send(server: &Server, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut headers = HeaderMap::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        if !LEFT_OUT.contains(name) && !name.as_str().starts_with(names::GATEWAY_PREFIX) {
            headers.append(name, value.clone());
        }
    }
    tracing::debug!(server = server.name(), "Envoy has no route to the server yet: the broker carries the call");
    match server.client().carry(headers, body.into_data_stream()).await {
        Some(response) => answer(response),
        None => unreachable(),
    }
}

fn unreachable() -> Response {
    let refusal = Refusal::transport(503, code::INTERNAL, "No route leads to this server yet: try again.");
    let mut response = reply::refusal(&refusal, None, Accepts::BOTH);
    response.headers_mut().insert(HeaderName::from_static(names::UNROUTED), HeaderValue::from_static("1"));
    response
}
