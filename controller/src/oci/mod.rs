//! The filter's module in OCI registries: putting it there, and finding out what is there.
//!
//! istio-agent takes three forms (its `pkg/wasm/imagefetcher.go`): a Docker or OCI image whose last layer is a tar.gz that holds
//! `plugin.wasm`, and an artifact of exactly two layers. [`Registries::push`] makes the last one; [`Registries::module`] knows all.

mod artifact;
mod credentials;
mod error;
mod reference;
mod registry;

pub use credentials::{Credentials, CredentialsError};
pub use error::OciError;
pub use reference::ModuleUrl;
pub use registry::{Pushed, Registries};
