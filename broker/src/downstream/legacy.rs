//! What legacy clients post.

use super::capabilities;
use super::endpoint::Posted;
use super::internal::missing_session;
use super::splice::Splice;
use super::{App, batch, elsewhere, extension, lists, notices, reply, tasks};
use crate::bridge;
use crate::catalog::Kind;
use crate::peers::Message;
use crate::resolve::{self, Owner};
use crate::session::Session;
use crate::session::id::ClientSaid;
use crate::upstream::{Seen, UpstreamError, gateway_info};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use protocol::answer::{self, Rules};
use protocol::era::{Era, Revision, from_legacy};
use protocol::error::{Refusal, code};
use protocol::http::header;
use protocol::json::quote;
use protocol::jsonrpc::Id;
use protocol::request::{MessageKind, Text};
use protocol::route::{CallKind, Early, early, verify};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// What `logging/setLevel` takes.
const LEVELS: &[&str] = &["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// Answers what a legacy client posted.
pub(super) async fn post(app: &Arc<App>, posted: &Posted<'_>) -> Result<Response, Refusal> {
    if let Some(passed) = elsewhere::of_session(app, posted.head.session, Message::posted(posted)).await {
        return passed;
    }
    if posted.envelope.batch {
        let session = session(app, posted).await?;
        return batch::post(app, &session, posted).await;
    }
    let kind = verify(Era::Legacy, &posted.head, &posted.envelope)?;
    let method = posted.envelope.method.as_deref().unwrap_or_default();
    if kind == MessageKind::Request && method == "initialize" {
        return initialize(app, posted).await;
    }
    let session = session(app, posted).await?;
    forget_lost(&session, posted).await?;
    message(app, &session, posted, kind).await
}

/// Answers one message of a session.
pub(super) async fn message(
    app: &Arc<App>,
    session: &Arc<Session>,
    posted: &Posted<'_>,
    kind: MessageKind,
) -> Result<Response, Refusal> {
    let envelope = &posted.envelope;
    match (kind, &envelope.id) {
        (MessageKind::Request, Some(id)) => request(app, session, posted, id).await,
        (MessageKind::Response, _) => {
            match (posted.filter.server, early(envelope, true)) {
                (Some(server), _) => notices::answer(app, session, server, Splice::default(), posted),
                (None, Early::Answer { to, id }) => {
                    let mut splice = Splice::default();
                    splice.replace(&id, to.raw.as_bytes());
                    notices::answer(app, session, &to.server, splice, posted);
                }
                (None, _) => {}
            }
            Ok(reply::accepted())
        }
        _ => {
            notices::notification(app, session, envelope, &posted.body);
            Ok(reply::accepted())
        }
    }
}

async fn session(app: &App, posted: &Posted<'_>) -> Result<Arc<Session>, Refusal> {
    let id = posted.head.session.ok_or_else(missing_session)?;
    app.sessions.find(id, &posted.caller, &app.limits()).await
}

async fn request(app: &Arc<App>, session: &Arc<Session>, posted: &Posted<'_>, id: &Id) -> Result<Response, Refusal> {
    let envelope = &posted.envelope;
    let accepts = posted.accepts;
    let done = || Ok(reply::result(accepts, id, "{}"));
    match envelope.method.as_deref().unwrap_or_default() {
        "ping" => done(),
        "logging/setLevel" => {
            let level = envelope.level.as_deref().filter(|level| LEVELS.contains(level)).ok_or_else(|| {
                let message = format!("params.level has to be one of {}.", LEVELS.join(", "));
                Refusal::answer(Era::Legacy, code::INVALID_PARAMS, message)
            })?;
            session.set_level(level).await;
            done()
        }
        method @ ("resources/subscribe" | "resources/unsubscribe") => {
            subscribe(app, session, method, posted).await?;
            done()
        }
        "completion/complete" => complete(app, session, posted, id).await,
        method => {
            if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.method() == method) {
                let result = lists::legacy(app, session, kind, posted).await?;
                return Ok(reply::result(accepts, id, &result));
            }
            if let Early::Call(call) = early(envelope, true) {
                let Owner { server, added } = posted.owner(&app.registry, Era::Legacy, &call).await?;
                let rules = resolve::rules(&app.registry, &server);
                let body = posted.own_form(call.target, &added, &rules);
                let request = posted.bridged(server, id, body, rules);
                return bridge::legacy(session, request, posted.headers).await;
            }
            match tasks::legacy(app, session, posted, id).await {
                Some(answer) => answer,
                None => extension::legacy(app, session, posted, id, method).await,
            }
        }
    }
}

/// Opens the upstream session anew that a server seems to have forgotten, unless that has happened meanwhile. Some servers
/// refuse more than unknown sessions with the same status, so the session is tried first.
async fn forget_lost(session: &Arc<Session>, posted: &Posted<'_>) -> Result<(), Refusal> {
    let Some(lost) = posted.filter.lost else { return Ok(()) };
    if let Some(upstream) = session.open_upstream(lost.server).await
        && upstream.session.id.as_deref() == Some(lost.session)
        && upstream.is_forgotten().await
    {
        session.reopen(&upstream).await?;
    }
    Ok(())
}

/// `InitializeRequest.params`, as far as it is kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialize {
    protocol_version: String,
    #[serde(default)]
    capabilities: Option<Box<RawValue>>,
    #[serde(default)]
    client_info: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct WithParams {
    params: Initialize,
}

pub(super) async fn initialize(app: &Arc<App>, posted: &Posted<'_>) -> Result<Response, Refusal> {
    let id = posted.id().ok_or_else(missing_session)?;
    let WithParams { params } = serde_json::from_slice(&posted.body).map_err(|_| {
        let message = "initialize needs params with protocolVersion (a string), capabilities and clientInfo.";
        Refusal::answer(Era::Legacy, code::INVALID_PARAMS, message)
    })?;
    let revision = Revision::negotiate(&params.protocol_version);
    let client = ClientSaid { capabilities: params.capabilities.unwrap_or_default(), info: params.client_info };
    let (session, id_of_session) = app.sessions.create(revision, client, &posted.caller, &app.limits()).await;
    let result = format!(
        "{{\"protocolVersion\":\"{}\",\"capabilities\":{},\"serverInfo\":{}{}}}",
        revision.as_str(),
        capabilities::legacy(app, revision),
        gateway_info(),
        instructions(app, Era::Legacy, session.asks_back(), posted).await,
    );
    let mut response = reply::result(posted.accepts, id, &result);
    if let Ok(value) = HeaderValue::from_str(&id_of_session) {
        response.headers_mut().insert(HeaderName::from_static(header::SESSION_ID), value);
    }
    Ok(response)
}

/// What the servers say of themselves, each under its name: a member to add to a result, or nothing.
pub(super) async fn instructions(app: &App, era: Era, asks_back: bool, posted: &Posted<'_>) -> String {
    let Posted { scope, caller, .. } = posted;
    let Seen { view, servers } = app.registry.introduced_to(era, caller).await;
    let shown = scope.servers(era, &view.catalog);
    let mut all = scope.description().map_or_else(String::new, |text| format!("{}\n\n", text.trim()));
    for server in &servers {
        if shown.as_ref().is_some_and(|shown| !shown.contains(server.name())) {
            continue;
        }
        let Some(text) = server.serving(era, asks_back).and_then(|spoken| spoken.instructions.clone()) else {
            continue;
        };
        let prefix = match server.config().prefix.as_str() {
            "" => String::new(),
            prefix => format!(" (its tools and prompts are named with \"{prefix}\" in front)"),
        };
        all.push_str(&format!("## {}{prefix}\n\n{}\n\n", server.name(), text.trim()));
    }
    if all.is_empty() { all } else { format!(",\"instructions\":{}", quote(all.trim_end())) }
}

async fn subscribe(app: &App, session: &Arc<Session>, method: &str, posted: &Posted<'_>) -> Result<(), Refusal> {
    let Posted { scope, caller, .. } = posted;
    let invalid = |message: String| Refusal::answer(Era::Legacy, code::INVALID_PARAMS, message);
    let uri = posted.envelope.uri.as_ref();
    let uri = uri.ok_or_else(|| invalid("params.uri has to be there, a string of at most 8 KiB.".to_owned()))?;
    scope.check(Era::Legacy, CallKind::Resource, &uri.text)?;
    let owner = resolve::owner(&app.registry, Era::Legacy, caller, CallKind::Resource, &uri.text).await?;
    let (own, server) = (owner.own_name(&uri.text), owner.server);
    let upstream = session.upstream(&server).await?;
    if !upstream.session.capabilities.resources.is_some_and(|resources| resources.subscribe) {
        return Err(invalid(format!("Server {} offers no subscriptions to resources.", server.name())));
    }
    let meta = std::str::from_utf8(&posted.body).ok().and_then(from_legacy::kept_meta);
    let mut sent = upstream.send_subscription(method, &own, meta.as_deref()).await;
    if matches!(sent, Err(UpstreamError::SessionLost)) {
        sent = session.reopen(&upstream).await?.send_subscription(method, &own, meta.as_deref()).await;
    }
    match sent {
        Ok(()) if method == "resources/unsubscribe" => session.unsubscribe(server.name(), &own).await,
        Ok(()) if session.subscribe(server.name(), &own).await => {}
        Ok(()) => return Err(invalid("There are too many subscriptions in this session: drop some.".to_owned())),
        Err(UpstreamError::Rpc { code, message, data }) => {
            let refusal = Refusal::answer(Era::Legacy, code, message);
            let data = data.and_then(|data| data_as_seen(&data, &resolve::rules(&app.registry, &server)));
            return Err(if let Some(data) = data { refusal.with_data(data) } else { refusal });
        }
        Err(error) => return Err(crate::session::failed(Era::Legacy, server.name(), &error)),
    }
    Ok(())
}

/// The `data` of a server's error as the client sees it: edited as the answer that it was taken out of.
fn data_as_seen(data: &str, rules: &Rules) -> Option<String> {
    let message = format!("{{\"error\":{{\"data\":{data}}}}}");
    let edited = String::from_utf8(answer::edit(message.as_bytes(), rules)).ok()?;
    let data = edited.strip_prefix("{\"error\":{\"data\":")?.strip_suffix("}}")?;
    Some(data.to_owned())
}

async fn complete(app: &Arc<App>, session: &Arc<Session>, posted: &Posted<'_>, id: &Id) -> Result<Response, Refusal> {
    let (Owner { server, added }, target) = completed(app, Era::Legacy, posted).await?;
    let upstream = session.upstream(&server).await?;
    // 2024-11-05 had no such capability.
    if !upstream.session.capabilities.completions && upstream.session.protocol_version != Revision::V2024_11_05.as_str()
    {
        return Ok(reply::result(posted.accepts, id, &format!("{{{NO_COMPLETION}}}")));
    }
    let rules = resolve::rules(&app.registry, &server);
    let body = posted.own_form(target, &added, &rules);
    let request = posted.bridged(server, id, body, rules);
    bridge::legacy(session, request, posted.headers).await
}

/// The members of the completion of a server that completes nothing.
pub(super) const NO_COMPLETION: &str = r#""completion":{"values":[]}"#;

/// Whose prompt or template is being completed.
pub(super) async fn completed<'a>(app: &App, era: Era, posted: &'a Posted<'_>) -> Result<(Owner, &'a Text), Refusal> {
    let envelope = &posted.envelope;
    let (kind, target) = match (&envelope.ref_name, &envelope.ref_uri) {
        (Some(name), None) => (CallKind::Prompt, name),
        (None, Some(uri)) => (CallKind::Resource, uri),
        _ => {
            let message = "params.ref has to name a prompt (name) or a resource template (uri).";
            return Err(Refusal::answer(era, code::INVALID_PARAMS, message));
        }
    };
    posted.scope.check(era, kind, &target.text)?;
    Ok((resolve::owner(&app.registry, era, &posted.caller, kind, &target.text).await?, target))
}
