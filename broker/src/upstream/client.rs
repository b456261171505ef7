//! Requests to one server.

use super::capabilities::Capabilities;
use super::error::{ClientError, UpstreamError};
use super::ids::random_id;
use super::leg::{Leg, LegacySession};
use super::message::{self, Incoming};
use super::reply::{ANSWER_LIMIT, Body, EventStream, Reply};
use super::transport::{Exchange, Stdio, Transport, insert};
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::config::{Cache, Server};
use protocol::era::Revision;
use protocol::error::code;
use protocol::http::{Media, header};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How long the end of a session may take.
const END_SESSION: Duration = Duration::from_secs(2);
/// How long the answer to one of the broker's own requests may take in all, if its server's own limit is not longer.
const OWN_REQUEST: Duration = Duration::from_secs(60);

/// The way to one server, whatever its transport is. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    transport: Transport,
    cache: Cache,
    timeout: Duration,
    timeout_ms: u64,
    /// When it last answered with success, whoever asked.
    contact: Arc<Mutex<Option<SystemTime>>>,
}

impl Client {
    /// A client for a server as it is configured.
    ///
    /// # Errors
    /// A mistake in `url`, `headers` or the authorities.
    pub fn new(server: &Server) -> Result<Client, ClientError> {
        let timeout = Duration::from_millis(server.timeout_ms);
        let transport = Transport::new(server)?;
        let (cache, timeout_ms, contact) = (server.cache, server.timeout_ms, Arc::default());
        Ok(Self { inner: Arc::new(Inner { transport, cache, timeout, timeout_ms, contact }) })
    }

    /// When the server last answered a request with success.
    pub(super) fn contact(&self) -> Option<SystemTime> {
        *self.inner.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client for the same server that sends these headers too. It shares connections with this one, and no session. `None` for
    /// a process, which is sent none.
    pub(super) fn showing(&self, headers: &HeaderMap) -> Option<Client> {
        let Inner { transport, cache, timeout, timeout_ms, contact } = &*self.inner;
        let transport = transport.showing(headers)?;
        let (cache, timeout, timeout_ms, contact) = (*cache, *timeout, *timeout_ms, contact.clone());
        Some(Self { inner: Arc::new(Inner { transport, cache, timeout, timeout_ms, contact }) })
    }

    /// How the server's lists are kept.
    pub(super) fn cache(&self) -> Cache {
        self.inner.cache
    }

    /// Whether others than the broker can send requests to the server: it speaks Streamable HTTP.
    pub fn is_streamable_http(&self) -> bool {
        self.inner.transport.is_streamable_http()
    }

    /// How the server is reached, as configurations call it.
    pub(super) fn transport(&self) -> &'static str {
        if self.processes().is_some() {
            "stdio"
        } else if self.is_sse() {
            "sse"
        } else {
            "streamable-http"
        }
    }

    /// Whether the server speaks HTTP+SSE of 2024-11-05.
    pub(super) fn is_sse(&self) -> bool {
        self.inner.transport.is_sse()
    }

    /// Its processes, if it is not reached at a URL.
    pub(super) fn processes(&self) -> Option<&Stdio> {
        self.inner.transport.processes()
    }

    /// Whether a leg rests: its process was ended for being idle, and is to be left alone until a client needs it.
    pub(super) fn is_dormant(&self, leg: &Leg) -> bool {
        self.processes().is_some_and(|processes| processes.is_dormant(leg))
    }

    /// Ends what was started for it. Four seconds at most.
    pub(super) async fn close(&self) {
        if let Some(processes) = self.processes() {
            processes.close().await;
        }
    }

    /// Takes the other one of the transports that the server may have. `false` if there is none.
    pub(super) fn switch_transport(&self) -> bool {
        self.inner.transport.switch()
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
        let reply = self.send(Method::POST, None, Some(body.into()), &HeaderMap::new(), true).await?;
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
        session.exclusive = self.processes().is_none_or(Stdio::sessions_are_exclusive);
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
        let _ = tokio::time::timeout(END_SESSION, self.send(Method::DELETE, Some(&leg), None, &none, true)).await;
    }

    /// Sends any message. The leg's `MCP-Protocol-Version` and session are added, and an `Accept` with both media types;
    /// `Mcp-Method` and `Mcp-Name` of a modern message are the caller's, among `extra`. `extra` replaces the
    /// server's configured headers of the same names, so nothing of a client belongs there unread.
    ///
    /// # Errors
    /// Only if no answer begins: its status is the caller's to judge ([`LegacySession::lost`]).
    pub async fn post(&self, leg: &Leg, body: Bytes, extra: &HeaderMap) -> Result<Reply, UpstreamError> {
        if let Some(crossing) = leg.crossing() {
            return Ok(crossing.post(&body, extra));
        }
        self.send(Method::POST, Some(leg), Some(body), extra, false).await
    }

    /// Sends a message whose answer may begin as late as the server likes: while it waits for somebody, that is no fault of
    /// its own.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn post_patiently(&self, leg: &Leg, body: Bytes) -> Result<Reply, UpstreamError> {
        let (none, leg) = (HeaderMap::new(), Some(leg));
        let (method, body) = (Method::POST, Some(body));
        self.exchange(Exchange { method, leg, body, extra: &none, own: false, patient: true }).await
    }

    /// Sends what somebody else has made ready for the server, with these headers and no others. `None` if no answer begins, or
    /// the server takes nothing of the kind.
    pub async fn carry<S>(&self, headers: HeaderMap, body: S) -> Option<reqwest::Response>
    where
        S: futures::TryStream<Ok = Bytes> + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.in_time(self.inner.transport.carry(headers, reqwest::Body::wrap_stream(body))).await.ok()?
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
        let reply = self.post_own(leg, body.into(), method).await?;
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
        let reply = self.post_own(leg, body.into(), method).await?;
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
    /// [`UpstreamError::SessionLost`], [`UpstreamError::Status`] for what may be otherwise soon, and what any request gives.
    pub async fn listen(&self, leg: &Leg) -> Result<Option<EventStream>, UpstreamError> {
        if let Some(crossing) = leg.crossing() {
            return Ok(Some(crossing.listen()));
        }
        let reply = self.send(Method::GET, Some(leg), None, &HeaderMap::new(), true).await?;
        match (leg, reply.status, reply.media) {
            (_, 200..300, Some(Media::Sse)) => Ok(Some(reply.body.events(ANSWER_LIMIT))),
            // A server that does not know GET at all may say the same as one that forgot the session.
            (Leg::Legacy(session), status, _) if session.lost(status) => match self.request(leg, "ping", None).await {
                Ok(_) | Err(UpstreamError::Rpc { .. }) => Ok(None),
                Err(error) => Err(error),
            },
            (_, status, _) if passes(status) => Err(UpstreamError::Status(status)),
            _ => Ok(None),
        }
    }

    /// Has a stream of a legacy server resumed after the event with this id of its own. `None`: the server does not do that.
    ///
    /// # Errors
    /// [`UpstreamError::Status`] for what may be otherwise soon, and what any request gives.
    pub async fn resume(&self, leg: &Leg, last: &str) -> Result<Option<Body>, UpstreamError> {
        if leg.crossing().is_some() {
            return Ok(None);
        }
        let mut extra = HeaderMap::new();
        insert(&mut extra, header::LAST_EVENT_ID, last);
        let reply = self.send(Method::GET, Some(leg), None, &extra, false).await?;
        if passes(reply.status) {
            return Err(UpstreamError::Status(reply.status));
        }
        Ok((reply.is_success() && reply.media == Some(Media::Sse)).then_some(reply.body))
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
        let reply = self.post_own(leg, body.into(), METHOD).await?;
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
        if matches!(status, 401 | 403) {
            // Whatever it says beside: it is about credentials.
            return Err(UpstreamError::Status(status));
        }
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

    /// Sends a message of the broker's own.
    async fn post_own(&self, leg: &Leg, body: Bytes, method: &str) -> Result<Reply, UpstreamError> {
        self.send(Method::POST, Some(leg), Some(body), &method_header(leg, method), true).await
    }

    async fn send(
        &self,
        method: Method,
        leg: Option<&Leg>,
        body: Option<Bytes>,
        extra: &HeaderMap,
        own: bool,
    ) -> Result<Reply, UpstreamError> {
        self.exchange(Exchange { method, leg, body, extra, own, patient: false }).await
    }

    async fn exchange(&self, exchange: Exchange<'_>) -> Result<Reply, UpstreamError> {
        let reply = self.inner.transport.send(exchange).await?;
        if (200..300).contains(&reply.status) {
            *self.inner.contact.lock().unwrap_or_else(PoisonError::into_inner) = Some(SystemTime::now());
        }
        Ok(reply)
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

/// Whether a stream that is refused with this status may be had soon: of some there is one at a time, and the server may not have
/// noticed yet that its last reader went away.
fn passes(status: u16) -> bool {
    matches!(status, 409 | 500..)
}

fn method_header(leg: &Leg, method: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Leg::Modern(_) = leg {
        insert(&mut headers, header::METHOD, method);
    }
    headers
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
