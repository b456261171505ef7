//! Requests to one server.

use super::capabilities::Capabilities;
use super::error::{ClientError, UpstreamError};
use super::ids::random_id;
use super::leg::{Leg, LegacySession};
use super::message::{self, Incoming};
use super::reply::{ANSWER_LIMIT, Body, EventStream, Reply};
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::config::Server;
use protocol::era::Revision;
use protocol::error::code;
use protocol::http::{Media, header};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// How long the end of a session may take.
const END_SESSION: Duration = Duration::from_secs(2);
/// Idle connections are dropped sooner than common servers drop them (Node and uvicorn: 5 s): no request meets a
/// connection that is about to be closed.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// How long the answer to one of the broker's own requests may take in all, if its server's own limit is not longer.
const OWN_REQUEST: Duration = Duration::from_secs(60);

/// One server's endpoint. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    url: reqwest::Url,
    headers: HeaderMap,
    timeout: Duration,
    timeout_ms: u64,
}

impl Client {
    /// A client for a server as it is configured.
    ///
    /// # Errors
    /// A mistake in `url`, `headers` or `caFile`.
    pub fn new(server: &Server) -> Result<Client, ClientError> {
        // One provider for the process; it does not matter who installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = Duration::from_millis(server.timeout_ms);
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(timeout)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true);
        let url = reqwest::Url::parse(&server.url).map_err(|_| ClientError::Url)?;
        match &server.ca_file {
            Some(path) => builder = builder.tls_certs_only(authorities(path)?),
            // A system without CA certificates can still have http servers.
            None if url.scheme() == "http" => builder = builder.tls_certs_only([]),
            None => {}
        }
        let http = builder.build().map_err(|_| ClientError::Tls)?;
        let headers = own_headers(server)?;
        Ok(Self { inner: Arc::new(Inner { http, url, headers, timeout, timeout_ms: server.timeout_ms }) })
    }

    /// Opens a session: `initialize` with these params, then `notifications/initialized`.
    ///
    /// A session that the server gave along with an error is ended again.
    ///
    /// # Errors
    /// [`UpstreamError::Rpc`] if the server refuses (-32022: it does not speak the legacy era), and what any request gives.
    pub async fn open_session(&self, params: &RawValue) -> Result<LegacySession, UpstreamError> {
        let id = random_id();
        let body = message::request(None, &id, "initialize", Some(params.get()));
        let reply = self.send(Method::POST, None, Some(body.into()), &HeaderMap::new()).await?;
        let mut session = LegacySession::new(reply.session.clone(), Revision::LATEST.as_str().to_owned());
        let outcome = match self.answer(None, &id, reply).await {
            Ok(result) => settle(&mut session, &result),
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Ok(()) => self.notify(&Leg::Legacy(session.clone()), "notifications/initialized").await,
            error => error,
        };
        if let Err(error) = outcome {
            self.end_session(&session).await;
            return Err(error);
        }
        session.mark_worked();
        Ok(session)
    }

    /// Ends a session. Best effort: a server may not allow it (405), and has two seconds.
    pub async fn end_session(&self, session: &LegacySession) {
        if let Some(crossing) = &session.crossing {
            crossing.end();
        }
        if session.id.is_none() {
            return;
        }
        let leg = Leg::Legacy(session.clone());
        let none = HeaderMap::new();
        let _ = tokio::time::timeout(END_SESSION, self.send(Method::DELETE, Some(&leg), None, &none)).await;
    }

    /// Sends any message. The leg's `MCP-Protocol-Version` and session are added, and an `Accept` with both media types;
    /// `Mcp-Method` and `Mcp-Name` of a modern message are the caller's, among `extra`. `extra` replaces the
    /// server's configured headers of the same names, so nothing of a client belongs there unread.
    ///
    /// # Errors
    /// Only if no answer begins: its status is the caller's to judge ([`LegacySession::lost`]).
    pub async fn post(&self, leg: &Leg, body: Bytes, extra: &HeaderMap) -> Result<Reply, UpstreamError> {
        if let Some(crossing) = leg.crossing() {
            return Ok(crossing.post(&body));
        }
        self.send(Method::POST, Some(leg), Some(body), extra).await
    }

    /// Sends a request of the broker's own and waits for its result.
    ///
    /// `params` is a JSON object as text; on a modern leg its `_meta` is added. Notifications that come along are dropped,
    /// requests of the server are answered with an error (`ping` with `{}`).
    ///
    /// # Errors
    /// [`UpstreamError::Rpc`] for a JSON-RPC error, [`UpstreamError::SessionLost`] if the server forgot the session,
    /// [`UpstreamError::Timeout`] if the server sends nothing for its `timeoutMs`.
    pub async fn request(&self, leg: &Leg, method: &str, params: Option<&str>) -> Result<Box<RawValue>, UpstreamError> {
        if let Some(crossing) = leg.crossing() {
            return crossing.request(method, params).await;
        }
        let id = random_id();
        let body = message::request(Some(leg), &id, method, params);
        let reply = self.post(leg, body.into(), &method_header(leg, method)).await?;
        let status = reply.status;
        let outcome = self.answer(Some(leg), &id, reply).await;
        if let Leg::Legacy(session) = leg {
            match &outcome {
                // Some servers give 400 to parameters or methods that they do not like; the session lives then.
                Err(UpstreamError::Rpc { code: code::METHOD_NOT_FOUND | code::INVALID_PARAMS, .. })
                    if status == 400 => {}
                _ if session.lost(status) => return Err(UpstreamError::SessionLost),
                Ok(_) => session.mark_worked(),
                Err(_) => {}
            }
        }
        outcome
    }

    /// Sends a notification of the broker's own, without params.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn notify(&self, leg: &Leg, method: &str) -> Result<(), UpstreamError> {
        let body = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"}}");
        let reply = self.post(leg, body.into(), &method_header(leg, method)).await?;
        match leg {
            Leg::Legacy(session) if session.lost(reply.status) => Err(UpstreamError::SessionLost),
            _ if !reply.is_success() => Err(UpstreamError::Status(reply.status)),
            _ => Ok(()),
        }
    }

    /// Answers a server's request (raw `id`) that came when no client was there to answer: `ping` with `{}`, any other with
    /// an error.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn answer_unasked(&self, leg: &Leg, id: &str, method: &str) -> Result<(), UpstreamError> {
        let body = message::answer_unasked(id, method);
        self.post(leg, body.into(), &HeaderMap::new()).await.map(drop)
    }

    /// Opens the stream on which a legacy server speaks on its own (GET). `None`: the server has none, which is normal.
    /// Once connected this takes as long as the server likes: some begin their answer with the first event.
    ///
    /// # Errors
    /// [`UpstreamError::SessionLost`], and what any request gives.
    pub async fn listen(&self, leg: &Leg) -> Result<Option<EventStream>, UpstreamError> {
        if let Some(crossing) = leg.crossing() {
            return Ok(Some(crossing.listen()));
        }
        let reply = self.send(Method::GET, Some(leg), None, &HeaderMap::new()).await?;
        match (leg, reply.status, reply.media) {
            (_, 200..300, Some(Media::Sse)) => Ok(Some(reply.body.events(ANSWER_LIMIT))),
            // A server that does not know GET at all may say the same as one that forgot the session.
            (Leg::Legacy(session), status, _) if session.lost(status) => match self.request(leg, "ping", None).await {
                Ok(_) | Err(UpstreamError::Rpc { .. }) => Ok(None),
                Err(error) => Err(error),
            },
            (_, 500.., _) => Err(UpstreamError::Status(reply.status)),
            _ => Ok(None),
        }
    }

    /// Opens the stream of a modern server: `subscriptions/listen` for these `notifications` (a JSON object as text).
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn subscribe(&self, leg: &Leg, notifications: &str) -> Result<EventStream, UpstreamError> {
        const METHOD: &str = "subscriptions/listen";
        let id = random_id();
        let params = format!("{{\"notifications\":{notifications}}}");
        let body = message::request(Some(leg), &id, METHOD, Some(&params));
        let reply = self.post(leg, body.into(), &method_header(leg, METHOD)).await?;
        if reply.is_success() && reply.media == Some(Media::Sse) {
            return Ok(reply.body.events(ANSWER_LIMIT));
        }
        // A result at once would be the end of the subscription.
        Err(self.answer(Some(leg), &id, reply).await.err().unwrap_or(UpstreamError::Closed))
    }

    /// The answer to the request `id` out of a reply, bounded in size and time.
    async fn answer(&self, leg: Option<&Leg>, id: &str, reply: Reply) -> Result<Box<RawValue>, UpstreamError> {
        let whole = OWN_REQUEST.max(self.inner.timeout);
        tokio::time::timeout(whole, self.read_answer(leg, id, reply)).await.unwrap_or_else(|_| Err(self.too_late()))
    }

    async fn read_answer(&self, leg: Option<&Leg>, id: &str, reply: Reply) -> Result<Box<RawValue>, UpstreamError> {
        let (status, media) = (reply.status, reply.media);
        match media {
            None => Err(UpstreamError::from_head(status, media)),
            Some(Media::Json) => {
                let body = self.collect(reply.body).await?;
                let text =
                    std::str::from_utf8(&body).map_err(|_| UpstreamError::Malformed("text that is not UTF-8"))?;
                match Incoming::read(text) {
                    Some(Incoming::Response { id: theirs, outcome }) if answers(theirs, id, status) => outcome,
                    Some(Incoming::Response { .. }) => Err(UpstreamError::Malformed("an answer with another id")),
                    _ => Err(UpstreamError::from_head(status, media)),
                }
            }
            Some(Media::Sse) => {
                let mut events = reply.body.events(ANSWER_LIMIT);
                while let Some(event) = self.in_time(events.next()).await? {
                    match Incoming::read(&event?.data) {
                        Some(Incoming::Response { id: theirs, outcome }) if answers(theirs, id, status) => {
                            return outcome;
                        }
                        Some(Incoming::Request { id, method }) => self.spawn_unasked(leg, id, method),
                        _ => {}
                    }
                }
                Err(if (200..300).contains(&status) { UpstreamError::Closed } else { UpstreamError::Status(status) })
            }
        }
    }

    async fn collect(&self, mut body: Body) -> Result<Vec<u8>, UpstreamError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.in_time(body.next()).await? {
            let chunk = chunk?;
            if all.len() + chunk.len() > ANSWER_LIMIT {
                return Err(UpstreamError::TooLarge(ANSWER_LIMIT));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Answers a server's request beside the stream that it came on: the server may not go on before it has the answer.
    fn spawn_unasked(&self, leg: Option<&Leg>, id: &str, method: String) {
        let Some(leg) = leg.cloned() else { return };
        let (client, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = client.answer_unasked(&leg, &id, &method).await {
                tracing::debug!(%error, method, "could not answer a request of a server");
            }
        });
    }

    async fn send(
        &self,
        method: Method,
        leg: Option<&Leg>,
        body: Option<Bytes>,
        extra: &HeaderMap,
    ) -> Result<Reply, UpstreamError> {
        let mut headers = self.inner.headers.clone();
        let accept = match method {
            Method::GET => "text/event-stream",
            _ => "application/json, text/event-stream",
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in extra {
            headers.insert(name.clone(), value.clone());
        }
        if let Some(leg) = leg {
            insert(&mut headers, header::PROTOCOL_VERSION, leg.protocol_version());
            if let Leg::Legacy(LegacySession { id: Some(id), .. }) = leg {
                insert(&mut headers, header::SESSION_ID, id);
            }
        }
        let is_stream = method == Method::GET;
        let mut request = self.inner.http.request(method, self.inner.url.clone()).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let sent = if is_stream { request.send().await } else { self.in_time(request.send()).await? };
        let response = sent.map_err(|e| match e.is_timeout() {
            true => self.too_late(),
            false => UpstreamError::from_transport(&e),
        })?;
        Ok(Reply::new(response))
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, UpstreamError> {
        tokio::time::timeout(self.inner.timeout, work).await.map_err(|_| self.too_late())
    }

    fn too_late(&self) -> UpstreamError {
        UpstreamError::Timeout(self.inner.timeout_ms)
    }
}

/// Whether a response is the one to the request `id`: an HTTP error may come before the id was read, with `null`.
fn answers(theirs: Option<&str>, id: &str, status: u16) -> bool {
    match theirs {
        Some(raw) => raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')) == Some(id),
        None => status >= 400,
    }
}

fn method_header(leg: &Leg, method: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Leg::Modern(_) = leg {
        insert(&mut headers, header::METHOD, method);
    }
    headers
}

/// Sets a header; a value that HTTP does not allow is left out, and the server then says what it misses.
fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn authorities(path: &str) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let pem = std::fs::read(path).map_err(|e| ClientError::CaUnreadable(path.to_owned(), e.kind()))?;
    let found = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if found.is_empty() { Err(ClientError::CaInvalid(path.to_owned())) } else { Ok(found) }
}

fn own_headers(server: &Server) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &server.headers {
        let wrong = || ClientError::Header(name.clone());
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name).map_err(|_| wrong())?, value);
    }
    Ok(headers)
}

/// `InitializeResult`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: String,
    #[serde(default)]
    capabilities: Option<Box<RawValue>>,
    #[serde(default)]
    server_info: Option<Box<RawValue>>,
    #[serde(default)]
    instructions: Option<String>,
}

fn settle(session: &mut LegacySession, result: &RawValue) -> Result<(), UpstreamError> {
    let settled: Initialized = serde_json::from_str(result.get())
        .map_err(|_| UpstreamError::Malformed("a result of initialize without protocolVersion"))?;
    if Revision::parse(&settled.protocol_version).is_none() {
        return Err(UpstreamError::Malformed("initialize settled a revision that the gateway does not know"));
    }
    session.protocol_version = settled.protocol_version;
    session.capabilities = settled.capabilities.map(|c| Capabilities::parse(&c)).unwrap_or_default();
    session.server_info = settled.server_info.map(Into::into);
    session.instructions = settled.instructions;
    Ok(())
}
