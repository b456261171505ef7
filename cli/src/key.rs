//! The key that the filter proves itself with to the broker.

use crate::Failure;
use std::net::SocketAddr;
use std::path::Path;

/// The key where none is given, for an Envoy and a broker on one machine. It is no secret: see [`read`].
const LOCAL: &str = "local-development";
const MIN_BYTES: usize = 16;

/// The key in `file`. Without one it is a well-known word, and then the broker's internal port has to stay on loopback.
pub(crate) fn read(file: Option<&Path>, internal: SocketAddr) -> Result<String, Failure> {
    let Some(file) = file else {
        if internal.ip().is_loopback() {
            return Ok(LOCAL.to_owned());
        }
        return Err(format!("error: {internal} can be reached from other machines: give a key with --key-file"));
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("error: --key-file {} cannot be read: {error}", file.display()))?;
    let key = text.trim();
    if key.len() < MIN_BYTES || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "error: --key-file {}: write {MIN_BYTES} or more printable characters without spaces",
            file.display()
        ));
    }
    Ok(key.to_owned())
}

/// A new key that nobody knows.
pub(crate) fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("error: no random numbers: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
