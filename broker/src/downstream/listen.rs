//! `subscriptions/listen`: the stream on which modern clients hear of changes.

use super::endpoint::Posted;
use super::scope::Followed;
use super::{App, keepalive, reply, tasks};
use crate::catalog::{Group, Kind};
use crate::resolve;
use crate::upstream::{Changes, Envelope, Leg, Server, Way, gateway_info};
use axum::response::Response;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use protocol::answer;
use protocol::era::{Era, SERVER_INFO};
use protocol::error::{Refusal, code};
use protocol::json::quote;
use protocol::jsonrpc::Id;
use protocol::route::CallKind;
use protocol::sse;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Resources that one subscription may name, and tasks.
const MAX_RESOURCES: usize = 1000;

/// How long servers have to acknowledge; who has not by then grants nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// Between attempts to subscribe again, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
const UPDATED: &str = "notifications/resources/updated";
const TASK: &str = "notifications/tasks";

/// `SubscriptionFilter`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    tools_list_changed: bool,
    prompts_list_changed: bool,
    resources_list_changed: bool,
    resource_subscriptions: Vec<String>,
    task_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Body {
    params: Params,
}

#[derive(Deserialize)]
struct Params {
    notifications: Filter,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    method: String,
    #[serde(borrow, default)]
    params: BTreeMap<String, &'a RawValue>,
}

/// What is wanted of one server, in the form in which it knows it.
#[derive(Default)]
struct Own {
    uris: BTreeSet<String>,
    tasks: BTreeSet<String>,
}

/// What one server granted.
struct Granted {
    server: Arc<Server>,
    own: Own,
    messages: BoxStream<'static, String>,
}

/// Opens the stream: acknowledges what could be granted, then tells of changes until the client goes or the gateway ends.
pub(super) async fn open(app: &Arc<App>, posted: &Posted<'_>, id: &Id) -> Result<Response, Refusal> {
    let invalid = |message: String| Refusal::answer(Era::Modern, code::INVALID_PARAMS, message);
    let Body { params: Params { notifications: filter } } = serde_json::from_slice(&posted.body)
        .map_err(|_| invalid("params.notifications has to be a subscription filter.".to_owned()))?;
    if filter.resource_subscriptions.len() > MAX_RESOURCES {
        return Err(invalid(format!("resourceSubscriptions may name {MAX_RESOURCES} resources at most.")));
    }
    if filter.task_ids.len() > MAX_RESOURCES {
        return Err(invalid(format!("taskIds may name {MAX_RESOURCES} tasks at most.")));
    }
    if !filter.task_ids.is_empty() && !tasks::declared(&posted.body) {
        return Err(tasks::not_declared());
    }
    if !posted.accepts.sse {
        let message = "subscriptions/listen is answered with a stream: Accept has to name text/event-stream.";
        return Err(Refusal::transport(406, code::TRANSPORT, message));
    }
    let granted = subscribe(app, &filter, posted).await;
    let (sender, receiver) = mpsc::channel(16);
    let first = acknowledgement(app, id, &filter, &granted);
    let changes = Changes::new(&app.registry, Era::Modern, posted.caller.clone());
    let told = (changes, posted.scope.clone().follow(app));
    tokio::spawn(pump(Arc::clone(app), id.clone(), filter, told, granted, first, sender));
    Ok(reply::stream(keepalive::with_comments(receiver)))
}

/// Subscribes at the servers that have the resources and tasks; those that do not grant anything are left out.
async fn subscribe(app: &App, filter: &Filter, posted: &Posted<'_>) -> Vec<Granted> {
    let Posted { scope, caller, .. } = posted;
    let mut by_server: BTreeMap<String, (Arc<Server>, Own)> = BTreeMap::new();
    let mut of = |server: Arc<Server>, add: &dyn Fn(&mut Own)| {
        add(&mut by_server.entry(server.name().to_owned()).or_insert_with(|| (server, Own::default())).1);
    };
    for uri in filter.resource_subscriptions.iter().filter(|uri| scope.has(Kind::Resources, uri)) {
        let owner = resolve::owner(&app.registry, Era::Modern, caller, CallKind::Resource, uri).await;
        let Ok(owner) = owner else { continue };
        let own = owner.own_name(uri);
        let server = owner.server;
        let subscribes = server
            .serving(Era::Modern, false)
            .is_some_and(|spoken| spoken.capabilities.resources.is_some_and(|resources| resources.subscribe));
        if !subscribes {
            continue;
        }
        of(server, &|all| _ = all.uris.insert(own.clone()));
    }
    for id in &filter.task_ids {
        let Some((server, own)) = tasks::lookup(app, caller, id) else { continue };
        of(server, &|all| _ = all.tasks.insert(own.clone()));
    }
    let asked = by_server.into_values().map(|(server, own)| async move {
        match timeout(PATIENCE, granted_by(app, &server, &own)).await {
            Ok(granted) => granted,
            Err(_) => {
                tracing::warn!(server = server.name(), "a subscription was not acknowledged in time");
                None
            }
        }
    });
    futures::future::join_all(asked).await.into_iter().flatten().collect()
}

async fn granted_by(app: &App, server: &Arc<Server>, own: &Own) -> Option<Granted> {
    if server.way(Era::Modern, false) == Some(Way::Crossed) {
        let (uris, messages) = app.legacy_servers.subscribe(server, &own.uris).await?;
        let own = Own { uris, ..Own::default() };
        return Some(Granted { server: Arc::clone(server), own, messages });
    }
    // A server tells of tasks only who declares to know them.
    let envelope = if own.tasks.is_empty() { Envelope::gateway() } else { Envelope::with_tasks() };
    let leg = Leg::Modern(envelope);
    let wanted = [("resourceSubscriptions", &own.uris), ("taskIds", &own.tasks)];
    let members = wanted.into_iter().filter(|(_, all)| !all.is_empty()).map(|(name, all)| {
        let all: Vec<_> = all.iter().map(|one| quote(one)).collect();
        format!("\"{name}\":[{}]", all.join(","))
    });
    let filter = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    let mut events = match server.client().subscribe(&leg, &filter).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(server = server.name(), %error, "a subscription was refused");
            return None;
        }
    };
    while let Some(Ok(event)) = events.next().await {
        let Ok(message) = serde_json::from_str::<Message<'_>>(&event.data) else { continue };
        if message.method == ACKNOWLEDGED {
            let filter: Filter = serde_json::from_str(message.params.get("notifications")?.get()).ok()?;
            let both = |wanted: &BTreeSet<String>, granted: &Vec<String>| -> BTreeSet<String> {
                wanted.iter().filter(|one| granted.contains(one)).cloned().collect()
            };
            let own = Own {
                uris: both(&own.uris, &filter.resource_subscriptions),
                tasks: both(&own.tasks, &filter.task_ids),
            };
            let messages = events.scan((), |(), event| std::future::ready(event.ok().map(|event| event.data))).boxed();
            return Some(Granted { server: Arc::clone(server), own, messages });
        }
    }
    None
}

fn acknowledgement(app: &App, id: &Id, filter: &Filter, granted: &[Granted]) -> String {
    let mut members = Vec::new();
    for (name, wanted) in [
        ("toolsListChanged", filter.tools_list_changed),
        ("promptsListChanged", filter.prompts_list_changed),
        ("resourcesListChanged", filter.resources_list_changed),
    ] {
        if wanted {
            members.push(format!("\"{name}\":true"));
        }
    }
    // As the client wrote them, in its order.
    let view = app.registry.view();
    let uris: Vec<_> = filter
        .resource_subscriptions
        .iter()
        .filter(|uri| {
            resolve::lookup(&view, Era::Modern, CallKind::Resource, uri).is_ok_and(|owner| {
                let own = owner.own_name(uri);
                granted.iter().any(|g| g.server.name() == owner.server.name() && g.own.uris.contains(&own))
            })
        })
        .map(|uri| quote(uri))
        .collect();
    if !uris.is_empty() {
        members.push(format!("\"resourceSubscriptions\":[{}]", uris.join(",")));
    }
    let told = |id: &&String| {
        tasks::named(id).is_some_and(|(server, own)| {
            granted.iter().any(|g| g.server.name() == server && g.own.tasks.contains(&own))
        })
    };
    let tasks: Vec<_> = filter.task_ids.iter().filter(told).map(|id| quote(id)).collect();
    if !tasks.is_empty() {
        members.push(format!("\"taskIds\":[{}]", tasks.join(",")));
    }
    notification(id, ACKNOWLEDGED, &format!(",\"notifications\":{{{}}}", members.join(",")))
}

fn notification(id: &Id, method: &str, params: &str) -> String {
    let id = id.raw();
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{{\"_meta\":{{\"{SUBSCRIPTION}\":{id}}}{params}}}}}"
    )
}

async fn pump(
    app: Arc<App>,
    id: Id,
    filter: Filter,
    (mut changes, mut scope): (Changes, Followed),
    granted: Vec<Granted>,
    first: String,
    client: mpsc::Sender<Bytes>,
) {
    let tell = |group: Group| {
        let wanted = match group {
            Group::Tools => filter.tools_list_changed,
            Group::Prompts => filter.prompts_list_changed,
            Group::Resources => filter.resources_list_changed,
        };
        wanted.then(|| notification(&id, group.notification(), ""))
    };
    let mut updates = stream::select_all(granted.into_iter().map(|granted| updates(Arc::clone(&app), granted).boxed()));
    let mut out = vec![first];
    loop {
        for message in out.drain(..) {
            if client.send(sse::frame(&message).into()).await.is_err() {
                return;
            }
        }
        tokio::select! {
            Some((server, data)) = updates.next() => out.extend(updated(&app, &server, &id, &data)),
            changed = changes.next() => {
                let Some(changed) = changed else { break };
                out.extend(changed.into_iter().filter_map(tell));
            }
            groups = scope.changed() => out.extend(groups.into_iter().filter_map(tell)),
            () = app.ending.cancelled() => break,
            () = client.closed() => return,
        }
    }
    let (raw, info) = (id.raw(), gateway_info());
    let meta = format!("{{\"{SUBSCRIPTION}\":{raw},\"{SERVER_INFO}\":{info}}}");
    let result = format!("{{\"resultType\":\"complete\",\"_meta\":{meta}}}");
    let _ = client.send(sse::frame(&reply::response(&id, &result)).into()).await;
}

/// What a server sends, for as long as anybody listens: a subscription that ends is made anew, and every resource of it may
/// have changed meanwhile.
fn updates(app: Arc<App>, granted: Granted) -> impl Stream<Item = (Arc<Server>, String)> + Send {
    let patient = || ExponentialBuilder::default().with_jitter().without_max_times().build();
    stream::unfold(
        (app, granted, patient(), VecDeque::new()),
        move |(app, mut granted, mut pauses, mut missed)| async move {
            loop {
                if let Some(data) = missed.pop_front() {
                    return Some(((Arc::clone(&granted.server), data), (app, granted, pauses, missed)));
                }
                if let Some(message) = granted.messages.next().await {
                    pauses = patient();
                    missed.push_back(message);
                    continue;
                }
                sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
                if let Some(again) = granted_by(&app, &granted.server, &granted.own).await {
                    granted.messages = again.messages;
                    // How a task stands, its client finds out with `tasks/get`, as it does without any notification.
                    missed.extend(granted.own.uris.iter().map(|uri| {
                        let uri = quote(uri);
                        format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{UPDATED}\",\"params\":{{\"uri\":{uri}}}}}")
                    }));
                }
            }
        },
    )
}

/// A server's update of a resource or task, tagged as the client's; anything else that it says is dropped.
fn updated(app: &App, server: &Server, id: &Id, data: &str) -> Option<String> {
    let edited = answer::edit(data.as_bytes(), &resolve::rules(&app.registry, server));
    let mut message: Message<'_> = serde_json::from_slice(&edited).ok()?;
    if ![UPDATED, TASK].contains(&message.method.as_str()) {
        return None;
    }
    let mut meta: BTreeMap<String, &RawValue> =
        message.params.get("_meta").and_then(|meta| serde_json::from_str(meta.get()).ok()).unwrap_or_default();
    let raw_id: &RawValue = serde_json::from_str(id.raw()).ok()?;
    meta.insert(SUBSCRIPTION.to_owned(), raw_id);
    let meta = serde_json::value::to_raw_value(&meta).ok()?;
    message.params.insert("_meta".to_owned(), &meta);
    let params = serde_json::to_string(&message.params).ok()?;
    Some(format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{}\",\"params\":{params}}}", message.method))
}
