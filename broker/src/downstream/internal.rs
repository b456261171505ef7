//! What only the filter may ask.

use super::{App, elsewhere, reply};
use crate::caller::Caller;
use crate::peers::Message;
use crate::resolve::{self, Owner};
use crate::upstream::Way;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use protocol::era::{Era, MODERN};
use protocol::error::{Refusal, code};
use protocol::http::{Accepts, header as names};
use protocol::resolve::{
    Answer, CHANGED_PATH, Changed, Destination, News, Outcome, PATH, Question, Report, ServerTable,
};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use url::{Position, Url};

/// Seconds for which the filter may keep a decision. A session in use is asked for this often, so it is not taken for idle.
const TTL: u32 = 300;

/// The same for a session's decision where there are replicas. One that was started anew has forgotten its sessions with servers,
/// and its epoch, which is that of the others, does not tell.
const REPLICAS_TTL: u32 = 30;

/// The same for what depends on the caller, of whose servers no epoch tells.
const TTL_OF_CALLER: u32 = 30;

/// Bytes of the longest decision of another replica.
const DECISION_LIMIT: usize = 1 << 20;

/// How long a filter's report waits for news. The next one comes after a second.
const FOR_NEWS: Duration = Duration::from_millis(900);

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
        Err(error) => return unreadable(&error),
    };
    // Read first: a decision made while things change is then outdated rather than kept.
    let epoch = app.epoch(app.registry.epoch());
    let message = Message::of_filter(PATH, &headers, body);
    let outcome = match elsewhere::of_session(&app, question.session.as_deref(), message).await {
        Some(passed) => read(passed).await,
        None => decide(&app, &question).await,
    };
    let outcome = outcome.unwrap_or_else(Outcome::Refuse);
    let whole = if question.shown.is_empty() { TTL } else { TTL_OF_CALLER };
    let ttl = if app.has_replicas() && question.session.is_some() { whole.min(REPLICAS_TTL) } else { whole };
    answer(&Answer { epoch, ttl, outcome })
}

/// `POST /table`. Waits a moment for news, so that the filter hears of a change at once.
pub(super) async fn table(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let report: Report = match serde_json::from_slice(&body) {
        Ok(report) => report,
        Err(error) => return unreadable(&error),
    };
    let (epoch, table) = (report.epoch, report.table.clone());
    app.filters.saw(report);
    let mut views = app.registry.views();
    let news =
        views.wait_for(|view| Some(app.epoch(view.epoch)) != epoch || Some(&view.table.version) != table.as_ref());
    tokio::select! {
        _ = tokio::time::timeout(FOR_NEWS, news) => {}
        () = app.ending.cancelled() => {}
    }
    let view = app.registry.view();
    let changed = Some(&view.table.version) != table.as_ref();
    answer(&News { epoch: app.epoch(view.epoch), table: changed.then(|| ServerTable::clone(&view.table)) })
}

/// `POST /changed`.
pub(super) async fn changed(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(Changed { session, server }) = serde_json::from_slice(&body) else { return reply::empty(204) };
    let message = Message::of_filter(CHANGED_PATH, &headers, body);
    if elsewhere::of_session(&app, Some(&session), message).await.is_some() {
        return reply::empty(204);
    }
    if let Ok(session) = app.sessions.known(&session, &app.limits()).await
        && let Some(upstream) = session.open_upstream(&server).await
    {
        upstream.lists_changed();
    }
    reply::empty(204)
}

/// What another replica decided. Which epoch it did so in does not matter: should it see another state than this one, its answer
/// to the filter's next report says so.
async fn read(passed: Result<Response, Refusal>) -> Result<Outcome, Refusal> {
    let body = axum::body::to_bytes(passed?.into_body(), DECISION_LIMIT).await.unwrap_or_default();
    let read: Result<Answer, _> = serde_json::from_slice(&body);
    read.map(|answer| answer.outcome).map_err(|error| {
        tracing::error!(%error, "a decision of another replica could not be read: do their versions match?");
        Refusal::upstream(Era::Legacy, "The gateway's replicas do not understand one another.".to_owned())
    })
}

async fn decide(app: &Arc<App>, question: &Question) -> Result<Outcome, Refusal> {
    let caller = Caller::showing(question.shown.clone());
    if question.era == Era::Modern {
        let owner = resolve::target(&app.registry, Era::Modern, &caller, &question.target).await?;
        let way = owner.server.way(Era::Modern, false);
        return Ok(match straight(app, &owner, way) {
            Some(destination) => Outcome::Route(Destination { protocol_version: MODERN.to_owned(), ..destination }),
            None => Outcome::Bridge,
        });
    }
    let id = question.session.as_deref().ok_or_else(missing_session)?;
    let session = app.sessions.find(id, &caller, &app.limits()).await?;
    let owner = resolve::target(&app.registry, Era::Legacy, &caller, &question.target).await?;
    let Some(destination) = straight(app, &owner, session.way(&owner.server)) else { return Ok(Outcome::Bridge) };
    let upstream = session.upstream(&owner.server).await?;
    Ok(Outcome::Route(Destination {
        session: upstream.session.id.clone(),
        protocol_version: upstream.session.protocol_version.clone(),
        ..destination
    }))
}

/// The server as Envoy reaches it, without what belongs to a session; `None` if it does not, or is not to.
fn straight(app: &App, owner: &Owner, way: Option<Way>) -> Option<Destination> {
    // A filter that asks for a name with a prefix does not know it as one yet, and would not take it out.
    if !owner.added.is_empty() || !owner.server.client().is_streamable_http() || way != Some(Way::Direct) {
        return None;
    }
    let (view, config) = (app.registry.view(), owner.server.config());
    let url = Url::parse(&config.url).ok()?;
    Some(Destination {
        server: config.name.clone(),
        route: view.route(&config.name)?.clone(),
        path: url[Position::BeforePath..Position::AfterQuery].to_owned(),
        headers: config.headers.clone(),
        forward_headers: config.forward_headers.clone(),
        session: None,
        protocol_version: String::new(),
        web_uris: view.web_uris(&owner.server),
    })
}

/// 400: everything but `initialize` needs a session.
pub(super) fn missing_session() -> Refusal {
    let message = "Header Mcp-Session-Id is missing: send initialize first, then its answer's session id.";
    Refusal::transport(400, code::TRANSPORT, message)
}

fn unreadable(error: &serde_json::Error) -> Response {
    tracing::error!(%error, "a question of the filter could not be read: do their versions match?");
    let refusal = Refusal::transport(400, code::INVALID_REQUEST, "This is no question.");
    reply::refusal(&refusal, None, Accepts::BOTH)
}

fn answer(body: &impl serde::Serialize) -> Response {
    let mut response = reply::empty(200);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(HeaderName::from_static(names::RESOLVED), HeaderValue::from_static("1"));
    *response.body_mut() = Body::from(serde_json::to_vec(body).unwrap_or_default());
    response
}
