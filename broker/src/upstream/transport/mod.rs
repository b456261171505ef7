//! How messages get to a server and back.
//!
//! Every transport looks like Streamable HTTP to the rest of the broker: what is posted gets a [`Reply`], and what a server says
//! on its own comes on a stream. For those that have only one channel for everything, a [`mux`] takes it apart.

mod http;
mod mux;
mod sse;
mod stdio;

use super::error::{ClientError, UpstreamError};
use super::leg::Leg;
use super::reply::Reply;
use bytes::Bytes;
pub(super) use http::insert;

use http::Http;
use protocol::config::{Server, Transport as Choice};
use reqwest::Method;
use reqwest::header::HeaderMap;
use sse::Sse;
use std::sync::atomic::{AtomicBool, Ordering};
pub(super) use stdio::Stdio;

/// One message to a server, or the wish to hear from it.
pub(super) struct Exchange<'a> {
    /// `POST` for a message, `GET` to listen, `DELETE` to end the session.
    pub(super) method: Method,
    /// `None` for `initialize`.
    pub(super) leg: Option<&'a Leg>,
    /// The message.
    pub(super) body: Option<Bytes>,
    /// Headers of this request alone.
    pub(super) extra: &'a HeaderMap,
    /// Made by the broker itself, which no client waits for.
    pub(super) own: bool,
    /// The answer may begin as late as the server likes.
    pub(super) patient: bool,
}

/// The way to one server.
#[derive(Debug)]
pub(super) struct Transport(Kind);

#[derive(Debug)]
enum Kind {
    /// At a URL.
    Url(Box<AtUrl>),
    /// As a process.
    Stdio(Stdio),
}

#[derive(Debug)]
struct AtUrl {
    http: Http,
    sse: Sse,
    /// Which of the two it is.
    is_sse: AtomicBool,
    /// Whether that is still to be found out.
    open: bool,
}

impl AtUrl {
    fn is_sse(&self) -> bool {
        self.is_sse.load(Ordering::Acquire)
    }
}

impl Transport {
    /// The way to a server as it is configured.
    ///
    /// # Errors
    /// A mistake in `url`, `headers` or the authorities.
    pub(super) fn new(server: &Server) -> Result<Self, ClientError> {
        if let Choice::Stdio(process) = &server.transport {
            return Ok(Self(Kind::Stdio(Stdio::new(&server.name, process, server.timeout_ms))));
        }
        let http = Http::new(server)?;
        Ok(Self(Kind::Url(Box::new(AtUrl {
            sse: Sse::new(http.clone(), &server.name),
            http,
            is_sse: AtomicBool::new(server.transport == Choice::Sse),
            open: server.transport == Choice::Auto,
        }))))
    }

    /// The way to the same server with further headers. `None` for a process, which is sent none.
    pub(super) fn showing(&self, headers: &HeaderMap) -> Option<Self> {
        let Kind::Url(url) = &self.0 else { return None };
        let http = url.http.showing(headers);
        let sse = url.sse.through(http.clone());
        Some(Self(Kind::Url(Box::new(AtUrl { http, sse, is_sse: AtomicBool::new(url.is_sse()), open: url.open }))))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Only if no answer begins.
    pub(super) async fn send(&self, exchange: Exchange<'_>) -> Result<Reply, UpstreamError> {
        match &self.0 {
            Kind::Url(url) if url.is_sse() => url.sse.send(exchange).await,
            Kind::Url(url) => url.http.send(exchange).await,
            Kind::Stdio(stdio) => stdio.send(exchange).await,
        }
    }

    /// Whether requests of others than the broker reach the server too: it speaks Streamable HTTP.
    pub(super) fn is_streamable_http(&self) -> bool {
        matches!(&self.0, Kind::Url(url) if !url.is_sse())
    }

    /// Sends what somebody else has made ready for the server. `None` if no answer begins, or it takes no requests of others.
    pub(super) async fn carry(&self, headers: HeaderMap, body: reqwest::Body) -> Option<reqwest::Response> {
        match &self.0 {
            Kind::Url(url) if !url.is_sse() => url.http.carry(headers, body).await.ok(),
            Kind::Url(_) | Kind::Stdio(_) => None,
        }
    }

    /// Whether the server speaks HTTP+SSE.
    pub(super) fn is_sse(&self) -> bool {
        matches!(&self.0, Kind::Url(url) if url.is_sse())
    }

    /// Takes the other one of the transports that a server at a URL may have. `false` if there is none.
    pub(super) fn switch(&self) -> bool {
        match &self.0 {
            Kind::Url(url) if url.open => {
                url.is_sse.fetch_xor(true, Ordering::AcqRel);
                true
            }
            Kind::Url(_) | Kind::Stdio(_) => false,
        }
    }

    /// The processes, if the server is one.
    pub(super) fn processes(&self) -> Option<&Stdio> {
        match &self.0 {
            Kind::Stdio(stdio) => Some(stdio),
            Kind::Url(_) => None,
        }
    }
}
