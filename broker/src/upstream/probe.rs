//! Which eras a server speaks.
//!
//! Judged by JSON-RPC codes and `supportedVersions`, never by HTTP status: servers of one era refuse the other in many ways.

use super::capabilities::Capabilities;
use super::client::Client;
use super::error::UpstreamError;
use super::leg::{Envelope, Leg, gateway_info};
use protocol::config::EraChoice;
use protocol::era::{MODERN, Revision};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// What a server said of itself in one era.
#[derive(Debug, Clone)]
pub(super) struct Hello {
    pub(super) leg: Leg,
    pub(super) capabilities: Capabilities,
    pub(super) server_info: Option<Arc<RawValue>>,
    pub(super) instructions: Option<String>,
}

impl Hello {
    /// Whether the server says the same of itself as before.
    pub(super) fn same(&self, other: &Hello) -> bool {
        let raw = |hello: &Hello| hello.capabilities.raw.as_ref().map(|raw| raw.get().to_owned());
        raw(self) == raw(other) && self.instructions == other.instructions
    }
}

/// What the probe found.
#[derive(Debug)]
pub(super) struct Probe {
    /// One entry an era.
    pub(super) hellos: Vec<Hello>,
    /// An era was not refused but could not be tried; it is worth to ask again.
    pub(super) incomplete: bool,
}

/// Asks in the eras that `choice` allows. An open session is the caller's to end.
///
/// # Errors
/// If the server speaks none of them: why, after "the server …".
pub(super) async fn probe(client: &Client, choice: EraChoice) -> Result<Probe, String> {
    let modern = async {
        match choice {
            EraChoice::Legacy => None,
            EraChoice::Auto | EraChoice::Modern => Some(discover(client).await),
        }
    };
    let legacy = async {
        match choice {
            EraChoice::Modern => None,
            EraChoice::Auto | EraChoice::Legacy => Some(initialize(client).await),
        }
    };
    let (legacy, modern) = tokio::join!(legacy, modern);
    let mut found = Probe { hellos: Vec::new(), incomplete: false };
    let mut errors = Vec::new();
    for (method, outcome) in [("initialize", legacy), ("server/discover", modern)] {
        match outcome {
            Some(Ok(hello)) => found.hellos.push(hello),
            Some(Err(error)) => {
                found.incomplete |= is_no_verdict(&error);
                errors.push((method, error));
            }
            None => {}
        }
    }
    if found.hellos.is_empty() { Err(describe(&errors)) } else { Ok(found) }
}

/// Whether an error says nothing of the era.
fn is_no_verdict(error: &UpstreamError) -> bool {
    use UpstreamError::{Closed, Connect, Status, Timeout};
    matches!(error, Connect(_) | Timeout(_) | Closed | Status(500..))
}

fn describe(errors: &[(&str, UpstreamError)]) -> String {
    match errors {
        [(_, first), (_, second)] if first == second => first.to_string(),
        _ => errors.iter().map(|(method, error)| format!("{error} (to {method})")).collect::<Vec<_>>().join("; "),
    }
}

/// Opens the broker's own session, which declares no capability.
async fn initialize(client: &Client) -> Result<Hello, UpstreamError> {
    let params = serde_json::json!({
        "protocolVersion": Revision::LATEST.as_str(),
        "capabilities": {},
        "clientInfo": gateway_info(),
    });
    let params = to_raw_value(&params).map_err(|_| UpstreamError::Malformed("parameters"))?;
    let session = client.open_session(&params).await?;
    Ok(Hello {
        capabilities: session.capabilities.clone(),
        server_info: session.server_info.clone(),
        instructions: session.instructions.clone(),
        leg: Leg::Legacy(session),
    })
}

/// `DiscoverResult`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    supported_versions: Vec<String>,
    #[serde(default)]
    capabilities: Option<Box<RawValue>>,
    #[serde(default)]
    instructions: Option<String>,
    #[serde(default)]
    server_info: Option<Box<RawValue>>,
    #[serde(rename = "_meta", default)]
    meta: Option<Value>,
}

/// Asks a server what it is in the modern era.
pub(super) async fn discover(client: &Client) -> Result<Hello, UpstreamError> {
    let leg = Leg::Modern(Envelope::gateway());
    let result = client.request(&leg, "server/discover", None).await?;
    let found: Discovered = serde_json::from_str(result.get())
        .map_err(|_| UpstreamError::Malformed("a result of server/discover without supportedVersions"))?;
    if !found.supported_versions.iter().any(|v| v == MODERN) {
        return Err(UpstreamError::Malformed("server/discover does not name a revision that the gateway knows"));
    }
    let in_meta = found.meta.as_ref().and_then(|m| m.get("io.modelcontextprotocol/serverInfo"));
    let server_info = in_meta.and_then(|info| to_raw_value(info).ok()).or(found.server_info);
    Ok(Hello {
        leg,
        capabilities: found.capabilities.map(|c| Capabilities::parse(&c)).unwrap_or_default(),
        server_info: server_info.map(Into::into),
        instructions: found.instructions,
    })
}
