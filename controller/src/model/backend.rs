//! Where Envoy's route for a server leads.

use serde_json::Value;

/// Where Envoy's route for a server leads.
#[derive(Debug, Clone, PartialEq)]
pub enum Backend {
    /// To what the registration's target names: a rule of an `HTTPRoute`, or a `Service` or `ServiceEntry` as a rule of one.
    Refs {
        /// `backendRefs` of the rule, as they stand, namespaces filled in.
        refs: Vec<Value>,
        /// Its `filters` that a call can pass; those that were left out are reported in the registration's status. There is no
        /// `URLRewrite` among them: what it comes to is `host`, and the path of the server's URL.
        filters: Vec<Value>,
        /// Its `timeouts`.
        timeouts: Option<Value>,
        /// The host that the server expects, without a port.
        host: String,
    },
    /// To a server outside of the mesh.
    External(External),
}

/// A server outside of the mesh, which needs a `ServiceEntry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is reached by TLS, and whom its certificate has to be issued by.
    pub tls: bool,
    /// PEM of the certificate authorities to trust instead of the system's.
    pub ca: Option<String>,
}
