//! HTTP+SSE (2024-11-05): a GET opens the session, on which everything comes; messages are posted to the endpoint that its first
//! event names.

use super::Exchange;
use super::http::Http;
use super::mux::{Link, Mux, ToServer};
use crate::upstream::error::UpstreamError;
use crate::upstream::ids::random_id;
use crate::upstream::leg::{Leg, LegacySession};
use crate::upstream::reply::{ANSWER_LIMIT, EventStream, Reply};
use futures::StreamExt as _;
use protocol::http::Media;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::task::AbortOnDropHandle;

/// The only session of a connection.
const SESSION: u64 = 1;

/// A server's URL.
#[derive(Debug)]
pub(super) struct Sse {
    http: Http,
    server: String,
    sessions: Sessions,
}

/// Open connections by the ids that the rest of the broker knows them by.
type Sessions = Arc<Mutex<HashMap<String, Connection>>>;

#[derive(Debug)]
struct Connection {
    mux: Mux,
    _reading: AbortOnDropHandle<()>,
}

impl Sse {
    pub(super) fn new(http: Http, server: &str) -> Self {
        Self { http, server: server.to_owned(), sessions: Sessions::default() }
    }

    /// The same server, reached in another way, without its sessions.
    pub(super) fn through(&self, http: Http) -> Self {
        Self::new(http, &self.server)
    }

    /// Sends a message. `initialize` opens a connection, which is then the session.
    ///
    /// # Errors
    /// Only if no answer begins.
    pub(super) async fn send(&self, mut exchange: Exchange<'_>) -> Result<Reply, UpstreamError> {
        let id = match exchange.leg {
            // There is no such thing in the modern era.
            Some(Leg::Modern(_)) => return Ok(Reply::empty(405)),
            Some(Leg::Legacy(LegacySession { id, .. })) => id.clone(),
            None => Some(self.open().await?),
        };
        let Some(id) = id else { return Ok(Reply::empty(400)) };
        if exchange.method == Method::DELETE {
            lock(&self.sessions).remove(&id);
            return Ok(Reply::empty(200));
        }
        let Some(mux) = lock(&self.sessions).get(&id).map(|connection| connection.mux.clone()) else {
            return Ok(Reply::empty(404));
        };
        match exchange.body.take() {
            None => Ok(mux.listen(SESSION)),
            Some(body) => {
                let reply = mux.post(SESSION, &ToServer::read(body)?, &exchange).await?;
                Ok(Reply { session: Some(id), ..reply })
            }
        }
    }

    /// Opens a connection.
    async fn open(&self) -> Result<String, UpstreamError> {
        let opening = async {
            let none = HeaderMap::new();
            let reply = self.http.send_to(self.http.url().clone(), Method::GET, None, None, &none).await?;
            if !reply.is_success() || reply.media != Some(Media::Sse) {
                return Err(UpstreamError::from_head(reply.status, reply.media));
            }
            let mut events = reply.body.events(ANSWER_LIMIT);
            let endpoint = self.endpoint(&mut events).await?;
            Ok((events, endpoint))
        };
        let opened = tokio::time::timeout(self.http.timeout(), opening).await;
        let (mut events, endpoint) = opened.unwrap_or_else(|_| Err(self.http.too_late()))?;
        let mux = Mux::new(&self.server, self.http.timeout_ms());
        mux.attach(Link::endpoint(self.http.clone(), endpoint), true);
        let id = random_id();
        let (reader, sessions, own, server) =
            (mux.clone(), Arc::downgrade(&self.sessions), id.clone(), self.server.clone());
        let mut all = lock(&self.sessions);
        let reading = tokio::spawn(async move {
            let error = read(&server, &reader, &mut events).await;
            reader.close(&error);
            let connection = sessions.upgrade().and_then(|sessions| lock(&sessions).remove(&own));
            drop(connection);
        });
        all.insert(id.clone(), Connection { mux, _reading: AbortOnDropHandle::new(reading) });
        Ok(id)
    }

    /// The URL that messages are posted to.
    async fn endpoint(&self, events: &mut EventStream) -> Result<Url, UpstreamError> {
        while let Some(event) = events.next().await {
            let event = event?;
            if event.event == "endpoint" {
                return place(self.http.url(), event.data.trim());
            }
        }
        Err(UpstreamError::Closed)
    }
}

/// Where an `endpoint` event of the server at this URL has messages posted. It has to be on the same host: the server's
/// credentials go there.
fn place(server: &Url, said: &str) -> Result<Url, UpstreamError> {
    // Empty, it would be the stream's own place.
    let url = (!said.is_empty()).then(|| server.join(said).ok()).flatten();
    let url = url.ok_or(UpstreamError::Malformed("an endpoint event without a URL"))?;
    if url.origin() != server.origin() {
        return Err(UpstreamError::Malformed("an endpoint event that leads to another host, which is not followed"));
    }
    Ok(url)
}

/// Reads a connection to its end; why it ended.
async fn read(server: &str, mux: &Mux, events: &mut EventStream) -> UpstreamError {
    while let Some(event) = events.next().await {
        match event {
            Ok(event) if event.data.is_empty() || !matches!(event.event.as_str(), "" | "message") => {}
            Ok(event) => {
                if !mux.receive(&event.data) {
                    tracing::debug!(server, "an event that is no message");
                }
            }
            Err(error) => return error,
        }
    }
    UpstreamError::Closed
}

fn lock(sessions: &Mutex<HashMap<String, Connection>>) -> MutexGuard<'_, HashMap<String, Connection>> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_posted_where_the_server_says_on_its_own_host() {
        let server = Url::parse("https://server.example/a/sse?key=1").unwrap();
        for (said, url) in [
            ("/messages?sessionId=1", "https://server.example/messages?sessionId=1"),
            ("messages", "https://server.example/a/messages"),
            ("?sessionId=1", "https://server.example/a/sse?sessionId=1"),
            ("https://server.example:443/m", "https://server.example/m"),
        ] {
            assert_eq!(place(&server, said).unwrap().as_str(), url, "{said}");
        }
        for (said, why) in [
            ("", "without a URL"),
            ("https://", "without a URL"),
            ("https://evil.example/m", "another host"),
            ("//evil.example/m", "another host"),
            ("http://server.example/m", "another host"),
            ("https://server.example:8443/m", "another host"),
        ] {
            assert!(place(&server, said).unwrap_err().to_string().contains(why), "{said}");
        }
    }
}
