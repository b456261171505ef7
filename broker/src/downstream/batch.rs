//! Batches, which only 2025-03-26 has.

use super::endpoint::{FromFilter, Posted};
use super::{App, legacy, reply};
use crate::session::Session;
use axum::response::Response;
use bytes::Bytes;
use protocol::era::{Era, Revision};
use protocol::error::{Refusal, code};
use protocol::http::Accepts;
use protocol::request;
use protocol::route::{no_batches, verify};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Messages in a batch at most.
const LONGEST: usize = 100;

/// Most bytes of the answer to one message of a batch.
const ANSWER_LIMIT: usize = 64 << 20;

/// Answers every message of a batch, in one array. Nothing that a server asks meanwhile can reach the client.
pub(super) async fn post(app: &Arc<App>, session: &Arc<Session>, posted: &Posted<'_>) -> Result<Response, Refusal> {
    let bad = |message: &'static str| Refusal::transport(400, code::INVALID_REQUEST, message);
    if session.revision != Revision::V2025_03_26 {
        return Err(no_batches());
    }
    let items: Vec<&RawValue> = serde_json::from_slice(&posted.body).map_err(|_| bad("The batch cannot be read."))?;
    if items.is_empty() || items.len() > LONGEST {
        return Err(bad("A batch has 1 to 100 messages."));
    }
    let answers = items.iter().map(|item| one(app, session, posted, item.get()));
    let answers: Vec<String> = futures::future::join_all(answers).await.into_iter().flatten().collect();
    if answers.is_empty() {
        return Ok(reply::accepted());
    }
    Ok(reply::message(200, posted.accepts, format!("[{}]", answers.join(","))))
}

/// The response to one message, if it gets one.
async fn one(app: &Arc<App>, session: &Arc<Session>, posted: &Posted<'_>, item: &str) -> Option<String> {
    let body = Bytes::copy_from_slice(item.as_bytes());
    let envelope = match request::read(&body) {
        Ok(envelope) => envelope,
        Err(refusal) => return Some(refusal.body(None)),
    };
    let accepts = Accepts { json: true, sse: false, sse_first: false };
    let item =
        Posted { head: posted.head, headers: posted.headers, accepts, envelope, body, filter: FromFilter::default() };
    let answer = async {
        let kind = verify(Era::Legacy, &item.head, &item.envelope)?;
        if item.envelope.method.as_deref() == Some("initialize") {
            let message = "initialize cannot be part of a batch.";
            return Err(Refusal::transport(400, code::INVALID_REQUEST, message));
        }
        legacy::message(app, session, &item, kind).await
    };
    let response = match answer.await {
        Ok(response) => response,
        Err(refusal) => return Some(refusal.body(item.id())),
    };
    let body = axum::body::to_bytes(response.into_body(), ANSWER_LIMIT).await.ok()?;
    Some(String::from_utf8_lossy(&body).into_owned()).filter(|text| !text.is_empty())
}
