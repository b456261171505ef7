//! An MCP server that answers calls at once and keeps nothing.

use crate::{Failure, call};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::BytesMut;
use futures::StreamExt;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Where bodies are read as fast as they come.
pub(crate) const FAST_PATH: &str = "/mcp";
/// Where bodies are read at [`SLOW_BYTES_PER_MS`].
pub(crate) const SLOW_PATH: &str = "/slow";
const SLOW_BYTES_PER_MS: u64 = 20 << 10;

const SESSION: &str = "mcp-session-id";

/// A running server. It ends when this is dropped.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy)]
enum Pace {
    Fast,
    Slow,
}

impl Backend {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let unbound = |error| format!("error: the server of the benchmark cannot listen: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let method = || post(serve).delete(async || StatusCode::NO_CONTENT);
        let router = Router::new()
            .route(FAST_PATH, method().with_state(Pace::Fast))
            .route(SLOW_PATH, method().with_state(Pace::Slow));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                crate::console::complain(&format!("the server of the benchmark ended: {error}"));
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(pace): State<Pace>, body: Body) -> Response {
    let mut chunks = body.into_data_stream();
    let mut start = BytesMut::new();
    while start.len() < call::RECOGNISABLE {
        match chunks.next().await {
            Some(Ok(chunk)) => start.extend_from_slice(&chunk),
            Some(Err(_)) => return StatusCode::BAD_REQUEST.into_response(),
            None => break,
        }
    }
    let id = call::id_of(&start);
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return StatusCode::BAD_REQUEST.into_response() };
        if id.is_none() {
            start.extend_from_slice(&chunk);
        } else if matches!(pace, Pace::Slow) {
            tokio::time::sleep(pause(&chunk)).await;
        }
    }
    match id {
        Some(id) => json_response(call::answer(id)),
        None => answer_other(&start),
    }
}

fn pause(chunk: &Bytes) -> Duration {
    let micros = u64::try_from(chunk.len()).unwrap_or(u64::MAX).saturating_mul(1000) / SLOW_BYTES_PER_MS;
    Duration::from_micros(micros)
}

/// What the broker asks: the handshake and the list of tools.
fn answer_other(body: &[u8]) -> Response {
    let Ok(message) = serde_json::from_slice::<Value>(body) else { return StatusCode::BAD_REQUEST.into_response() };
    if message.get("id").is_none() {
        return StatusCode::ACCEPTED.into_response();
    }
    let result = match message["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "bench", "version": "1" },
        }),
        Some("tools/list") => json!({ "tools": [{ "name": call::TOOL, "inputSchema": { "type": "object" } }] }),
        Some("ping") => json!({}),
        _ => {
            let error = json!({ "code": -32601, "message": "unknown method" });
            return json_response(json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }).to_string());
        }
    };
    let mut response = json_response(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string());
    if message["method"] == "initialize" {
        response.headers_mut().insert(SESSION, header::HeaderValue::from_static("bench"));
    }
    response
}

fn json_response(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
