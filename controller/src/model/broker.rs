//! What a gateway's broker and filter are made of.

use serde_json::Value;

/// What the broker runs with.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerSpec {
    /// Image of `mcp-gateway`.
    pub image: String,
    /// `imagePullPolicy`.
    pub pull_policy: Option<String>,
    /// Names of the secrets that the image is pulled with.
    pub pull_secrets: Vec<String>,
    /// How many run.
    pub replicas: u16,
    /// `resources` of its container (`ResourceRequirements`).
    pub resources: Value,
}

/// The filter's module in an OCI registry, found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// `oci://HOST/REPOSITORY:TAG`.
    pub url: String,
    /// The manifest's digest, without `sha256:`.
    pub sha256: String,
    /// Name of the secret, in the gateway's namespace, that it is pulled with.
    pub pull_secret: Option<String>,
}
