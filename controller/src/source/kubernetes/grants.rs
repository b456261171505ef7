//! References across namespaces need the consent of the namespace that they lead to.

use super::gateway_api::ReferenceGrant;
use super::kind::Kind;
use super::world::{World, spec};
use crate::model::ObjectName;

/// Who refers to something.
pub(super) struct Referrer<'a> {
    pub(super) group: &'a str,
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
}

/// Whether `from` may refer to a resource: in its own namespace always, elsewhere by a `ReferenceGrant` that stands there.
pub(super) fn permitted(world: &World, from: &Referrer<'_>, to: (&str, &str), name: &ObjectName) -> bool {
    let grants = || world.all(Kind::ReferenceGrant).filter(|(grant, _)| grant.namespace == name.namespace);
    from.namespace == name.namespace
        || grants().filter_map(|(_, grant)| spec::<ReferenceGrant>(grant).ok()).any(|grant| {
            grant.from.iter().any(|granted| {
                granted.group == from.group && granted.kind == from.kind && granted.namespace == from.namespace
            }) && grant.to.iter().any(|granted| {
                (granted.group.as_str(), granted.kind.as_str()) == to
                    && granted.name.as_ref().is_none_or(|granted| *granted == name.name)
            })
        })
}
