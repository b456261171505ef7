//! HTTP+SSE of 2024-11-05.

use super::*;
use crate::support::rig;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap as Headers, StatusCode};
use axum::response::Response;
use axum::routing::{get, post as on_post};
use broker::status::State as ServerState;
use protocol::era::Era;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

/// `server.py` behind `/sse` and `/message/N`, one process a connection.
pub(super) struct SseServer {
    addr: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

type Input = Arc<tokio::sync::Mutex<ChildStdin>>;

#[derive(Default)]
struct Shared {
    flags: Vec<String>,
    endpoint: Mutex<Option<String>>,
    connections: Mutex<HashMap<usize, (Child, Input)>>,
    seen: Mutex<Vec<Headers>>,
}

impl Drop for SseServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl SseServer {
    pub(super) async fn start(flags: &[&str]) -> Self {
        let shared = Arc::new(Shared { flags: flags.iter().map(|f| (*f).to_owned()).collect(), ..Shared::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/sse", get(connect))
            .route("/message/{n}", on_post(message))
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, shared, serving }
    }

    pub(super) fn config(&self) -> Server {
        let headers = BTreeMap::from([("authorization".to_owned(), "Bearer secret".to_owned())]);
        Server { headers, transport: Transport::Sse, ..at(&format!("http://{}/sse", self.addr)) }
    }

    /// Breaks all connections.
    fn hang_up(&self) {
        self.shared.connections.lock().unwrap().clear();
    }
}

async fn connect(State(shared): State<Arc<Shared>>, headers: Headers) -> Response {
    shared.seen.lock().unwrap().push(headers);
    let mut command = Command::new("python3");
    command.arg(script()).args(&shared.flags).kill_on_drop(true);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let number = child.id().unwrap() as usize;
    shared.connections.lock().unwrap().insert(number, (child, Arc::new(tokio::sync::Mutex::new(stdin))));
    let endpoint = shared.endpoint.lock().unwrap().clone().unwrap_or_else(|| format!("/message/{number}"));
    let first = format!(": hello\r\n\r\nevent: endpoint\r\ndata: {endpoint}\r\n\r\n");
    let lines = futures::stream::unfold(BufReader::new(stdout).lines(), |mut lines| async move {
        let line = lines.next_line().await.ok()??;
        Some((format!("event: message\ndata: {line}\n\n"), lines))
    });
    let body = futures::stream::iter([first]).chain(lines).map(Ok::<_, std::convert::Infallible>);
    Response::builder()
        .header("content-type", "text/event-stream; charset=utf-8")
        .body(Body::from_stream(body))
        .unwrap()
}

async fn message(
    State(shared): State<Arc<Shared>>,
    Path(number): Path<usize>,
    headers: Headers,
    body: Bytes,
) -> (StatusCode, &'static str) {
    shared.seen.lock().unwrap().push(headers);
    let stdin = shared.connections.lock().unwrap().get(&number).map(|(_, stdin)| Arc::clone(stdin));
    let Some(stdin) = stdin else { return (StatusCode::NOT_FOUND, "Could not find session") };
    let mut stdin = stdin.lock().await;
    stdin.write_all(&[&body[..], b"\n"].concat()).await.unwrap();
    stdin.flush().await.unwrap();
    (StatusCode::ACCEPTED, "Accepted")
}

#[tokio::test]
async fn it_is_found_out_and_known_again() {
    let server = SseServer::start(&[]).await;
    let rig = rig(vec![Server { transport: Transport::Auto, ..server.config() }]);
    let view = rig.sees_tools(Era::Legacy, &["s_echo0"]).await;
    let client = view.servers[0].client().clone();
    assert!(!client.is_streamable_http());
    // A change is told on the connection of the broker's own session, so it has to be that one's.
    server.hang_up();
    rig.is("s", ServerState::Ready).await;
    until("there is a connection again", async || {
        (!server.shared.connections.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    let seen = server.shared.seen.lock().unwrap().clone();
    assert!(seen.iter().all(|headers| headers["authorization"] == "Bearer secret"));
    assert!(seen.iter().all(|headers| !headers.contains_key("mcp-session-id")));
    rig.registry.shutdown().await;
}

#[tokio::test]
async fn a_session_lives_as_long_as_its_connection() {
    let server = SseServer::start(&[]).await;
    let client = Client::new(&server.config()).unwrap();
    let leg = open(&client, json!({})).await.unwrap();
    let mut listening = client.listen(&leg).await.unwrap().unwrap();
    let held = post(&client, &leg, &call_of("1", "hold", "")).await.unwrap();
    server.hang_up();
    let ended: Vec<_> = held.body.events(1000).collect().await;
    assert!(matches!(&ended[..], [Err(UpstreamError::Closed)]), "{ended:?}");
    assert!(listening.next().await.is_none());
    assert_eq!(client.request(&leg, "ping", None).await.unwrap_err(), UpstreamError::SessionLost);

    let leg = open(&client, json!({})).await.unwrap();
    let pid = text_of(&client, &leg, "pid").await;
    let Leg::Legacy(session) = &leg else { panic!() };
    client.end_session(session).await;
    // Its connection is closed, which this server notices when it writes.
    assert_eq!(client.request(&leg, "ping", None).await.unwrap_err(), UpstreamError::SessionLost);
    assert!(!pid.is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_an_endpoint_is_told_by_whoever_found_out_the_transport() {
    let server = SseServer::start(&[]).await;
    *server.shared.endpoint.lock().unwrap() = Some("http://localhost:1/message/1".to_owned());
    let rig = rig(vec![Server { transport: Transport::Auto, ..server.config() }]);
    let status = rig.is("s", ServerState::Down).await;
    let why = status.error.unwrap_or_default();
    assert!(why.contains("an endpoint event that leads to another host"), "{why}");
    rig.registry.shutdown().await;
}

#[tokio::test]
async fn an_endpoint_on_another_host_gets_no_credentials() {
    let server = SseServer::start(&[]).await;
    let other = SseServer::start(&[]).await;
    *server.shared.endpoint.lock().unwrap() = Some(format!("http://{}/message/1", other.addr));
    let client = Client::new(&server.config()).unwrap();
    let error = open(&client, json!({})).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Malformed(_)), "{error:?}");
    assert!(other.shared.seen.lock().unwrap().is_empty());
    // The whole URL of its own is as good as the path.
    *server.shared.endpoint.lock().unwrap() = Some(format!("http://{}/message/nobody", server.addr));
    let error = open(&client, json!({})).await.unwrap_err();
    assert_eq!(error, UpstreamError::Status(400));
}
