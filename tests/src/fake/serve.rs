//! A server's HTTP.

use super::{Exchange, Fake, Recorded};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

/// Connections that may wait to be accepted: thousands come at once.
const BACKLOG: u32 = 4096;

/// Bytes of a body that are read while the server does not read on.
const FIRST: usize = 64 << 10;

pub(super) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("starting a runtime")
}

pub(super) fn bind(runtime: &Runtime, address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let _context = runtime.enter();
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

pub(super) fn serve(runtime: &Runtime, listener: TcpListener, fake: Fake) {
    let identity = fake.inner.identity.clone();
    let app = Router::new().fallback(handle).with_state(fake);
    runtime.spawn(async move {
        match identity {
            Some(identity) => axum::serve(identity.listen(listener), app).await,
            None => axum::serve(listener, app).await,
        }
    });
}

async fn handle(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(body) = fake.read_body(body).await else { return status(400) };
    let recorded = Recorded::new(&parts, body);
    fake.state().seen.push(recorded.clone());
    if fake.is_unauthorized(&recorded) {
        let mut response = answer(401, "text/plain", Body::from("who are you?"));
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fake\""));
        return response;
    }
    match recorded.verb.as_str() {
        "POST" => fake.post(recorded).await,
        "GET" => fake.get(&recorded),
        "DELETE" => fake.delete(&recorded),
        _ => status(405),
    }
}

/// Counts a body that is not read to its end.
struct Cut<'a>(&'a Fake);

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        self.0.state().cut += 1;
    }
}

impl Fake {
    async fn read_body(&self, body: Body) -> Option<Bytes> {
        let mut all = BytesMut::new();
        let mut chunks = body.into_data_stream();
        let mut reads_on = self.inner.reads_on.subscribe();
        // Dropped with the connection, or after an error.
        let cut = Cut(self);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.ok()?;
            self.state().read += chunk.len();
            all.extend_from_slice(&chunk);
            if all.len() >= FIRST {
                reads_on.wait_for(|on| *on).await.ok()?;
            }
        }
        std::mem::forget(cut);
        Some(all.freeze())
    }

    async fn post(self, request: Recorded) -> Response {
        let plan = &self.inner.plan;
        let method = request.method.as_deref().unwrap_or_default();
        if plan.modern != request.modern {
            let code = if plan.modern { -32022 } else { -32000 };
            return error(400, &request, code, "Unsupported");
        }
        if method == "initialize" {
            return self.initialize(&request);
        }
        if let Some(refused) = self.refused(&request) {
            return refused;
        }
        if request.id.is_none() || request.method.is_none() {
            return status(202);
        }
        if let Some(result) = self.general(&request).or_else(|| self.own_answer(&request)) {
            let message = json!({ "jsonrpc": "2.0", "result": result }).to_string();
            let id = request.id.as_deref().unwrap_or("null");
            return json_answer(200, message.replacen('{', &format!("{{\"id\":{id},"), 1));
        }
        let target = request.target.clone().unwrap_or_default();
        let handler = plan.handlers.iter().find(|((m, name), _)| *m == method && *name == target);
        let Some((_, handler)) = handler else { return error(200, &request, -32602, "The server does not know this") };
        let (reply, answer) = oneshot::channel();
        tokio::spawn(handler(Exchange { request, server: self.clone(), reply }));
        match answer.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }

    fn initialize(&self, request: &Recorded) -> Response {
        let Some(result) = self.general(request) else { return status(400) };
        let id = request.id.as_deref().unwrap_or("null");
        let mut response = json_answer(200, format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}"));
        if self.inner.plan.sessions {
            let mut state = self.state();
            state.opened += 1;
            let session = format!("session-{}", state.opened);
            if let Ok(value) = HeaderValue::from_str(&session) {
                response.headers_mut().insert(HeaderName::from_static("mcp-session-id"), value);
            }
            state.sessions.insert(session, None);
        }
        response
    }

    /// The refusal of a request outside a session.
    fn refused(&self, request: &Recorded) -> Option<Response> {
        let plan = &self.inner.plan;
        let known = !plan.sessions || self.state().sessions.contains_key(request.session());
        (!known).then(|| error(plan.lost, request, -32001, "Session not found"))
    }

    fn get(&self, request: &Recorded) -> Response {
        if !self.inner.plan.sessions {
            return status(405);
        }
        if let Some(refused) = self.refused(request) {
            return refused;
        }
        if self.state().has_reader() {
            return error(409, request, -32000, "Conflict");
        }
        let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
        // The head goes out with the first bytes.
        let _ = sender.send(Bytes::from_static(b": open\n\n"));
        self.state().sessions.insert(request.session().to_owned(), Some(sender));
        let events = futures::stream::unfold(receiver, async |mut receiver| {
            Some((Ok::<_, Infallible>(receiver.recv().await?), receiver))
        });
        answer(200, "text/event-stream", Body::from_stream(events))
    }

    fn delete(&self, request: &Recorded) -> Response {
        if let Some(refused) = self.refused(request) {
            return refused;
        }
        let mut state = self.state();
        state.sessions.remove(request.session());
        state.ended.push(request.session().to_owned());
        status(200)
    }
}

fn status(status: u16) -> Response {
    answer(status, "text/plain", Body::empty())
}

fn error(status: u16, request: &Recorded, code: i64, message: &str) -> Response {
    let id = request.id.as_deref().unwrap_or("null");
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#);
    json_answer(status, body)
}

fn json_answer(status: u16, body: String) -> Response {
    answer(status, "application/json", Body::from(body))
}

fn answer(status: u16, media: &str, body: Body) -> Response {
    let response = Response::builder().status(status).header("content-type", media).body(body);
    response.expect("the answer is well-formed")
}
