//! Configuration that more than one part reads.
//!
//! [`Gateway`] is what an operator declared, checked and complete: the controller makes it from `gateway.yaml` or from
//! Kubernetes resources, the broker runs it. [`Plugin`] is the filter's share of it, as JSON in the plugin configuration.

mod gateway;
mod plugin;
mod session_store;
mod transport;
mod virtual_server;

pub use gateway::{Access, Cache, CacheScope, Editing, EraChoice, Gateway, Limits, OnSessionLoss, Route, Server};
pub use plugin::{Endpoint, FilterMode, Plugin};
pub use session_store::{Redis, SessionStore};
pub use transport::{Process, Sharing, Transport};
pub use virtual_server::{VirtualServer, is_selected};
