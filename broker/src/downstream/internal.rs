//! What only the filter may ask.

use super::{App, elsewhere, reply};
use crate::peers::Message;
use crate::resolve;
use crate::upstream::Way;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use protocol::era::{Era, MODERN};
use protocol::error::{Refusal, code};
use protocol::http::{Accepts, header as names};
use protocol::resolve::{Answer, CHANGED_PATH, Changed, Destination, Epoch, Outcome, PATH, Question};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// Seconds for which the filter may keep a decision. A session in use is asked for this often, so it is not taken for idle.
const TTL: u32 = 300;

/// Bytes of the longest decision of another replica.
const DECISION_LIMIT: usize = 1 << 20;

/// Lets in only who holds the key.
pub(super) async fn check_key(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(names::KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if !bool::from(given.ct_eq(app.key.as_bytes())) {
        let refusal = Refusal::transport(403, code::TRANSPORT, "This port is for the gateway's own filter.");
        return reply::refusal(&refusal, None, Accepts::BOTH);
    }
    next.run(request).await
}

/// `POST /resolve`.
pub(super) async fn resolve(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let question: Question = match serde_json::from_slice(&body) {
        Ok(question) => question,
        Err(error) => {
            tracing::error!(%error, "a question of the filter could not be read: do their versions match?");
            let refusal = Refusal::transport(400, code::INVALID_REQUEST, "This is no question.");
            return reply::refusal(&refusal, None, Accepts::BOTH);
        }
    };
    // Read first: a decision made while things change is then outdated rather than kept.
    let epoch = app.registry.epoch();
    let message = Message::of_filter(PATH, &headers, body);
    let outcome = match elsewhere::of_session(&app, question.session.as_deref(), message).await {
        Some(passed) => read(passed).await,
        None => decide(&app, &question).await,
    };
    let outcome = outcome.unwrap_or_else(Outcome::Refuse);
    answer(&Answer { epoch, ttl: TTL, outcome })
}

/// `GET /epoch`.
pub(super) async fn epoch(State(app): State<Arc<App>>) -> Response {
    answer(&Epoch { epoch: app.registry.epoch() })
}

/// `POST /changed`.
pub(super) async fn changed(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(Changed { session, server }) = serde_json::from_slice(&body) else { return reply::empty(204) };
    let message = Message::of_filter(CHANGED_PATH, &headers, body);
    if elsewhere::of_session(&app, Some(&session), message).await.is_some() {
        return reply::empty(204);
    }
    if let Ok(session) = app.sessions.find(&session, &app.limits())
        && let Some(upstream) = session.open_upstream(&server).await
    {
        upstream.lists_changed();
    }
    reply::empty(204)
}

/// What another replica decided. The epoch that it was decided in is that one's, and says nothing here.
async fn read(passed: Result<Response, Refusal>) -> Result<Outcome, Refusal> {
    let body = axum::body::to_bytes(passed?.into_body(), DECISION_LIMIT).await.unwrap_or_default();
    let read: Result<Answer, _> = serde_json::from_slice(&body);
    read.map(|answer| answer.outcome).map_err(|error| {
        tracing::error!(%error, "a decision of another replica could not be read: do their versions match?");
        Refusal::upstream(Era::Legacy, "The gateway's replicas do not understand one another.".to_owned())
    })
}

async fn decide(app: &Arc<App>, question: &Question) -> Result<Outcome, Refusal> {
    if question.era == Era::Modern {
        let server = resolve::target(&app.registry, Era::Modern, &question.target).await?;
        if !server.client().is_streamable_http() || server.way(Era::Modern, false) != Some(Way::Direct) {
            return Ok(Outcome::Bridge);
        }
        return Ok(Outcome::Route(Destination {
            server: server.name().to_owned(),
            session: None,
            protocol_version: MODERN.to_owned(),
            web_uris: app.registry.view().catalog.web_uris(server.name()).to_vec(),
        }));
    }
    let id = question.session.as_deref().ok_or_else(missing_session)?;
    let session = app.sessions.find(id, &app.limits())?;
    let server = resolve::target(&app.registry, Era::Legacy, &question.target).await?;
    if !server.client().is_streamable_http() || session.way(&server) != Some(Way::Direct) {
        return Ok(Outcome::Bridge);
    }
    let upstream = session.upstream(&server).await?;
    Ok(Outcome::Route(Destination {
        server: server.name().to_owned(),
        session: upstream.session.id.clone(),
        protocol_version: upstream.session.protocol_version.clone(),
        web_uris: app.registry.view().catalog.web_uris(server.name()).to_vec(),
    }))
}

/// 400: everything but `initialize` needs a session.
pub(super) fn missing_session() -> Refusal {
    let message = "Header Mcp-Session-Id is missing: send initialize first, then its answer's session id.";
    Refusal::transport(400, code::TRANSPORT, message)
}

fn answer(body: &impl serde::Serialize) -> Response {
    let mut response = reply::empty(200);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(HeaderName::from_static(names::RESOLVED), HeaderValue::from_static("1"));
    *response.body_mut() = Body::from(serde_json::to_vec(body).unwrap_or_default());
    response
}
