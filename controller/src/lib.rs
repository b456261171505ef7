//! From what an operator declares to the proxy's configuration.
//!
//! [`source`] reads and checks a declaration, [`render`] turns it into Envoy's configuration, [`sink`] writes that where
//! a running Envoy takes it up. [`oci`] keeps the filter's module in registries.

pub mod api;
pub mod convert;
pub mod model;
pub mod oci;
pub mod offline;
pub mod render;
pub mod run;
pub mod sealed;
pub mod sink;
pub mod source;
