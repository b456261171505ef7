//! A registration, of whichever group, in one form.

use super::kind::Kind;
use crate::api;
use crate::model::{ObjectName, Owner};
use protocol::config::{Cache, EraChoice, OnSessionLoss, Transport};

/// Which registration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId {
    /// Its group's.
    pub kind: Kind,
    /// Its name.
    pub name: ObjectName,
}

/// What one registration says.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) id: RegistrationId,
    pub(super) owner: Owner,
    pub(super) enabled: bool,
    pub(super) prefix: String,
    pub(super) path: String,
    pub(super) target: Target,
    pub(super) transport: Transport,
    pub(super) era: EraChoice,
    pub(super) on_session_loss: OnSessionLoss,
    pub(super) forward_headers: Vec<String>,
    pub(super) cache: Cache,
    pub(super) credential: Option<Credential>,
    pub(super) ca: Option<ValueRef>,
    pub(super) timeout_ms: u64,
    /// The gateways that it is for; none for all that its target is on.
    pub(super) extensions: Vec<ObjectName>,
}

/// What a server is.
#[derive(Debug)]
pub(super) enum Target {
    /// Outside of the cluster.
    Url(String),
    /// A resource.
    Ref(TargetRef),
}

/// `targetRef`.
#[derive(Debug)]
pub(super) struct TargetRef {
    pub(super) kind: Kind,
    pub(super) name: ObjectName,
    pub(super) port: Option<u16>,
    /// The rule of an `HTTPRoute`, by name.
    pub(super) rule: Option<String>,
}

/// What is sent to a server with every request.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) value: ValueRef,
    pub(super) header: String,
}

/// A value in a `Secret` or `ConfigMap` of the namespace of what refers to it.
#[derive(Debug)]
pub(super) struct ValueRef {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) key: String,
}

impl ValueRef {
    /// Certificate authorities.
    pub(super) fn of_ca(reference: &api::CaCertificateRef) -> Self {
        let kind = match reference.kind {
            api::CaKind::ConfigMap => Kind::ConfigMap,
            api::CaKind::Secret => Kind::Secret,
        };
        Self { kind, name: reference.name.clone(), key: reference.key.clone() }
    }
}
