//! The broker's `PodDisruptionBudget`.

use super::names::Names;
use super::object::{Object, Step, broker_labels};
use crate::model::Instance;
use serde_json::json;

/// One at a time. For a single replica there is none: it could never be drained.
pub(super) fn disruption_budget(instance: &Instance, names: &Names) -> Option<Object> {
    let spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": broker_labels(instance) } });
    (instance.broker.replicas > 1).then(|| {
        Object::new(
            Step::Broker,
            ("policy/v1", "PodDisruptionBudget"),
            names.broker(),
            instance,
            &instance.owner,
            json!({ "spec": spec }),
        )
    })
}
