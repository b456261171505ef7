//! Other replicas of the gateway.
//!
//! A client's session, a call that waits for its client, and a stream of HTTP+SSE live in the replica where they began. What the
//! client brings back to name them holds that replica's address, sealed, so that any other one can pass the request on. Only
//! if nobody is there any more does it take the session over.

use crate::seal::Seal;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use bytes::Bytes;
use protocol::http::header as names;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// A request that was passed on already: it goes no further.
const PASSED_ON: HeaderName = HeaderName::from_static("x-mcp-gateway-passed-on");
/// How long a replica may take to take a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// Headers of one connection (RFC 9110, 7.6.1), and the length, which is told anew.
const OF_CONNECTION: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::UPGRADE];

/// The way to other replicas.
pub(crate) struct Peers {
    own: Option<SocketAddr>,
    key: String,
    seal: Seal,
    /// `None` if it cannot be made.
    http: Option<reqwest::Client>,
}

/// One request, to be passed on.
pub(crate) struct Message<'a> {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
    /// It came on the internal port, so that its internal headers are the filter's.
    pub(crate) is_internal: bool,
}

/// What became of a request.
pub(crate) enum Passed {
    Answered(Response),
    /// Nobody is there.
    NobodyThere,
    /// It may have been done or not.
    Failed,
}

/// A name of something in a replica.
#[derive(Serialize, Deserialize)]
struct Named {
    home: Option<SocketAddr>,
    name: String,
}

impl Peers {
    /// `own` is where others reach this replica's internal port, whose key is that of all.
    pub(crate) fn new(own: Option<SocketAddr>, key: String) -> Self {
        // Without a pool no request meets a connection whose replica is gone.
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(0)
            .tcp_nodelay(true)
            .build();
        Self { own, key, seal: Seal::from_environment("replica"), http: http.ok() }
    }

    /// Whether there may be others.
    pub(crate) fn any(&self) -> bool {
        self.own.is_some()
    }

    /// `home`, if that is another replica and the request was not passed on by one. A client that says so itself stays where it is.
    pub(crate) fn other(&self, home: Option<SocketAddr>, headers: &HeaderMap) -> Option<SocketAddr> {
        home.filter(|home| self.any() && Some(*home) != self.own && !headers.contains_key(PASSED_ON))
    }

    /// A name under which a client finds this replica's `name` again.
    pub(crate) fn name(&self, name: String) -> String {
        self.seal.seal(&Named { home: self.own, name })
    }

    /// What [`Self::name`] was made of, and in which replica.
    pub(crate) fn named(&self, sealed: &str) -> Option<(Option<SocketAddr>, String)> {
        self.seal.open(sealed).map(|Named { home, name }| (home, name))
    }

    /// Passes a request on, to `home`'s internal port.
    pub(crate) async fn pass_on(&self, home: SocketAddr, message: Message<'_>) -> Passed {
        let Message { method, path, headers, body, is_internal } = message;
        let Some(http) = &self.http else { return Passed::NobodyThere };
        let mut sent = HeaderMap::with_capacity(headers.len() + 2);
        for (name, value) in headers {
            let is_reserved = name.as_str().starts_with(names::INTERNAL_PREFIX) && name != names::VIRTUAL_SERVER;
            let is_forged = is_reserved && !is_internal;
            if !is_forged && !OF_CONNECTION.contains(name) {
                sent.append(name, value.clone());
            }
        }
        if let Ok(key) = HeaderValue::from_str(&self.key) {
            sent.insert(HeaderName::from_static(names::KEY), key);
        }
        sent.insert(PASSED_ON, HeaderValue::from_static("1"));
        let request = http.request(method, format!("http://{home}{path}")).headers(sent).body(body);
        match request.send().await {
            Ok(response) => Passed::Answered(answer(response)),
            Err(error) if error.is_connect() => {
                tracing::warn!(%home, "another replica of the gateway cannot be reached: what it held is lost");
                Passed::NobodyThere
            }
            Err(error) => {
                tracing::warn!(%home, error = &error as &dyn std::error::Error, "another replica of the gateway gave no answer");
                Passed::Failed
            }
        }
    }
}

/// What another part answered, for the client as it is.
pub(crate) fn answer(response: reqwest::Response) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = response.status();
    for (name, value) in response.headers() {
        if !OF_CONNECTION.contains(name) {
            answer.headers_mut().append(name, value.clone());
        }
    }
    *answer.body_mut() = Body::from_stream(response.bytes_stream());
    answer
}
