//! A broker over fake servers.

use crate::client::{Client, Modern};
use crate::fake::PATIENCE;
use broker::{Broker, Options};
use protocol::config::{Gateway, Limits, Route, Server};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Of the internal port.
pub(crate) const KEY: &str = "the key of the filter";

/// A running broker.
pub(crate) struct Rig {
    pub(crate) public: String,
    pub(crate) internal: String,
    pub(crate) broker: Broker,
    pub(crate) http: reqwest::Client,
    config: watch::Sender<Arc<Gateway>>,
}

/// A broker with these servers, all of which have been asked.
pub(crate) async fn rig(servers: Vec<Server>) -> Rig {
    rig_with(servers, Limits::default()).await
}

/// The same with limits.
pub(crate) async fn rig_with(servers: Vec<Server>, limits: Limits) -> Rig {
    rig_of(gateway(servers, limits)).await
}

/// The same with all of the configuration.
pub(crate) async fn rig_of(gateway: Arc<Gateway>) -> Rig {
    // The TLS provider is chosen per process, by whichever client is made first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (config, followed) = watch::channel(gateway);
    let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let internal = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig {
        public: format!("http://{}", public.local_addr().unwrap()),
        internal: format!("http://{}", internal.local_addr().unwrap()),
        broker: broker::start(
            followed,
            Options { public, internal, metrics: None, key: KEY.to_owned(), advertised: None },
        ),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        config,
    };
    let mut status = rig.broker.status();
    let asked = status.wait_for(|all| all.servers.iter().all(|s| s.state != broker::status::State::Connecting));
    tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap();
    rig
}

pub(crate) fn gateway(servers: Vec<Server>, limits: Limits) -> Arc<Gateway> {
    Arc::new(Gateway { servers, limits, ..Gateway::default() })
}

/// The route that Envoy has for a server.
pub(crate) fn route(server: &str) -> Route {
    Route { authority: format!("{server}.mcp-gateway-internal"), server_header: None }
}

/// Waits until something is so.
pub(crate) async fn until(so: impl AsyncFn() -> bool) {
    let wait = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

impl Rig {
    pub(crate) fn configure(&self, servers: Vec<Server>) {
        self.config.send_replace(gateway(servers, Limits::default()));
    }

    /// A legacy client with a session.
    pub(crate) async fn client(&self) -> Client {
        self.client_of("2025-11-25").await
    }

    pub(crate) async fn client_of(&self, revision: &str) -> Client {
        Client::connect(&self.http, &self.public, revision).await
    }

    /// A legacy client that declares these capabilities.
    pub(crate) async fn capable(&self, capabilities: Value) -> Client {
        Client::capable(&self.http, &self.public, capabilities).await
    }

    pub(crate) fn modern(&self) -> Modern {
        Modern { http: self.http.clone(), url: format!("{}/mcp", self.public) }
    }

    /// Sends what a client would send as the filter does: on the internal port, with its key.
    pub(crate) async fn as_filter(&self, request: RequestBuilder) -> Response {
        let mut request = request.header("x-mcp-gateway-key", KEY).build().unwrap();
        *request.url_mut() = format!("{}/mcp", self.internal).parse().unwrap();
        self.http.execute(request).await.unwrap()
    }

    /// A question on the internal port.
    pub(crate) async fn resolve(&self, question: Value) -> Value {
        self.ask("/resolve", question).await
    }

    /// What a filter tells of itself, and is told.
    pub(crate) async fn report(&self, report: Value) -> Value {
        self.ask("/table", report).await
    }

    /// What `/status` says.
    pub(crate) async fn status(&self) -> Value {
        let answer = self.http.get(format!("{}/status", self.public)).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn ask(&self, path: &str, question: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.internal)).header("x-mcp-gateway-key", KEY);
        let answer = request.body(question.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-mcp-gateway-resolved"], "1");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }
}
