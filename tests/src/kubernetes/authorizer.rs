//! Whom Istio's `CUSTOM` policies ask.

use super::network::NODE;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::Response;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// Its name among the mesh's extension providers.
pub const PROVIDER: &str = "authorizer";

/// It refuses requests for names that end so.
pub const REFUSED: &str = "_refused";

/// What it says then.
pub const REFUSAL: &str = "the authorizer refuses this";

const PORT: u16 = 9190;

/// Headers that it is shown beside host, method, path and `Authorization`.
const SHOWN: [&str; 2] = ["mcp-method", "mcp-name"];

/// What it was asked about.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `Host`.
    pub host: String,
    /// The path.
    pub path: String,
    /// `Mcp-Method`; empty where there is none.
    pub method: String,
    /// `Mcp-Name`.
    pub name: String,
    /// `Authorization`.
    pub authorization: String,
}

/// A server for `CUSTOM` policies, which decides by the request's `Mcp-Name`.
#[derive(Debug, Clone, Default)]
pub struct Authorizer(Arc<Mutex<Vec<Asked>>>);

impl Authorizer {
    /// What it was asked about requests for a host.
    pub fn asked(&self, host: &str) -> Vec<Asked> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|asked| asked.host == host).cloned().collect()
    }

    /// Answers for ever. It has to be in the cluster's network.
    pub(super) async fn serve(self) {
        let node: Ipv4Addr = NODE.parse().expect("an address");
        let listener = TcpListener::bind((node, PORT)).await.expect("nobody else has the port");
        let app = Router::new().fallback(decide).with_state(self);
        axum::serve(listener, app).await.expect("serving the authorizer");
    }
}

async fn decide(State(authorizer): State<Authorizer>, request: Request) -> Response {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let asked = Asked {
        host: header("host"),
        path: request.uri().path().to_owned(),
        method: header("mcp-method"),
        name: header("mcp-name"),
        authorization: header("authorization"),
    };
    let refused = asked.name.ends_with(REFUSED);
    authorizer.0.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    if refused { (StatusCode::FORBIDDEN, REFUSAL).into_response() } else { StatusCode::OK.into_response() }
}

/// What the mesh's configuration says of it.
pub(super) fn provider() -> Value {
    json!({
        "name": PROVIDER,
        "envoyExtAuthzHttp": {
            "service": "authorizer.istio-system.svc.cluster.local",
            "port": PORT,
            "timeout": "10s",
            "includeRequestHeadersInCheck": SHOWN,
        },
    })
}

/// Its Service, and where that leads.
pub(super) fn objects() -> [Value; 2] {
    let metadata = json!({
        "name": "authorizer", "namespace": "istio-system", "labels": {"kubernetes.io/service-name": "authorizer"},
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {"ports": [{"name": "http", "port": PORT, "targetPort": PORT}]},
    });
    let endpoints = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "metadata": metadata,
        "endpoints": [{"addresses": [NODE], "conditions": {"ready": true}}],
        "ports": [{"name": "http", "port": PORT}],
    });
    [service, endpoints]
}
