//! Which eras a server speaks.
//!
//! Judged by JSON-RPC codes and `supportedVersions`, never by HTTP status: servers of one era refuse the other in many ways.

use super::capabilities::Capabilities;
use super::client::Client;
use super::error::UpstreamError;
use super::leg::{Envelope, Leg, gateway_info};
use super::transport::Stdio;
use protocol::config::EraChoice;
use protocol::era::{MODERN, Revision, SERVER_INFO};
use protocol::error::code;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use std::time::Duration;

/// How long a process may be silent when it is asked in the modern era: legacy servers may never answer what they do not know.
const SILENCE: Duration = Duration::from_secs(10);

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

/// Why a server is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Down {
    /// After "the server …".
    pub(super) why: String,
    /// It wants credentials that it was not shown.
    pub(super) unauthorized: bool,
}

impl Down {
    pub(super) fn because(why: &str) -> Self {
        Self { why: why.to_owned(), unauthorized: false }
    }

    pub(super) fn of(error: &UpstreamError) -> Self {
        Self { why: error.to_string(), unauthorized: is_unauthorized(error) }
    }
}

fn is_unauthorized(error: &UpstreamError) -> bool {
    matches!(error, UpstreamError::Status(401 | 403))
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
/// If the server speaks none of them.
pub(super) async fn probe(client: &Client, choice: EraChoice) -> Result<Probe, Down> {
    let first = ask(client, choice).await;
    let Err(Failure { down, other_transport: true }) = first else { return first.map_err(|failure| failure.down) };
    // "404, 405 or 400": it may be an HTTP+SSE server (2025-11-25, *Transports*: Backwards Compatibility), or no longer be one.
    if !client.switch_transport() {
        return Err(down);
    }
    ask(client, choice).await.map_err(|failure| {
        client.switch_transport();
        // It has this transport, then, and what is wrong there has to be mended.
        if failure.other_transport { down } else { failure.down }
    })
}

/// A server that speaks no era.
struct Failure {
    down: Down,
    /// It may have another transport.
    other_transport: bool,
}

async fn ask(client: &Client, choice: EraChoice) -> Result<Probe, Failure> {
    let modern = async {
        match choice {
            EraChoice::Legacy => None,
            // HTTP+SSE ended long before the modern era.
            EraChoice::Auto if client.is_sse() => None,
            EraChoice::Auto | EraChoice::Modern => Some(discover(client, Envelope::gateway()).await),
        }
    };
    let legacy = async {
        match choice {
            EraChoice::Modern => None,
            EraChoice::Auto | EraChoice::Legacy => Some(initialize(client).await),
        }
    };
    let (legacy, modern) = match client.processes() {
        None => tokio::join!(legacy, modern),
        Some(processes) => in_turn(processes, choice, legacy, modern).await,
    };
    let mut found = Probe { hellos: Vec::new(), incomplete: false };
    let mut errors = Vec::new();
    for (method, outcome) in [("initialize", legacy), ("server/discover", modern)] {
        match outcome {
            Some(Ok(hello)) => found.hellos.push(hello),
            Some(Err(error)) => {
                // A process was asked in a way that is a verdict whatever came of it.
                found.incomplete |= client.processes().is_none() && is_no_verdict(&error);
                errors.push((method, error));
            }
            None => {}
        }
    }
    if !found.hellos.is_empty() {
        return Ok(found);
    }
    let other_transport = errors.iter().all(|(_, error)| is_no_endpoint(error));
    let unauthorized = errors.iter().any(|(_, error)| is_unauthorized(error));
    Err(Failure { down: Down { why: describe(&errors), unauthorized }, other_transport })
}

/// Asks one process after the other question, the modern one first (2026-07-28, *stdio*: Backward Compatibility): whatever it makes
/// of that, silence included, it is then initialized. One that speaks the modern era is left in it, and another one initialized.
async fn in_turn<T>(
    processes: &Stdio,
    choice: EraChoice,
    legacy: impl Future<Output = Option<Result<T, UpstreamError>>>,
    modern: impl Future<Output = Option<Result<T, UpstreamError>>>,
) -> (Option<Result<T, UpstreamError>>, Option<Result<T, UpstreamError>>) {
    if choice != EraChoice::Auto {
        return tokio::join!(legacy, modern);
    }
    let modern = match processes.is_legacy() {
        true => None,
        false => {
            let asked = tokio::time::timeout(SILENCE, modern).await;
            asked.unwrap_or(Some(Err(UpstreamError::Timeout(SILENCE.as_millis() as u64))))
        }
    };
    let is_modern = matches!(modern, Some(Ok(_)));
    processes.settle_era(is_modern);
    let legacy = legacy.await;
    // It may have been the process's start that failed.
    if !is_modern && !matches!(legacy, Some(Ok(_))) {
        processes.settle_era(true);
    }
    (legacy, modern)
}

/// Whether an error says nothing of the era.
fn is_no_verdict(error: &UpstreamError) -> bool {
    use UpstreamError::{Closed, Connect, Status, Timeout};
    matches!(error, Connect(_) | Timeout(_) | Closed | Status(500..))
}

/// Whether this is no endpoint of the transport that was tried.
fn is_no_endpoint(error: &UpstreamError) -> bool {
    matches!(error, UpstreamError::Status(400 | 404 | 405 | 406 | 415 | 422 | 501) | UpstreamError::Media)
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

/// Asks a server what it is in the modern era, to a client of this envelope.
pub(super) async fn discover(client: &Client, envelope: Envelope) -> Result<Hello, UpstreamError> {
    let leg = Leg::Modern(envelope);
    let result = match client.request(&leg, "server/discover", None).await {
        // Refused with the revision that was asked for as one that is supported: it may have come up since.
        Err(error) if supports_ours(&error) => client.request(&leg, "server/discover", None).await?,
        outcome => outcome?,
    };
    let found: Discovered = serde_json::from_str(result.get())
        .map_err(|_| UpstreamError::Malformed("a result of server/discover without supportedVersions"))?;
    if !found.supported_versions.iter().any(|v| v == MODERN) {
        return Err(UpstreamError::Malformed("server/discover does not name a revision that the gateway knows"));
    }
    let in_meta = found.meta.as_ref().and_then(|m| m.get(SERVER_INFO));
    let server_info = in_meta.and_then(|info| to_raw_value(info).ok()).or(found.server_info);
    Ok(Hello {
        leg,
        capabilities: found.capabilities.map(|c| Capabilities::parse(&c)).unwrap_or_default(),
        server_info: server_info.map(Into::into),
        instructions: found.instructions,
    })
}

/// Whether an error refuses a revision and names the gateway's own as one that the server takes (2026-07-28, *Versioning*).
fn supports_ours(error: &UpstreamError) -> bool {
    #[derive(Deserialize)]
    struct Unsupported {
        supported: Vec<String>,
    }
    let UpstreamError::Rpc { code: code::UNSUPPORTED_VERSION, data: Some(data), .. } = error else { return false };
    serde_json::from_str::<Unsupported>(data).is_ok_and(|data| data.supported.iter().any(|version| version == MODERN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_names_our_revision_is_told_from_others() {
        let refusal =
            |code, data: &str| UpstreamError::Rpc { code, message: String::new(), data: Some(data.to_owned()) };
        assert!(supports_ours(&refusal(-32022, r#"{"supported":["2027-01-01","2026-07-28"]}"#)));
        assert!(!supports_ours(&refusal(-32022, r#"{"supported":["2027-01-01"]}"#)));
        assert!(!supports_ours(&refusal(-32601, r#"{"supported":["2026-07-28"]}"#)));
        assert!(!supports_ours(&UpstreamError::Closed));
    }
}
