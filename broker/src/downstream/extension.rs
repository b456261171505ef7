//! Methods that are none of MCP's own: of extensions that servers declare, carried untouched within one era.

use super::App;
use super::endpoint::Posted;
use crate::bridge;
use crate::session::Session;
use crate::upstream::{Server, Unowned, Way};
use axum::response::Response;
use protocol::answer::Rules;
use protocol::era::Era;
use protocol::error::{Refusal, code};
use protocol::http::decode_value;
use protocol::jsonrpc::Id;
use std::sync::Arc;

/// The first parts of MCP's own methods, of whatever revision: a method of these belongs to no extension.
const OWN: [&str; 10] = [
    "completion",
    "elicitation",
    "logging",
    "prompts",
    "resources",
    "roots",
    "sampling",
    "subscriptions",
    "tasks",
    "tools",
];
const OWN_METHODS: [&str; 3] = ["initialize", "ping", "server/discover"];

/// Carries a legacy client's request to the server that declares its extension.
pub(super) async fn legacy(
    app: &App,
    session: &Arc<Session>,
    posted: &Posted<'_>,
    id: &Id,
    method: &str,
) -> Result<Response, Refusal> {
    within(posted, Era::Legacy, method)?;
    let server = owner(app, Era::Legacy, session.asks_back(), method)?.seen_by(Era::Legacy, &posted.caller)?;
    bridge::legacy(session, request(server, posted, id), posted.headers).await
}

/// Carries a modern client's request to the server that declares its extension.
pub(super) async fn modern(app: &App, posted: &Posted<'_>, id: &Id, method: &str) -> Result<Response, Refusal> {
    within(posted, Era::Modern, method)?;
    let server = owner(app, Era::Modern, false, method)?.seen_by(Era::Modern, &posted.caller)?;
    let name = posted.head.mcp_name.and_then(decode_value);
    bridge::modern(request(server, posted, id), method, name.as_deref(), posted.headers, app.ending.clone()).await
}

/// A virtual server has only what it names, and it can name no methods.
fn within(posted: &Posted<'_>, era: Era, method: &str) -> Result<(), Refusal> {
    if !posted.scope.is_narrow() {
        return Ok(());
    }
    Err(Refusal::answer(era, code::METHOD_NOT_FOUND, format!("A virtual server does not know the method {method}.")))
}

/// Without a prefix nothing but ids is edited: what else an extension's messages hold, only its server knows.
fn request(server: Arc<Server>, posted: &Posted<'_>, id: &Id) -> bridge::Request {
    let rules = Rules::new(server.name(), "", &[]);
    posted.bridged(server, id, posted.body.clone(), rules)
}

/// The server that a notification belongs to which is none of MCP's own.
pub(super) fn notified(app: &App, session: &Session, method: &str) -> Option<Arc<Server>> {
    owner(app, Era::Legacy, session.asks_back(), method.strip_prefix("notifications/")?).ok()
}

fn owner(app: &App, era: Era, asks_back: bool, method: &str) -> Result<Arc<Server>, Refusal> {
    let unknown = |why: String| {
        Refusal::answer(era, code::METHOD_NOT_FOUND, format!("The gateway does not know the method {method}{why}."))
    };
    if OWN_METHODS.contains(&method) || method.split('/').next().is_some_and(|part| OWN.contains(&part)) {
        return Err(unknown(String::new()));
    }
    let view = app.registry.view();
    let name = view.extensions(era).owner(method).map_err(|why| {
        unknown(match why {
            Unowned::Nobody => String::new(),
            Unowned::Several(servers) => {
                format!(", and cannot tell which of these servers' extensions it belongs to: {}", servers.join(", "))
            }
        })
    })?;
    let server = view.get(name).ok_or_else(|| unknown(String::new()))?;
    if server.way(era, asks_back) == Some(Way::Direct) {
        return Ok(server);
    }
    Err(unknown(format!(": server {name} is reached in the other era, and its extensions do not cross over")))
}
