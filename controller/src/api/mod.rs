//! The resources that a gateway in Kubernetes is declared by, as types; their schemas are made of them.
//!
//! The texts at the fields are what `kubectl explain` shows. Whatever the API server can check it does, with messages that name
//! field and fix; what depends on other resources shows up in conditions.

#![allow(
    clippy::duplicated_attributes,
    reason = "columns have fields of the same names, and the lint does not look further"
)]
#![allow(unreachable_pub, reason = "what the derive macro for schemas makes of each type")]

mod extension;
pub mod kagenti;
mod limits;
mod quantities;
mod references;
mod registration;
mod schema;
mod session_store;
mod status;
#[cfg(test)]
mod tests;
mod virtual_server;

pub use extension::{
    Access, Broker, DataPath, DataPathMode, Editing, ExtensionSpec, ExtensionStatus, GatewayRef, ImagePullPolicy,
    MCPGatewayExtension, Module,
};
pub use limits::Limits;
pub use quantities::Resources;
pub use references::{
    CaCertificateRef, CaKind, CredentialKind, CredentialRef, ExtensionRef, SecretKeyRef, TargetKind, TargetRef,
};
pub use registration::{
    Cache, CacheScope, Era, MCPServerRegistration, OnSessionLoss, RegistrationSpec, RegistrationStatus, ServerState,
    ServerTransport,
};
pub use schema::{Crd, crds};
pub use session_store::{SessionStore, SessionStoreType};
pub use status::{GatewayStatus, Instances, Refused};
pub use virtual_server::{MCPVirtualServer, VirtualServerSpec, VirtualServerStatus};

/// The API group of the project's own resources.
pub const GROUP: &str = "mcpgateway.dev";
