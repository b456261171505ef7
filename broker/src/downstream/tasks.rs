//! `tasks/*`: the id of a task names the server that runs it ([`protocol::naming::tag`]).
//!
//! A task stays in its era: legacy ones (2025-11-25, *Tasks*) are those of servers that are reached within the legacy era, modern
//! ones (extension `io.modelcontextprotocol/tasks`) of those within the modern one.

use super::endpoint::Posted;
use super::splice::Splice;
use super::{App, reply};
use crate::bridge;
use crate::caller::Caller;
use crate::resolve;
use crate::session::Session;
use crate::upstream::{Server, TASKS, UpstreamError, Way};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use protocol::answer::{self, Rules};
use protocol::era::Era;
use protocol::error::{Refusal, code};
use protocol::json::{quote, unquote};
use protocol::jsonrpc::Id;
use protocol::naming::untag;
use protocol::resolve::Target;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Pages of servers that are looked through for one page with a task on it.
const EMPTY_PAGES: usize = 100;

/// Answers a legacy client's `tasks/get`, `tasks/result`, `tasks/cancel` or `tasks/list`. `None`: it is no such method.
pub(super) async fn legacy(
    app: &App,
    session: &Arc<Session>,
    posted: &Posted<'_>,
    id: &Id,
) -> Option<Result<Response, Refusal>> {
    match posted.envelope.method.as_deref()? {
        "tasks/list" => {
            let page = list(app, session, posted).await;
            Some(page.map(|page| reply::result(posted.accepts, id, &page)))
        }
        "tasks/get" | "tasks/result" | "tasks/cancel" => Some(
            async {
                let Task { server, body, rules, .. } = task(app, Era::Legacy, session.asks_back(), posted).await?;
                let request = posted.bridged(server, id, body, rules);
                bridge::legacy(session, request, posted.headers).await
            }
            .await,
        ),
        _ => None,
    }
}

/// Answers a modern client's `tasks/get`, `tasks/update` or `tasks/cancel`.
pub(super) async fn modern(app: &App, posted: &Posted<'_>, id: &Id, method: &str) -> Result<Response, Refusal> {
    let Task { server, own, body, rules } = task(app, Era::Modern, false, posted).await?;
    let request = posted.bridged(server, id, body, rules);
    bridge::modern(request, method, Some(&own), posted.headers, app.ending.clone()).await
}

/// The server that runs a task, if it is reached within the modern era, and the task's id there.
pub(super) fn lookup(app: &App, caller: &Caller, id: &str) -> Option<(Arc<Server>, String)> {
    let (server, own) = named(id)?;
    let server = app.registry.get(&server)?.seen_by(Era::Modern, caller).ok()?;
    let direct = server.way(Era::Modern, false) == Some(Way::Direct);
    direct.then_some((server, own))
}

/// The name of the server that runs a task, and the task's id there.
pub(super) fn named(id: &str) -> Option<(String, String)> {
    let made = untag(quote(id).as_bytes())?;
    let own = unquote(made.raw.as_bytes())?.into_owned();
    Some((made.server, own))
}

/// Whether a modern request declares that its client knows tasks.
pub(super) fn declared(body: &[u8]) -> bool {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"][TASKS].is_object()
}

/// The error for a client that wants to hear of tasks and does not declare to know them.
pub(super) fn not_declared() -> Refusal {
    let message = format!("taskIds needs the capability extensions[\"{TASKS}\"] of the client.");
    let data = serde_json::json!({"requiredCapabilities": {"extensions": {TASKS: {}}}});
    Refusal::answer(Era::Modern, code::MISSING_CAPABILITY, message).with_data(data.to_string())
}

/// A request about a task.
struct Task {
    server: Arc<Server>,
    /// The task's id as the server made it.
    own: String,
    /// The request as the server is to see it.
    body: Bytes,
    rules: Rules,
}

async fn task(app: &App, era: Era, asks_back: bool, posted: &Posted<'_>) -> Result<Task, Refusal> {
    let invalid = |message: String| Refusal::answer(era, code::INVALID_PARAMS, message);
    let task = posted.envelope.task_id.as_ref().ok_or_else(|| invalid(MISSING.to_owned()))?;
    let unknown = || invalid(format!("Task not found: {}", task.text));
    let made = untag(&task.raw.bytes).ok_or_else(unknown)?;
    let server = app.registry.get(&made.server).ok_or_else(unknown)?;
    let target = Target::Server(server.name().into());
    let server = resolve::target(&app.registry, era, &posted.caller, &target).await?.server;
    if server.way(era, asks_back) != Some(Way::Direct) {
        let (name, era) = (server.name(), if era == Era::Legacy { "2026-07-28" } else { "2025-11-25" });
        return Err(invalid(format!(
            "Task not found: server {name} is reached with MCP {era}, and a task cannot be carried over from there."
        )));
    }
    let own = unquote(made.raw.as_bytes()).ok_or_else(unknown)?.into_owned();
    let mut splice = Splice::default();
    splice.replace(&task.raw.span, made.raw.as_bytes());
    let rules = resolve::rules(&app.registry, &server);
    splice.restore(&posted.envelope, &rules);
    let body = splice.apply(&posted.body).ok_or_else(unknown)?;
    Ok(Task { server, own, body, rules })
}

const MISSING: &str = "params.taskId has to be there, a string of at most 8 KiB.";

/// `ListTasksResult`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    tasks: Vec<&'a RawValue>,
    #[serde(default)]
    next_cursor: Option<String>,
}

/// One server's page after another: the tasks of every server that lists its own to this session.
async fn list(app: &App, session: &Arc<Session>, posted: &Posted<'_>) -> Result<String, Refusal> {
    let bad = || {
        let message = "params.cursor is not one that the gateway gave for this list.";
        Refusal::answer(Era::Legacy, code::INVALID_PARAMS, message)
    };
    let seen = app.registry.seen_by(Era::Legacy, &posted.caller).await;
    let servers: Vec<_> = seen.servers.iter().filter(|server| lists_tasks(server, session)).collect();
    let (mut at, mut own) = match posted.envelope.cursor.as_deref() {
        None | Some("") => (0, None),
        Some(cursor) => {
            let (name, own) = place(cursor).ok_or_else(bad)?;
            (servers.iter().position(|server| server.name() == name).ok_or_else(bad)?, own)
        }
    };
    let mut page = (String::new(), None);
    for _ in 0..EMPTY_PAGES {
        let Some(server) = servers.get(at) else { break };
        let (tasks, next) = match page_of(app, session, server, own.as_deref()).await {
            Ok(page) => page,
            Err(UpstreamError::Rpc { code: code::INVALID_PARAMS, .. }) if own.is_some() => return Err(bad()),
            Err(error) => {
                tracing::warn!(server = server.name(), %error, "the server's tasks could not be listed");
                (String::new(), None)
            }
        };
        if next.is_none() {
            at += 1;
        }
        own = next;
        page = (tasks, servers.get(at).map(|server| cursor_at(server.name(), own.as_deref())));
        if !page.0.is_empty() {
            break;
        }
    }
    let (tasks, next) = page;
    let next = next.map(|cursor| format!(",\"nextCursor\":{}", quote(&cursor))).unwrap_or_default();
    Ok(format!("{{\"tasks\":[{tasks}]{next}}}"))
}

fn lists_tasks(server: &Server, session: &Session) -> bool {
    server.way(Era::Legacy, session.asks_back()) == Some(Way::Direct)
        && server.spoken(Era::Legacy).is_some_and(|spoken| spoken.capabilities.tasks.is_some_and(|tasks| tasks.list))
}

/// A server's tasks as the client sees them, joined, and its cursor for more.
async fn page_of(
    app: &App,
    session: &Arc<Session>,
    server: &Arc<Server>,
    cursor: Option<&str>,
) -> Result<(String, Option<String>), UpstreamError> {
    let params = cursor.map(|cursor| format!("{{\"cursor\":{}}}", quote(cursor)));
    let refused =
        |refusal: Refusal| UpstreamError::Rpc { code: refusal.code, message: refusal.message.into_owned(), data: None };
    let mut upstream = session.upstream(server).await.map_err(refused)?;
    let mut result = server.client().request(&upstream.leg, "tasks/list", params.as_deref()).await;
    if matches!(result, Err(UpstreamError::SessionLost)) {
        upstream = session.reopen(&upstream).await.map_err(refused)?;
        result = server.client().request(&upstream.leg, "tasks/list", params.as_deref()).await;
    }
    // Edited as the answer that it was taken out of.
    let message = format!("{{\"result\":{}}}", result?.get());
    let edited = answer::edit(message.as_bytes(), &resolve::rules(&app.registry, server));
    let page = edited.strip_prefix(b"{\"result\":").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default();
    let Page { tasks, next_cursor } =
        serde_json::from_slice(page).map_err(|_| UpstreamError::Malformed("a list result without its list"))?;
    Ok((tasks.iter().map(|task| task.get()).collect::<Vec<_>>().join(","), next_cursor))
}

/// The cursor of a place: a server, and its own cursor there.
fn cursor_at(server: &str, own: Option<&str>) -> String {
    BASE64.encode(serde_json::json!(["tasks", server, own]).to_string())
}

fn place(cursor: &str) -> Option<(String, Option<String>)> {
    let json = BASE64.decode(cursor).ok()?;
    let (kind, server, own): (String, String, Option<String>) = serde_json::from_slice(&json).ok()?;
    (kind == "tasks").then_some((server, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_name_the_server_and_its_place() {
        for own in [None, Some("é:\"x")] {
            let cursor = cursor_at("a", own);
            assert_eq!(place(&cursor), Some(("a".to_owned(), own.map(str::to_owned))));
        }
        for junk in ["", "x", "dG9vbHM6NA"] {
            assert_eq!(place(junk), None, "{junk}");
        }
    }
}
