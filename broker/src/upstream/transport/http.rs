//! Streamable HTTP: one HTTP request a message.

use super::Exchange;
use crate::upstream::error::{ClientError, UpstreamError};
use crate::upstream::leg::{Leg, LegacySession};
use crate::upstream::reply::Reply;
use bytes::Bytes;
use protocol::config::Server;
use protocol::http::header;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Idle connections are dropped sooner than common servers drop them (Node and uvicorn: 5 s): no request meets a
/// connection that is about to be closed.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Where connections go, whatever name a URL has.
struct Address(String);

impl Resolve for Address {
    fn resolve(&self, _: Name) -> Resolving {
        let address = self.0.clone();
        Box::pin(async move {
            // Without a port it is that of the URL.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((address, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A server's endpoint. Clones share connections.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
    timeout_ms: u64,
}

impl Http {
    /// The endpoint of a server as it is configured.
    ///
    /// # Errors
    /// A mistake in `url`, `headers` or the authorities.
    pub(super) fn new(server: &Server) -> Result<Self, ClientError> {
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
        let url = Url::parse(&server.url).map_err(|_| ClientError::Url)?;
        match &server.ca {
            Some(pem) => builder = builder.tls_certs_only(authorities(pem)?),
            // A system without CA certificates can still have http servers.
            None if url.scheme() == "http" => builder = builder.tls_certs_only([]),
            None => {}
        }
        let mut headers = own_headers(server)?;
        if let Some(address) = &server.address {
            builder = builder.dns_resolver(Arc::new(Address(address.clone())));
            // As Envoy sends it: where the server listens is not a part of its name.
            let host = url.host_str().and_then(|host| HeaderValue::from_str(host).ok()).ok_or(ClientError::Url)?;
            headers.insert(HOST, host);
        }
        let client = builder.build().map_err(|_| ClientError::Tls)?;
        Ok(Self { client, url, headers, timeout, timeout_ms: server.timeout_ms })
    }

    /// The same endpoint, with further headers. Connections are shared.
    pub(super) fn showing(&self, headers: &HeaderMap) -> Self {
        let mut all = self.clone();
        all.headers.extend(headers.clone());
        all
    }

    /// The server's URL.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// How long it may take to connect and to begin an answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The same in milliseconds.
    pub(super) fn timeout_ms(&self) -> u64 {
        self.timeout_ms
    }

    /// The error for what took longer.
    pub(super) fn too_late(&self) -> UpstreamError {
        UpstreamError::Timeout(self.timeout_ms)
    }

    /// Sends a message to the endpoint.
    ///
    /// # Errors
    /// Only if no answer begins.
    pub(super) async fn send(&self, exchange: Exchange<'_>) -> Result<Reply, UpstreamError> {
        let Exchange { method, leg, body, extra, patient, .. } = exchange;
        let url = self.url.clone();
        if patient {
            return self.send_patiently(url, method, leg, body, extra).await;
        }
        self.send_to(url, method, leg, body, extra).await
    }

    /// Sends a message to another URL of the server. A stream (GET) may begin as late as the server likes.
    ///
    /// # Errors
    /// Only if no answer begins.
    pub(super) async fn send_to(
        &self,
        url: Url,
        method: Method,
        leg: Option<&Leg>,
        body: Option<Bytes>,
        extra: &HeaderMap,
    ) -> Result<Reply, UpstreamError> {
        let is_stream = method == Method::GET;
        let sent = self.send_patiently(url, method, leg, body, extra);
        if is_stream {
            sent.await
        } else {
            tokio::time::timeout(self.timeout, sent).await.map_err(|_| self.too_late())?
        }
    }

    /// Sends what is ready for the endpoint.
    ///
    /// # Errors
    /// Only if no answer begins.
    pub(super) async fn carry(
        &self,
        mut headers: HeaderMap,
        body: reqwest::Body,
    ) -> Result<reqwest::Response, reqwest::Error> {
        if let Some(host) = self.headers.get(HOST) {
            headers.insert(HOST, host.clone());
        }
        self.client.post(self.url.clone()).headers(headers).body(body).send().await
    }

    async fn send_patiently(
        &self,
        url: Url,
        method: Method,
        leg: Option<&Leg>,
        body: Option<Bytes>,
        extra: &HeaderMap,
    ) -> Result<Reply, UpstreamError> {
        let mut headers = self.headers.clone();
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
        let mut request = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|e| match e.is_timeout() {
            true => self.too_late(),
            false => UpstreamError::from_transport(&e),
        })?;
        Reply::new(response)
    }
}

/// Sets a header; a value that HTTP does not allow is left out, and the server then says what it misses.
pub(in crate::upstream) fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn authorities(pem: &str) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let found = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
    if found.is_empty() { Err(ClientError::Authorities) } else { Ok(found) }
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
