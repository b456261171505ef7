//! HTTP answers to clients.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use protocol::error::Refusal;
use protocol::http::Accepts;
use protocol::jsonrpc::Id;
use protocol::sse;
use std::convert::Infallible;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const SSE: HeaderValue = HeaderValue::from_static("text/event-stream");

/// A message with the status given, as JSON, or as the one event of a stream for a client that reads nothing else.
pub(crate) fn message(status: u16, accepts: Accepts, message: impl Into<Bytes>) -> Response {
    let message = message.into();
    if accepts.json || !accepts.sse {
        return with_body(status, JSON, Body::from(message));
    }
    let event = sse::frame(&String::from_utf8_lossy(&message));
    unbuffered(with_body(status, SSE, Body::from(event)))
}

/// The answer to the request with `id`: `result` is raw JSON. A stream for a client that asks for one first.
pub(crate) fn result(accepts: Accepts, id: &Id, result: &str) -> Response {
    message(200, Accepts { json: accepts.json && !accepts.sse_first, ..accepts }, response(id, result))
}

/// A JSON-RPC response with a raw `result`.
pub(crate) fn response(id: &Id, result: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", id.raw())
}

/// An error, for the request with `id` if that is known.
pub(crate) fn refusal(refusal: &Refusal, id: Option<&Id>, accepts: Accepts) -> Response {
    let mut response = message(refusal.status, accepts, refusal.body(id));
    for (name, value) in
        [(header::ALLOW, refusal.allow.as_deref()), (header::RETRY_AFTER, refusal.retry_after.as_deref())]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// 202: what was sent needs no answer.
pub(crate) fn accepted() -> Response {
    empty(202)
}

/// A status that says it all.
pub(crate) fn empty(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// A stream of events, each sent as soon as it is there.
pub(crate) fn stream(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    use futures::StreamExt as _;
    unbuffered(with_body(200, SSE, Body::from_stream(events.map(Ok::<_, Infallible>))))
}

fn with_body(status: u16, kind: HeaderValue, body: Body) -> Response {
    let mut response = empty(status);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    *response.body_mut() = body;
    response
}

fn unbuffered(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
