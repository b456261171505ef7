//! The transport HTTP+SSE of 2024-11-05: a GET is a session, whose first event names the URL to post messages to.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{Stream, StreamExt};
use rmcp::ServiceExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex},
    sync::Mutex as AsyncMutex,
};
use tokio_util::sync::CancellationToken;

use super::{ClassicServer, ENDPOINT};

/// Bytes that wait for the other side.
const BUFFER: usize = 64 << 10;

#[derive(Clone)]
struct Sessions {
    server: ClassicServer,
    ended: CancellationToken,
    open: Arc<Mutex<HashMap<String, Input>>>,
}

/// Where the messages of one session's client go.
type Input = Arc<AsyncMutex<DuplexStream>>;

/// The two routes of the transport. `ended` closes all streams.
pub(super) fn router(server: ClassicServer, ended: CancellationToken) -> Router {
    let sessions = Sessions { server, ended, open: Arc::default() };
    Router::new().route(ENDPOINT, get(connect)).route("/message/{session}", post(message)).with_state(sessions)
}

/// Web pages have no business here; without this check they could reach a server of this machine (DNS rebinding).
fn is_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
}

async fn connect(State(sessions): State<Sessions>, headers: HeaderMap) -> Response {
    if is_page(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let id = format!("{:032x}", rand::random::<u128>());
    let (input, server_input) = duplex(BUFFER);
    let (server_output, output) = duplex(BUFFER);
    sessions.lock().insert(id.clone(), Arc::new(AsyncMutex::new(input)));
    let server = sessions.server.clone();
    tokio::spawn(async move {
        // It ends with the stream, of whose fate the client knows.
        if let Ok(running) = server.serve((server_input, server_output)).await {
            let _ = running.waiting().await;
        }
    });
    let endpoint = format!("event: endpoint\ndata: /message/{id}\n\n");
    let messages = futures::stream::unfold(BufReader::new(output).lines(), |mut lines| async move {
        let line = lines.next_line().await.ok()??;
        Some((format!("event: message\ndata: {line}\n\n"), lines))
    });
    let ended = sessions.ended.clone();
    let events = futures::stream::iter([endpoint]).chain(messages).map(Ok::<_, Infallible>);
    let events = events.take_until(async move { ended.cancelled().await });
    let stream = Session { events: Box::pin(events), id, sessions };
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(stream)).into_response()
}

async fn message(
    State(sessions): State<Sessions>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    if is_page(&headers) {
        return (StatusCode::FORBIDDEN, "web pages are not served");
    }
    let Some(input) = sessions.lock().get(&id).cloned() else {
        return (StatusCode::NOT_FOUND, "there is no such session");
    };
    // A message is a line; line ends in JSON are white space.
    let mut line: Vec<u8> = body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
    line.push(b'\n');
    match input.lock().await.write_all(&line).await {
        Ok(()) => (StatusCode::ACCEPTED, "accepted"),
        Err(_) => (StatusCode::NOT_FOUND, "the session has ended"),
    }
}

impl Sessions {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Input>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of a session, which ends with it.
struct Session<S> {
    events: Pin<Box<S>>,
    id: String,
    sessions: Sessions,
}

impl<S: Stream> Stream for Session<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(context)
    }
}

impl<S> Drop for Session<S> {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.id);
    }
}
