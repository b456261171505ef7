//! HTTP without anything added to it.

use super::Events;
use bytes::Bytes;
use futures::Stream;
use futures::StreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::convert::Infallible;

/// What is sent.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A client with connections of its own.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpConnector, Body>,
    /// `Host`, where that is not what the URL says.
    host: Option<String>,
}

/// A request that is being put together.
#[derive(Debug)]
pub struct Request {
    http: Http,
    builder: http::request::Builder,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: http::HeaderMap,
    /// Its body, byte for byte.
    pub body: Bytes,
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Open {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: http::HeaderMap,
    /// Its body.
    pub body: Incoming,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// A client without connections yet.
    pub fn new() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), host: None }
    }

    /// One that asks for this host, wherever its requests go.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// A request. Only `Host` and the body's length are added to it.
    pub fn request(&self, method: &str, url: &str) -> Request {
        let mut builder = http::Request::builder().method(method).uri(url);
        if let Some(host) = &self.host {
            builder = builder.header("host", host);
        }
        Request { http: self.clone(), builder }
    }

    /// A POST of JSON, for a client that reads JSON and event streams.
    pub fn post(&self, url: &str) -> Request {
        self.request("POST", url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    }

    /// The answer to a GET.
    pub async fn get(&self, url: &str) -> Reply {
        self.request("GET", url).send("").await
    }

    /// The answer to a GET, if there is one.
    pub async fn try_get(&self, url: &str) -> Option<Reply> {
        self.request("GET", url).try_send("").await
    }
}

impl Request {
    /// With a header, beside others of that name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// Without a header, or with another value: `None` removes it.
    ///
    /// # Panics
    ///
    /// When name or value cannot be sent.
    #[must_use]
    pub fn replace(mut self, name: &str, value: Option<&str>) -> Self {
        let headers = self.builder.headers_mut().expect("the request is well-formed");
        headers.remove(name);
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Panics
    ///
    /// When there is none in time.
    pub async fn send(self, body: impl Into<Bytes>) -> Reply {
        self.send_body(Full::new(body.into()).boxed_unsync()).await
    }

    /// Sends it and waits for the whole answer, if there is one.
    pub async fn try_send(self, body: impl Into<Bytes>) -> Option<Reply> {
        let opened = self.try_open(Full::new(body.into()).boxed_unsync()).await.ok()?;
        opened.whole().await.ok()
    }

    /// Sends it with a body in chunks, without `Content-Length`, and waits for the whole answer.
    pub async fn send_chunks(self, chunks: impl Stream<Item = Bytes> + Send + 'static) -> Reply {
        self.send_body(chunked(chunks)).await
    }

    /// Sends it with any body and waits for the whole answer.
    ///
    /// # Panics
    ///
    /// When there is none in time.
    pub async fn send_body(self, body: Body) -> Reply {
        crate::within("a whole answer", async {
            let opened = self.try_open(body).await.expect("the gateway answers");
            opened.whole().await.expect("the answer is whole")
        })
        .await
    }

    /// Sends it and waits for the answer to begin.
    ///
    /// # Panics
    ///
    /// When it does not begin in time.
    pub async fn open(self, body: impl Into<Bytes>) -> Open {
        self.open_body(Full::new(body.into()).boxed_unsync()).await
    }

    /// Sends it with any body and waits for the answer to begin.
    ///
    /// # Panics
    ///
    /// When it does not begin in time.
    pub async fn open_body(self, body: Body) -> Open {
        crate::within("the begin of an answer", self.try_open(body)).await.expect("the gateway answers")
    }

    async fn try_open(self, body: Body) -> Result<Open, hyper_util::client::legacy::Error> {
        let request = self.builder.body(body).expect("the request is well-formed");
        let (parts, body) = self.http.client.request(request).await?.into_parts();
        Ok(Open { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

/// A body in chunks, without `Content-Length`.
pub(super) fn chunked(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)))).boxed_unsync()
}

impl Open {
    /// The rest of it.
    ///
    /// # Errors
    ///
    /// When it is cut off.
    pub async fn whole(self) -> Result<Reply, hyper::Error> {
        let body = self.body.collect().await?.to_bytes();
        Ok(Reply { status: self.status, headers: self.headers, body })
    }

    /// Its events, as they come.
    ///
    /// # Panics
    ///
    /// When it has none.
    pub fn events(self) -> Events {
        let media = text(&self.headers, "content-type");
        assert!(media.starts_with("text/event-stream"), "HTTP {} with {media:?} is no event stream", self.status);
        Events::new(self.body)
    }
}

impl Reply {
    /// A header; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        text(&self.headers, name)
    }

    /// Its body.
    ///
    /// # Panics
    ///
    /// When it is no UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The JSON-RPC message in it: of a JSON body, or of the last event with data.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn message(&self) -> Value {
        let json = if self.header("content-type").starts_with("text/event-stream") {
            self.text().lines().rev().find_map(|line| line.strip_prefix("data: ").filter(|d| !d.is_empty()))
        } else {
            Some(self.text())
        };
        let parsed = json.and_then(|json| serde_json::from_str(json).ok());
        parsed.unwrap_or_else(|| panic!("HTTP {} without a message: {}", self.status, self.text()))
    }
}

fn text<'a>(headers: &'a http::HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
