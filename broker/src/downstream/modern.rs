//! What modern clients post.

use super::capabilities;
use super::endpoint::Posted;
use super::legacy::{NO_COMPLETION, completed, instructions};
use super::{App, elsewhere, extension, listen, lists, reply, tasks};
use crate::bridge;
use crate::catalog::Kind;
use crate::peers::Message;
use crate::resolve::{self, Owner};
use crate::upstream::Way;
use axum::response::Response;
use protocol::era::from_modern::Said;
use protocol::era::{Era, SUPPORTED_MODERN};
use protocol::error::Refusal;
use protocol::json::quote;
use protocol::jsonrpc::Id;
use protocol::request::{MessageKind, Text};
use protocol::route::{Early, check_version, early, no_batches, verify};
use std::sync::Arc;

/// Answers what a modern client posted.
pub(super) async fn post(app: &Arc<App>, posted: &Posted<'_>) -> Result<Response, Refusal> {
    let envelope = &posted.envelope;
    check_version(posted.head.protocol_version)?;
    if envelope.batch {
        return Err(no_batches());
    }
    let (MessageKind::Request, Some(id)) = (verify(Era::Modern, &posted.head, envelope)?, &envelope.id) else {
        return Ok(reply::accepted());
    };
    let method = envelope.method.as_deref().unwrap_or_default();
    match method {
        "server/discover" => Ok(reply::result(posted.accepts, id, &discover(app, posted).await)),
        "subscriptions/listen" => listen::open(app, posted, id).await,
        "tasks/get" | "tasks/update" | "tasks/cancel" => tasks::modern(app, posted, id, method).await,
        "completion/complete" => {
            let (owner, target) = completed(app, Era::Modern, posted).await?;
            let completes = owner.server.serving(Era::Modern, false).is_some_and(|s| s.capabilities.completions);
            if !completes {
                return Ok(reply::result(posted.accepts, id, &lists::complete(NO_COMPLETION)));
            }
            forward(app, posted, id, method, owner, target, false).await
        }
        _ => {
            if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.method() == method) {
                let result = lists::modern(app, kind, posted, &declared(&posted.body)).await?;
                return Ok(reply::result(posted.accepts, id, &result));
            }
            if let Early::Call(call) = early(envelope, true) {
                let owner = posted.owner(&app.registry, Era::Modern, &call).await?;
                return forward(app, posted, id, method, owner, call.target, true).await;
            }
            extension::modern(app, posted, id, method).await
        }
    }
}

/// `_meta["io.modelcontextprotocol/clientCapabilities"]`, raw JSON.
fn declared(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    Said::read(&text).map_or_else(|| "{}".to_owned(), |said| said.capabilities.to_owned())
}

async fn forward(
    app: &App,
    posted: &Posted<'_>,
    id: &Id,
    method: &str,
    owner: Owner,
    target: &Text,
    named: bool,
) -> Result<Response, Refusal> {
    let name = owner.own_name(&target.text);
    let Owner { server, added } = owner;
    let rules = resolve::rules(&app.registry, &server);
    let body = posted.own_form(target, &added, &rules);
    let crossed = server.way(Era::Modern, false) == Some(Way::Crossed);
    let request = posted.bridged(server, id, body, rules);
    if crossed {
        let home = app.legacy_servers.elsewhere(&posted.body);
        if let Some(passed) = elsewhere::at(app, Era::Modern, home, Message::posted(posted)).await {
            return passed;
        }
        return app.legacy_servers.call(request, method, &name, posted.headers).await;
    }
    bridge::modern(request, method, named.then_some(name.as_str()), posted.headers, app.ending.clone()).await
}

/// The result of `server/discover`. What it says changes with the servers, so nobody is to keep it for long.
async fn discover(app: &App, posted: &Posted<'_>) -> String {
    let versions: Vec<_> = SUPPORTED_MODERN.iter().map(|version| quote(version)).collect();
    lists::complete(&format!(
        "\"supportedVersions\":[{}],\"capabilities\":{}{},\"ttlMs\":0,\"cacheScope\":\"private\"",
        versions.join(","),
        capabilities::modern(app),
        instructions(app, Era::Modern, false, posted).await,
    ))
}
