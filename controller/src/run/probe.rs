//! Whether a gateway's endpoint answers to a client.

use protocol::http::{header, path};
use reqwest::header::{HOST, HeaderValue};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long the endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Probe {
    /// Host of the endpoint, as clients write it.
    pub(super) host: String,
    /// The gateway's address, a name or an IP address.
    pub(super) address: String,
    /// Its port.
    pub(super) port: u16,
    /// Whether it is reached by TLS.
    pub(super) https: bool,
}

impl Probe {
    fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        // An address is no name that the client would look up: it would go there, wherever that is.
        let host = if self.is_address() { "gateway.invalid" } else { &self.host };
        format!("{scheme}://{host}:{}{}", self.port, path::MCP)
    }

    fn is_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }
}

/// One client an endpoint.
#[derive(Default)]
pub(super) struct Endpoints(BTreeMap<Probe, reqwest::Client>);

impl Endpoints {
    /// Forgets all but these.
    pub(super) fn keep<'a>(&mut self, wanted: impl Iterator<Item = &'a Probe>) {
        let wanted: Vec<_> = wanted.collect();
        self.0.retain(|probe, _| wanted.contains(&probe));
    }

    /// The client, and the URL to ask. `None` if there can be no client.
    pub(super) fn get(&mut self, probe: &Probe) -> Option<(reqwest::Client, String)> {
        if let Some(client) = self.0.get(probe) {
            return Some((client.clone(), probe.url()));
        }
        let client = client(Some(probe)).ok()?;
        self.0.insert(probe.clone(), client.clone());
        Some((client, probe.url()))
    }
}

/// An HTTP client; for the endpoint one that goes to the gateway's address whatever the host's DNS says.
pub(super) fn client(probe: Option<&Probe>) -> Result<reqwest::Client, reqwest::Error> {
    // Every question on a connection of its own: what has moved is noticed.
    let builder = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(PATIENCE);
    match probe {
        None => builder.tls_certs_only([]).build(),
        Some(probe) => {
            // It is asked whether clients get an answer. Whose certificate they trust is theirs to say.
            let builder = builder.tls_danger_accept_invalid_certs(true);
            let resolver = Resolver(probe.address.clone(), probe.port);
            let host = HeaderValue::from_str(&probe.host).ok().filter(|_| probe.is_address());
            let host = host.map(|host| (HOST, host));
            builder.dns_resolver(std::sync::Arc::new(resolver)).default_headers(host.into_iter().collect()).build()
        }
    }
}

/// Finds the gateway's address for any name.
struct Resolver(String, u16);

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (address, port) = (self.0.clone(), self.1);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((address, port)).await?.collect();
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// Asks the endpoint what it can do, as a modern client does first.
pub(super) async fn answers(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let version = protocol::era::MODERN;
    let method = "server/discover";
    let question = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        "params": {
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientInfo": { "name": "mcp-gateway-controller", "version": env!("CARGO_PKG_VERSION") },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let asked = async {
        let request = client
            .post(url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header(header::PROTOCOL_VERSION, version)
            .header(header::METHOD, method)
            .body(question.to_string());
        let response = request.send().await.map_err(|error| why(&error))?;
        let status = response.status();
        // Who wants to know a client first lets none without credentials in, and this is one.
        if status == 401 || status == 403 {
            return Ok(());
        }
        let body = response.text().await.map_err(|error| why(&error))?;
        if status == 200 && body.contains("\"jsonrpc\"") {
            return Ok(());
        }
        Err(format!("it answers {status}"))
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    answer.unwrap_or_else(|_| Err(too_late()))
}

fn too_late() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

/// The last cause of an error: the ones before it only say what was tried.
pub(super) fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return too_late();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
