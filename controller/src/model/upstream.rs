//! One registered server.

use super::backend::Backend;
use super::instance::Owner;
use protocol::config::Server;

/// What one registration comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// The registration. It owns the server's route, which is made in its namespace.
    pub owner: Owner,
    /// The server, as the broker reaches and shows it: name, prefix, URL, credentials, certificate authorities, limits.
    pub server: Server,
    /// A DNS label that is the server's own among all of the gateway: see [`Self::label`].
    pub label: String,
    /// Where Envoy's route for it leads. `None` if only the broker can reach it.
    pub backend: Option<Backend>,
}

impl Upstream {
    /// The label of the server named `name`: short, a legal DNS label, and the same for ever.
    pub fn label(name: &str) -> String {
        use sha2::{Digest, Sha256};
        let hash = Sha256::digest(name);
        let hex: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("s-{hex}")
    }
}
