//! Talking to registries.

use super::artifact::{ACCEPTED, Artifact, module_layer};
use super::{Credentials, ModuleUrl, OciError};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::{Client, RegistryOperation};
use sha2::{Digest, Sha256};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
/// How long a registry may take to say what it has.
const LOOK: Duration = Duration::from_secs(30);
const DIGEST: &str = "sha256:";

/// Registries, and how they are spoken to.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    plain_http: Vec<String>,
}

/// A module that is in its registry now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The manifest's digest, without `sha256:`, as `WasmPlugin.spec.sha256` takes it.
    pub sha256: String,
    /// The module's length in bytes.
    pub length: usize,
}

impl Registries {
    /// `plain_http`: registries (`HOST[:PORT]`) without TLS. Those on this machine need not be named.
    pub fn new(plain_http: Vec<String>) -> Self {
        Self { plain_http }
    }

    /// The digest of the module that is at `url`, without `sha256:`: istio-agent takes it, and its bytes are there.
    pub async fn module(&self, url: &ModuleUrl, credentials: &Credentials) -> Result<String, OciError> {
        let look = async {
            let client = self.connect(url, credentials, RegistryOperation::Pull).await?;
            let (manifest, digest) = client.pull_manifest_raw(url.reference(), credentials.auth(), &ACCEPTED).await?;
            let layer = match module_layer(&manifest) {
                Ok(layer) => layer,
                Err(reason) => return Ok(Err(OciError::NoModule { url: url.to_string(), reason })),
            };
            if !client.blob_exists(url.reference(), &layer.digest).await? {
                return Ok(Err(OciError::NoModule { url: url.to_string(), reason: "its bytes are gone".to_owned() }));
            }
            Ok(digest.strip_prefix(DIGEST).map(str::to_owned).ok_or_else(|| OciError::Failed {
                registry: url.registry().to_owned(),
                reason: format!("it names the manifest by {digest}, and not by its SHA-256"),
            }))
        };
        match tokio::time::timeout(LOOK, look).await {
            Ok(found) => found.map_err(|error| OciError::of(error, url, credentials.are_any()))?,
            Err(_) => Err(OciError::Unreachable {
                registry: url.registry().to_owned(),
                reason: format!("no answer within {} s", LOOK.as_secs()),
            }),
        }
    }

    /// Puts a module there, in the place of what `url` named before.
    pub async fn push(&self, url: &ModuleUrl, module: Vec<u8>, credentials: &Credentials) -> Result<Pushed, OciError> {
        let length = module.len();
        let sha256 = self
            .upload(url, Artifact::new(module), credentials)
            .await
            .map_err(|error| OciError::of(error, url, credentials.are_any()))?;
        Ok(Pushed { sha256, length })
    }

    async fn upload(
        &self,
        url: &ModuleUrl,
        artifact: Artifact,
        credentials: &Credentials,
    ) -> Result<String, OciDistributionError> {
        let client = self.connect(url, credentials, RegistryOperation::Push).await?;
        let Artifact { layers, config, manifest } = artifact;
        let blobs = layers.into_iter().map(|layer| layer.data).chain([config.data]);
        for (descriptor, data) in manifest.layers.iter().chain([&manifest.config]).zip(blobs) {
            client.push_blob(url.reference(), data, &descriptor.digest).await?;
        }
        let bytes = serde_json::to_vec(&manifest)?;
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let media_type = http::HeaderValue::from_static(oci_client::manifest::OCI_IMAGE_MEDIA_TYPE);
        client.push_manifest_raw(url.reference(), bytes, media_type).await?;
        Ok(sha256)
    }

    /// A client of its own for each use: the crate's keeps the first credentials that it was given.
    async fn connect(
        &self,
        url: &ModuleUrl,
        credentials: &Credentials,
        operation: RegistryOperation,
    ) -> Result<Client, OciDistributionError> {
        let registry = url.reference().resolve_registry().to_owned();
        let plain = url.is_local() || self.plain_http.iter().any(|host| host == url.registry());
        let client = Client::try_from(ClientConfig {
            protocol: if plain { ClientProtocol::HttpsExcept(vec![registry]) } else { ClientProtocol::Https },
            // Every registry knows it; some know nothing else.
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENCE),
            user_agent: concat!("mcp-gateway/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        })?;
        client.auth(url.reference(), credentials.auth(), operation).await?;
        Ok(client)
    }
}
