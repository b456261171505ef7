//! How Envoy picks one of several brokers.

use super::names::Names;
use super::object::{Object, Step};
use crate::model::Instance;
use protocol::http::header;
use serde_json::json;

/// A session stays with one broker, so that its servers see one session. Any other broker could serve it too.
///
/// Nothing else is set: Istio's clusters have no limits of their own on connections and requests, and mutual TLS stays as the
/// mesh has it.
pub(super) fn destination_rule(instance: &Instance, names: &Names) -> Option<Object> {
    let spec = json!({
        "host": names.broker_host(),
        "trafficPolicy": { "loadBalancer": { "consistentHash": { "httpHeaderName": header::SESSION_ID } } },
    });
    (instance.broker.replicas > 1).then(|| {
        Object::new(
            Step::Broker,
            ("networking.istio.io/v1", "DestinationRule"),
            names.broker(),
            instance,
            &instance.owner,
            json!({ "spec": spec }),
        )
    })
}
