//! HTTP+SSE of 2024-11-05, for clients that still speak it: `GET /sse` opens a stream, whose first event names the URL for the
//! client's messages; every answer comes on the stream. The session lasts as long as that.

use super::body::{self, Unread};
use super::endpoint::{FromFilter, Posted, head, unambiguous};
use super::relay::{self, Messages};
use super::scope::Scope;
use super::{App, batch, elsewhere, get, keepalive, legacy, reply};
use crate::caller::Caller;
use crate::peers::Message;
use crate::session::Session;
use crate::upstream::random_id;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::once;
use protocol::era::{Era, Revision};
use protocol::error::{Refusal, code};
use protocol::http::{Accepts, header as names, path};
use protocol::request::{Envelope, MessageKind};
use protocol::route::{Head, Verb, admit, admit_source, no_batches, verify};
use protocol::sse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Events that wait for a client that reads slowly.
const QUEUE: usize = 64;

/// Requests of one client that are under way at once.
const MOST_REQUESTS: usize = 256;

/// The streams that are open, by the name that the client was told.
#[derive(Default)]
pub(crate) struct Connections(Mutex<HashMap<String, Arc<Connection>>>);

/// One client.
struct Connection {
    events: mpsc::Sender<Bytes>,
    /// From `initialize` on.
    session: OnceLock<Arc<Session>>,
    /// Room for further requests.
    room: Arc<Semaphore>,
    /// Cancelled when the stream ends.
    ended: CancellationToken,
}

/// Ends a connection with its stream.
struct Open {
    app: Arc<App>,
    id: String,
    connection: Arc<Connection>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connection.ended.cancel();
        self.app.connections.lock().remove(&self.id);
    }
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /sse`.
pub(super) async fn open(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = connect(&app, &head(&parts));
    app.metrics.count(None, answer.is_err());
    match answer {
        Ok(response) => response,
        Err(refusal) => {
            body::ignore(body).await;
            reply::refusal(&refusal, None, Accepts::BOTH)
        }
    }
}

fn connect(app: &Arc<App>, head: &Head<'_>) -> Result<Response, Refusal> {
    admit_source(head, &app.gateway().access)?;
    if head.method != "GET" {
        let message = "This is the endpoint of HTTP+SSE (2024-11-05), which takes GET; POST goes to /mcp.";
        return Err(Refusal::transport(405, code::TRANSPORT, message).with_allow("GET"));
    }
    if !Accepts::parse(head.accept).sse {
        return Err(Refusal::transport(406, code::TRANSPORT, "Accept has to name text/event-stream."));
    }
    let (sender, receiver) = mpsc::channel(QUEUE);
    let connection = Arc::new(Connection {
        events: sender,
        session: OnceLock::new(),
        room: Arc::new(Semaphore::new(MOST_REQUESTS)),
        ended: app.ending.child_token(),
    });
    let id = random_id();
    let name = app.peers.name(id.clone());
    {
        let mut all = app.connections.lock();
        if all.len() >= app.limits().sessions {
            return Err(Refusal::transport(503, code::TRANSPORT, "limits.sessions is reached: try again later."));
        }
        all.insert(id.clone(), Arc::clone(&connection));
    }
    let endpoint = format!("event: endpoint\ndata: {}?sessionId={name}\n\n", path::SSE_MESSAGE);
    let ended = connection.ended.clone().cancelled_owned();
    let open = Open { app: Arc::clone(app), id, connection };
    let events = once(async { Bytes::from(endpoint) }).chain(keepalive::with_comments(receiver));
    Ok(reply::stream(events.take_until(ended).inspect(move |_| {
        // Dropped with the stream.
        let _ = &open;
    })))
}

/// `POST /sse/message?sessionId=…`.
pub(super) async fn message(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let accepts = Accepts::parse(parts.headers.get("accept").and_then(|value| value.to_str().ok()));
    let taken = take(&app, &parts, body).await;
    let method = taken.as_ref().ok().and_then(|(method, _)| method.as_deref());
    app.metrics.count(method, taken.is_err());
    match taken {
        Ok((_, response)) => response,
        Err(Unread { refusal, id }) => reply::refusal(&refusal, id.as_ref(), accepts),
    }
}

/// Takes a message of a client, which is answered on its stream. Its method, and the answer to the POST.
async fn take(app: &Arc<App>, parts: &Parts, body: Body) -> Result<(Option<String>, Response), Unread> {
    let head = head(parts);
    let (home, connection) = match admitted(app, parts, &head) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            body::ignore(body).await;
            return Err(Unread { refusal, id: None });
        }
    };
    let (body, envelope) = body::read(body, app.gateway().limits.held_body_bytes as usize).await?;
    let id = envelope.id.clone();
    let method = envelope.method.clone();
    let answer = match connection {
        Some(connection) => {
            accept(app, &connection, &head, parts.headers.clone(), envelope, body).map(|()| reply::accepted())
        }
        None => {
            let message =
                Message { path: &parts.uri.to_string(), ..Message::bare(Method::POST, &parts.headers, false) };
            let passed = elsewhere::at(app, Era::Legacy, home, Message { body, ..message }).await;
            passed.unwrap_or_else(|| Err(Refusal::unknown_session()))
        }
    };
    answer.map(|answer| (method, answer)).map_err(|refusal| Unread { refusal, id })
}

/// The stream that a message belongs to, and the replica that has it.
type Found = (Option<SocketAddr>, Option<Arc<Connection>>);

fn admitted(app: &App, parts: &Parts, head: &Head<'_>) -> Result<Found, Refusal> {
    unambiguous(&parts.headers)?;
    let admitted = admit(head, &app.gateway().access)?;
    if admitted.verb != Verb::Post {
        let message = "Messages of a client of HTTP+SSE (2024-11-05) are posted.";
        return Err(Refusal::transport(405, code::TRANSPORT, message).with_allow("POST"));
    }
    if admitted.era == Era::Modern {
        let message = "HTTP+SSE has revisions up to 2025-11-25 only: newer ones are spoken at /mcp.";
        return Err(Refusal::transport(400, code::TRANSPORT, message));
    }
    let query = parts.uri.query().unwrap_or_default();
    let name = query.split('&').find_map(|pair| pair.strip_prefix("sessionId=")).unwrap_or_default();
    let (home, id) = app.peers.named(name).ok_or_else(Refusal::unknown_session)?;
    Ok((home, app.connections.lock().get(&id).cloned()))
}

fn accept(
    app: &Arc<App>,
    connection: &Arc<Connection>,
    head: &Head<'_>,
    headers: HeaderMap,
    envelope: Envelope,
    body: Bytes,
) -> Result<(), Refusal> {
    let bad = |message: &'static str| Refusal::transport(400, code::INVALID_REQUEST, message);
    let kind = if envelope.batch { MessageKind::Request } else { verify(Era::Legacy, head, &envelope)? };
    let initializes = kind == MessageKind::Request && envelope.method.as_deref() == Some("initialize");
    let session = connection.session.get().cloned();
    if initializes == session.is_some() {
        return Err(bad(if initializes { "The session is initialized already." } else { "Send initialize first." }));
    }
    if envelope.batch && session.as_ref().is_some_and(|session| session.revision != Revision::V2025_03_26) {
        return Err(no_batches());
    }
    // Answers and notifications have to come through however much is under way.
    let room = (kind == MessageKind::Request)
        .then(|| Arc::clone(&connection.room).try_acquire_owned())
        .transpose()
        .map_err(|_| Refusal::transport(503, code::TRANSPORT, "Too many requests are under way: wait for answers."))?;
    let scope = Scope::of(app, Era::Legacy, &headers)?;
    let caller = Caller::of(&app.gateway(), &headers)?;
    if session.as_ref().is_some_and(|session| !session.is_of(&caller)) {
        return Err(Refusal::unknown_session());
    }
    let (app, connection) = (Arc::clone(app), Arc::clone(connection));
    tokio::spawn(async move {
        let (head, accepts, filter) = (Head::default(), Accepts::BOTH, FromFilter::default());
        let posted = Posted { head, headers: &headers, accepts, resumes: false, envelope, body, filter, scope, caller };
        let answering = async {
            let messages = match &session {
                Some(session) if posted.envelope.batch => {
                    Messages::from(batch::post(&app, session, &posted).await, &posted)
                }
                Some(session) => relay::answer(&app, session, &posted).await,
                None => Messages::from(initialize(&app, &connection, &posted).await, &posted),
            };
            connection.send(messages).await;
        };
        tokio::select! {
            () = answering => {}
            () = connection.ended.cancelled() => {}
        }
        drop(room);
    });
    Ok(())
}

/// Opens the session of a connection.
async fn initialize(app: &Arc<App>, connection: &Arc<Connection>, posted: &Posted<'_>) -> Result<Response, Refusal> {
    let response = legacy::initialize(app, posted).await?;
    let id = response.headers().get(names::SESSION_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let session = app.sessions.find(id, &posted.caller, &app.limits()).await?;
    if connection.session.set(Arc::clone(&session)).is_err() {
        app.sessions.end(&session, &app.limits()).await;
        let message = "The session is initialized already.";
        return Err(Refusal::transport(400, code::INVALID_REQUEST, message));
    }
    let (app, connection, caller) = (Arc::clone(app), Arc::clone(connection), posted.caller.clone());
    let (reading, scope) = (session.streams.open(), posted.scope.clone());
    tokio::spawn(async move {
        let own = get::events(&app, Arc::clone(&session), caller, reading, scope);
        tokio::pin!(own);
        while let Some(Some(event)) = connection.ended.run_until_cancelled(own.next()).await {
            if connection.events.send(event).await.is_err() {
                break;
            }
        }
        // Whichever of the two ended, the other one ends too.
        app.sessions.end(&session, &app.limits()).await;
        connection.ended.cancel();
    });
    Ok(response)
}

impl Connection {
    async fn send(&self, mut messages: Messages) {
        while let Some(message) = messages.next().await {
            if self.events.send(sse::frame(&message).into()).await.is_err() {
                return;
            }
        }
    }
}
