//! A client's session with the gateway.

use crate::Failure;
use crate::call::{FIRST_ID, answer, head};
use crate::client::Connection;
use serde_json::json;
use std::net::SocketAddr;

/// `MCP-Protocol-Version`
pub(crate) const REVISION: &str = "2025-11-25";

/// Opens a session and returns its id.
pub(crate) async fn open(gateway: SocketAddr) -> Result<String, Failure> {
    let mut connection = Connection::open(gateway).await?;
    let client = json!({ "name": "mcp-gateway-bench", "version": "1" });
    let params = json!({ "protocolVersion": REVISION, "capabilities": {}, "clientInfo": client });
    let initialize = json!({ "jsonrpc": "2.0", "id": FIRST_ID, "method": "initialize", "params": params }).to_string();
    let hello = connection.exchange(&head(gateway, None, initialize.len()), initialize.as_bytes()).await?;
    let id =
        hello.session.ok_or_else(|| format!("error: initialize was answered with {} and no session", hello.status))?;
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    let accepted = connection.exchange(&head(gateway, Some(&id), initialized.len()), initialized.as_bytes()).await?;
    if accepted.status == 202 {
        Ok(id)
    } else {
        Err(format!("error: notifications/initialized was answered with {}, not 202", accepted.status))
    }
}

/// Sends a call and checks its answer.
///
/// # Errors
/// How the answer differs from the one that is right.
pub(crate) async fn call(connection: &mut Connection, head: &[u8], body: &[u8], id: u64) -> Result<(), String> {
    let got = connection.exchange(head, body).await?;
    if got.status == 200 && got.body == answer(id).as_bytes() {
        return Ok(());
    }
    Err(format!("call {id} was answered with {} and {}", got.status, String::from_utf8_lossy(&got.body)))
}
