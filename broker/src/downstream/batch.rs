//! Batches, which only 2025-03-26 has (*Transports*, *Sending Messages to the Server*; *Messages*, *Batching*).

use super::endpoint::{FromFilter, Posted};
use super::relay::{self, Messages};
use super::scope::Scope;
use super::{App, keepalive, reply};
use crate::caller::Caller;
use crate::session::Session;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use protocol::era::{Era, Revision};
use protocol::error::{Refusal, code};
use protocol::http::Accepts;
use protocol::request;
use protocol::route::{Head, no_batches};
use protocol::sse;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Messages in a batch at most.
const LONGEST: usize = 100;

/// Most bytes of all answers, where they are collected.
const ANSWERS_LIMIT: usize = 64 << 20;

/// Messages that wait for a client that reads slowly.
const QUEUE: usize = 16;

/// What comes of the messages of a batch.
enum Piece {
    /// One of them is answered with a stream.
    Stream,
    /// A message, and the place in the batch of what it belongs to.
    Message(usize, String),
}

/// Answers every message of a batch: in one array, or in a stream if one of them is answered with a stream.
pub(super) async fn post(app: &Arc<App>, session: &Arc<Session>, posted: &Posted<'_>) -> Result<Response, Refusal> {
    let bad = |message: &'static str| Refusal::transport(400, code::INVALID_REQUEST, message);
    if session.revision != Revision::V2025_03_26 {
        return Err(no_batches());
    }
    let items: Vec<&RawValue> = serde_json::from_slice(&posted.body).map_err(|_| bad("The batch cannot be read."))?;
    if items.is_empty() || items.len() > LONGEST {
        return Err(bad("A batch has 1 to 100 messages."));
    }
    let (sender, mut pieces) = mpsc::channel(QUEUE);
    for (place, item) in items.into_iter().enumerate() {
        let (app, session, sender) = (Arc::clone(app), Arc::clone(session), sender.clone());
        let (headers, accepts) = (posted.headers.clone(), posted.accepts);
        let body = Bytes::copy_from_slice(item.get().as_bytes());
        tokio::spawn(async move { one(&app, &session, headers, accepts, body, place, sender).await });
    }
    drop(sender);
    let mut answers = Vec::new();
    let mut size = 0;
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Message(place, message) => {
                size += message.len();
                answers.push((place, message));
            }
            Piece::Stream => return Ok(stream(answers, pieces)),
        }
        if size > ANSWERS_LIMIT {
            let message = "The answers to the batch are too large together: send its messages on their own.";
            return Err(Refusal::answer(Era::Legacy, code::INTERNAL, message));
        }
    }
    if answers.is_empty() {
        return Ok(reply::accepted());
    }
    answers.sort_by_key(|(place, _)| *place);
    let answers: Vec<String> = answers.into_iter().map(|(_, message)| message).collect();
    Ok(reply::message(200, posted.accepts, format!("[{}]", answers.join(","))))
}

/// Runs one message.
async fn one(
    app: &Arc<App>,
    session: &Arc<Session>,
    headers: HeaderMap,
    accepts: Accepts,
    body: Bytes,
    place: usize,
    out: mpsc::Sender<Piece>,
) {
    let mut messages = match request::read(&body) {
        Err(refusal) => Messages::one(refusal.body(None)),
        Ok(envelope) if envelope.method.as_deref() == Some("initialize") => {
            let message = "initialize cannot be part of a batch.";
            Messages::one(Refusal::transport(400, code::INVALID_REQUEST, message).body(envelope.id.as_ref()))
        }
        // The batch has been admitted, and nothing in the headers is about one message of it.
        Ok(envelope) if !envelope.batch => {
            let (head, filter) = (Head::default(), FromFilter::default());
            let scope = Scope::of(app, Era::Legacy, &headers);
            match scope.and_then(|scope| Ok((scope, Caller::of(&app.gateway(), &headers)?))) {
                Ok((scope, caller)) => {
                    let resumes = false;
                    let posted =
                        Posted { head, headers: &headers, accepts, resumes, envelope, body, filter, scope, caller };
                    relay::answer(app, session, &posted).await
                }
                Err(refusal) => Messages::one(refusal.body(envelope.id.as_ref())),
            }
        }
        Ok(_) => {
            let message = "A batch cannot be part of a batch.";
            Messages::one(Refusal::transport(400, code::INVALID_REQUEST, message).body(None))
        }
    };
    if messages.is_stream() && out.send(Piece::Stream).await.is_err() {
        return;
    }
    while let Some(message) = messages.next().await {
        if out.send(Piece::Message(place, message)).await.is_err() {
            return;
        }
    }
}

/// What has come, and what comes from now on, as events.
fn stream(first: Vec<(usize, String)>, mut pieces: mpsc::Receiver<Piece>) -> Response {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        for (_, message) in first {
            if sender.send(Bytes::from(sse::frame(&message))).await.is_err() {
                return;
            }
        }
        while let Some(piece) = pieces.recv().await {
            if let Piece::Message(_, message) = piece
                && sender.send(sse::frame(&message).into()).await.is_err()
            {
                return;
            }
        }
    });
    reply::stream(keepalive::with_comments(receiver))
}
