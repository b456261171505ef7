//! How Envoy keeps connections to the brokers, and picks one of several.

use super::names::Names;
use super::object::{Object, Step};
use crate::model::Instance;
use protocol::http::header;
use serde_json::json;

/// Istio's own limit is an hour, which is long to hold a connection that nobody uses. As in a plain Envoy's configuration.
const IDLE: &str = "30s";

/// A session stays with one of several brokers, so that its servers see one session. Any other broker could serve it too.
///
/// Nothing else is set: Istio's clusters have no limits of their own on connections and requests, and mutual TLS stays as the
/// mesh has it.
pub(super) fn destination_rule(instance: &Instance, names: &Names) -> Object {
    let mut policy = json!({ "connectionPool": { "http": { "idleTimeout": IDLE } } });
    if instance.broker.replicas > 1 {
        policy["loadBalancer"] = json!({ "consistentHash": { "httpHeaderName": header::SESSION_ID } });
    }
    let spec = json!({ "host": names.broker_host(), "trafficPolicy": policy });
    Object::new(
        Step::Broker,
        ("networking.istio.io/v1", "DestinationRule"),
        names.broker(),
        instance,
        &instance.owner,
        json!({ "spec": spec }),
    )
}
