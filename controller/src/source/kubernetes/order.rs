//! Who came first.

use super::world::name_of;
use crate::model::ObjectName;
use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;

/// Sorts by age, the oldest first; of the same moment by name.
pub(super) fn age(object: &DynamicObject) -> (Option<Timestamp>, ObjectName) {
    // One without a time is not in the cluster yet, so it is the youngest.
    let created = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (Some(created.unwrap_or(Timestamp::MAX)), name_of(object))
}
