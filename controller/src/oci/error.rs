//! Why a registry did not do what was asked.

use super::ModuleUrl;
use oci_client::errors::{OciDistributionError, OciErrorCode};
use std::error::Error;

/// Why a module cannot be pushed to, or found in, a registry. The text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OciError {
    /// The URL cannot be read.
    #[error("{url:?} is no module's URL: {reason}; write oci://HOST[:PORT]/REPOSITORY:TAG")]
    BadUrl {
        /// The URL.
        url: String,
        /// What is wrong in it.
        reason: String,
    },
    /// No connection.
    #[error("the registry {registry} cannot be reached: {reason}; check its name, its port and the network")]
    Unreachable {
        /// The registry.
        registry: String,
        /// What the connection ended with.
        reason: String,
    },
    /// It speaks no TLS.
    #[error(
        "the registry {registry} speaks plain HTTP: allow that with --plain-http, if nobody can listen on the way to it"
    )]
    NoTls {
        /// The registry.
        registry: String,
    },
    /// Its certificate is not trusted.
    #[error(
        "the certificate of the registry {registry} is not trusted: {reason}; name a file with its authority in SSL_CERT_FILE"
    )]
    Untrusted {
        /// The registry.
        registry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials, or none, do not suffice.
    #[error("the registry {registry} refuses access to {repository}: {login}")]
    Refused {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// Whether credentials were sent, and what to do.
        login: String,
    },
    /// There is no such module.
    #[error("{url} does not exist: push it, or correct the name or the tag")]
    Missing {
        /// The URL.
        url: String,
    },
    /// What is there is no module that istio-agent takes.
    #[error("{url} is no module that istio-agent takes: {reason}; push one with `mcp-gateway push`")]
    NoModule {
        /// The URL.
        url: String,
        /// What is there instead.
        reason: String,
    },
    /// The registry does something unexpected.
    #[error("the registry {registry} fails: {reason}")]
    Failed {
        /// The registry.
        registry: String,
        /// What it answered.
        reason: String,
    },
}

impl OciError {
    /// What `error` means for somebody who asked for `url`.
    pub(super) fn of(error: OciDistributionError, url: &ModuleUrl, with_credentials: bool) -> Self {
        match &error {
            OciDistributionError::RequestError(request) => match request.status().map(|status| status.as_u16()) {
                Some(status) => of_status(status, url, with_credentials, request),
                None => of_connection(request, url),
            },
            OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => {
                refused(url, with_credentials)
            }
            OciDistributionError::ServerError { code, message, .. } => of_status(*code, url, with_credentials, message),
            OciDistributionError::RegistryError { envelope, .. } => {
                let is = |codes: &[OciErrorCode]| envelope.errors.iter().any(|error| codes.contains(&error.code));
                if is(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                    refused(url, with_credentials)
                } else if is(&[OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound]) {
                    Self::Missing { url: url.to_string() }
                } else {
                    failed(url, envelope)
                }
            }
            OciDistributionError::ImageManifestNotFoundError(_) => Self::Missing { url: url.to_string() },
            _ => failed(url, &error),
        }
    }
}

fn of_status(status: u16, url: &ModuleUrl, with_credentials: bool, message: impl std::fmt::Display) -> OciError {
    match status {
        401 | 403 => refused(url, with_credentials),
        404 => OciError::Missing { url: url.to_string() },
        _ => failed(url, format!("status {status}, {message}")),
    }
}

fn of_connection(error: &reqwest::Error, url: &ModuleUrl) -> OciError {
    let registry = url.registry().to_owned();
    let reason = innermost(error);
    // What rustls says when the answer to its hello is text.
    if reason.contains("InvalidContentType") {
        OciError::NoTls { registry }
    } else if reason.contains("certificate") {
        OciError::Untrusted { registry, reason }
    } else {
        OciError::Unreachable { registry, reason }
    }
}

fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn refused(url: &ModuleUrl, with_credentials: bool) -> OciError {
    let registry = url.registry();
    let login = if with_credentials {
        format!("the credentials for {registry} are wrong, or their account may not do this; log in with another")
    } else {
        format!(
            "no credentials for {registry} were found; log in with `docker login {registry}`, `podman login` or `buildah login`"
        )
    };
    OciError::Refused { registry: registry.to_owned(), repository: url.repository().to_owned(), login }
}

fn failed(url: &ModuleUrl, reason: impl std::fmt::Display) -> OciError {
    OciError::Failed { registry: url.registry().to_owned(), reason: reason.to_string() }
}
