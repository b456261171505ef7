//! What conditions come from.

/// Whether something is so, and why, as a condition tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The condition's `status`; `None` for `Unknown`.
    pub holds: Option<bool>,
    /// The condition's `reason`.
    pub reason: &'static str,
    /// The condition's `message`.
    pub message: String,
}

impl Verdict {
    /// It is so.
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { holds: Some(true), reason, message: message.into() }
    }

    /// It is not.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { holds: Some(false), reason, message: message.into() }
    }

    /// Nobody knows yet.
    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self { holds: None, reason, message: message.into() }
    }

    /// Whether it is so for sure.
    pub fn is_yes(&self) -> bool {
        self.holds == Some(true)
    }
}

/// Reasons. Where the Gateway API has a word for something, that word is used.
pub mod reason {
    #![allow(missing_docs, reason = "conditions have a message for each")]

    pub const ACCEPTED: &str = "Accepted";
    pub const RESOLVED_REFS: &str = "ResolvedRefs";
    pub const PROGRAMMED: &str = "Programmed";
    pub const READY: &str = "Ready";
    pub const PENDING: &str = "Pending";
    pub const INVALID: &str = "Invalid";
    pub const DISABLED: &str = "Disabled";
    pub const CONFLICTED: &str = "Conflicted";
    pub const PREFIX_CONFLICT: &str = "PrefixConflict";
    pub const NO_MATCHING_PARENT: &str = "NoMatchingParent";
    pub const NOT_ALLOWED: &str = "NotAllowedByListeners";
    pub const HOSTNAME: &str = "NoMatchingListenerHostname";
    pub const REF_NOT_PERMITTED: &str = "RefNotPermitted";
    pub const INVALID_KIND: &str = "InvalidKind";
    pub const TARGET_NOT_FOUND: &str = "TargetNotFound";
    pub const BACKEND_NOT_FOUND: &str = "BackendNotFound";
    pub const NAMES_NOT_FOUND: &str = "NamesNotFound";
    pub const INVALID_CREDENTIAL: &str = "InvalidCredentialRef";
    pub const INVALID_SESSION_STORE: &str = "InvalidSessionStore";
    pub const INVALID_CA: &str = "InvalidCACertificateRef";
    pub const COMPATIBLE: &str = "Compatible";
    pub const CONNECTION_LIMITS: &str = "ConnectionLimits";
    pub const AUTHORIZATION_POLICY: &str = "AuthorizationPolicy";
    pub const ROUTE_CONFLICT: &str = "RouteConflict";
    pub const MUTUAL_TLS: &str = "MutualTLSRequired";
    pub const UNSUPPORTED_VERSION: &str = "UnsupportedVersion";
    pub const MODULE_UNAVAILABLE: &str = "ModuleUnavailable";
    pub const GATEWAY_NOT_PROGRAMMED: &str = "GatewayNotProgrammed";
    pub const ROUTE_NOT_ACCEPTED: &str = "RouteNotAccepted";
    pub const APPLY_FAILED: &str = "ApplyFailed";
    pub const BROKER_UNAVAILABLE: &str = "BrokerUnavailable";
    pub const BROKER_OUTDATED: &str = "BrokerOutdated";
    pub const FILTER_OUTDATED: &str = "FilterOutdated";
    pub const FILTER_MISSING: &str = "FilterMissing";
    pub const GATEWAY_UNREACHABLE: &str = "GatewayUnreachable";
    pub const CONNECTING: &str = "Connecting";
    pub const SERVER_UNAVAILABLE: &str = "ServerUnavailable";
}
