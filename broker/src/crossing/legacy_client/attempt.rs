//! One modern request, and what came back.

use super::Crossing;
use crate::bridge::collect;
use crate::upstream::{ANSWER_LIMIT, Envelope, Leg, Reply, UpstreamError};
use axum::http::HeaderMap;
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::http::Media;
use protocol::json::{self, Object, ScanError};
use protocol::sse;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// What a call's stream towards the client takes.
pub(super) type Client = mpsc::Sender<Result<Bytes, UpstreamError>>;

/// Ids of modern requests: none is used twice, by whatever session.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// An id, raw JSON.
pub(super) fn next_id() -> String {
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

/// Sends a modern request with this raw `id` and waits for its response, which is given back whole. What the server tells
/// before goes to the client.
pub(super) async fn attempt(
    crossing: &Crossing,
    id: &str,
    body: String,
    headers: &HeaderMap,
    client: &Client,
) -> Result<String, UpstreamError> {
    let leg = Leg::Modern(Envelope::gateway());
    let reply = crossing.0.server.client().post(&leg, body.into(), headers).await?;
    let (status, media) = (reply.status, reply.media);
    match media {
        Some(Media::Json) => {
            let message = String::from_utf8(collect(reply.body).await?)
                .map_err(|_| UpstreamError::Malformed("text that is not UTF-8"))?;
            if is_response(&message, id, status) {
                return readable(message);
            }
            Err(match status {
                200..300 => UpstreamError::Malformed("no answer to the request, or one with another id"),
                status => UpstreamError::Status(status),
            })
        }
        Some(Media::Sse) => read(crossing, id, reply, client).await,
        None if (200..300).contains(&status) => Err(UpstreamError::Media),
        None => Err(UpstreamError::Status(status)),
    }
}

async fn read(crossing: &Crossing, id: &str, reply: Reply, client: &Client) -> Result<String, UpstreamError> {
    let status = reply.status;
    let mut events = reply.body.events(ANSWER_LIMIT);
    while let Some(event) = events.next().await {
        let data = event?.data;
        if is_response(&data, id, status) {
            return readable(data);
        }
        let Some(message) = Object::read(&data) else { continue };
        let Some(method) = message.text("method") else { continue };
        // Changes are told on subscriptions only, and requests not at all.
        if message.get("id").is_some() || method.ends_with("/list_changed") {
            tracing::debug!(server = crossing.0.server.name(), method, "does not belong into an answer: dropped");
            continue;
        }
        // A client that went away is no reason to stop.
        let _ = client.send(Ok(sse::frame(&data).into())).await;
    }
    Err(if (200..300).contains(&status) { UpstreamError::Closed } else { UpstreamError::Status(status) })
}

/// A response, if the stream to the client can be told that it is one: what is not read there is passed on, and missed.
fn readable(response: String) -> Result<String, UpstreamError> {
    match json::check(response.as_bytes()) {
        Ok(()) => Ok(response),
        Err(ScanError::Depth) => Err(UpstreamError::Malformed("an answer that is nested more than 512 deep")),
        Err(_) => Err(UpstreamError::Malformed("an answer that is no JSON")),
    }
}

/// Whether a message is the response to the request with this raw id; a refusal by status may go without, if it is JSON-RPC's: other
/// JSON has an `error` too.
fn is_response(message: &str, id: &str, status: u16) -> bool {
    let Some(message) = Object::read(message) else { return false };
    let error = message.get("error").and_then(Object::read);
    let same = match message.get("id") {
        Some("null") | None => {
            status >= 400
                && message.text("jsonrpc").as_deref() == Some("2.0")
                && error.as_ref().is_some_and(|error| error.get("code").is_some())
        }
        Some(theirs) => theirs == id,
    };
    same && (message.get("result").is_some() || error.is_some()) && message.get("method").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_id_or_a_status_that_says_why_not() {
        assert!(is_response(r#"{"id":7,"result":{}}"#, "7", 200));
        assert!(is_response(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000}}"#, "7", 400));
        assert!(is_response(r#"{"jsonrpc":"2.0","error":{"code":-32000}}"#, "7", 404));
        for other in [
            r#"{"id":8,"result":{}}"#,
            r#"{"id":null,"error":{}}"#,
            r#"{"id":7}"#,
            "[]",
            r#"{"id":7,"method":"x","result":1}"#,
        ] {
            assert!(!is_response(other, "7", 200), "{other}");
        }
        for other in [
            r#"{"error":"invalid_token"}"#,
            r#"{"error":{"code":"invalid_api_key"}}"#,
            r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#,
            r#"{"id":7,"error":"invalid_token"}"#,
        ] {
            assert!(!is_response(other, "7", 401), "{other}");
        }
    }
}
