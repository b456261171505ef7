//! The way up of a connection: what a server is sent.

use crate::upstream::error::UpstreamError;
use crate::upstream::leg::Leg;
use crate::upstream::transport::http::Http;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// Answers of the gateway's own that may be on their way at once.
const OWN_AT_ONCE: usize = 16;

/// Where an HTTP+SSE server takes messages.
#[derive(Debug)]
pub(in super::super) struct Endpoint {
    http: Http,
    url: Url,
    own: Arc<Semaphore>,
}

/// Where messages for a server go.
#[derive(Debug, Clone)]
pub(in super::super) enum Link {
    /// Lines on its standard input.
    Pipe(mpsc::Sender<Bytes>),
    /// Requests to the endpoint that it named.
    Endpoint(Arc<Endpoint>),
}

impl Link {
    /// The endpoint that an HTTP+SSE server named.
    pub(in super::super) fn endpoint(http: Http, url: Url) -> Self {
        Self::Endpoint(Arc::new(Endpoint { http, url, own: Arc::new(Semaphore::new(OWN_AT_ONCE)) }))
    }

    /// Sends a message. What is returned is the status that the server took it with.
    pub(super) async fn send(
        &self,
        message: Bytes,
        leg: Option<&Leg>,
        extra: &HeaderMap,
    ) -> Result<u16, UpstreamError> {
        match self {
            Self::Pipe(lines) => lines.send(message).await.map(|()| 202).map_err(|_| UpstreamError::Closed),
            Self::Endpoint(endpoint) => {
                let leg = leg.map(without_session);
                let (http, url) = (&endpoint.http, endpoint.url.clone());
                let reply = http.send_to(url, Method::POST, leg.as_ref(), Some(message), extra).await?;
                Ok(reply.status)
            }
        }
    }

    /// Sends a message of the gateway's own without waiting. A server that takes nothing in gets no answer.
    pub(super) fn send_own(&self, message: Bytes) {
        match self {
            Self::Pipe(lines) => _ = lines.try_send(message),
            Self::Endpoint(endpoint) => {
                let Ok(permit) = Arc::clone(&endpoint.own).try_acquire_owned() else { return };
                let link = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = link.send(message, None, &HeaderMap::new()).await {
                        tracing::debug!(%error, "a message of the gateway's own could not be sent");
                    }
                    drop(permit);
                });
            }
        }
    }
}

/// The session's id is the gateway's own: the endpoint names the session.
fn without_session(leg: &Leg) -> Leg {
    let mut leg = leg.clone();
    if let Leg::Legacy(session) = &mut leg {
        session.id = None;
    }
    leg
}
