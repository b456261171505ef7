//! How Envoy keeps connections to the brokers, and picks one of several.

use super::names::Names;
use super::object::{Object, Step};
use crate::model::Instance;
use protocol::http::header;
use serde_json::json;

/// Istio's own limit is an hour, which is long to hold a connection that nobody uses. As in a plain Envoy's configuration.
const IDLE: &str = "30s";

/// How long Envoy sends nothing to a broker that it could not reach. Longer each time in a row.
const EJECTION: &str = "2s";

/// A session stays with one of several brokers, so that its servers see one session. Any other broker could serve it too.
///
/// One that crashes is left out as soon as Envoy notices. It would send a session's requests there until Kubernetes has taken the
/// broker from its endpoints otherwise: Istio leaves no host out on a retry where requests are hashed. Answers of a broker are no
/// reason, whatever they say, and where none is left all of them are tried. Istio would prefer brokers of Envoy's own zone as soon as there
/// is such a rule, and then a session would not stay with one.
///
/// Nothing else is set: Istio's clusters have no limits of their own on connections and requests, and mutual TLS stays as the
/// mesh has it.
pub(super) fn destination_rule(instance: &Instance, names: &Names) -> Object {
    let mut policy = json!({ "connectionPool": { "http": { "idleTimeout": IDLE } } });
    if instance.broker.replicas > 1 {
        policy["loadBalancer"] = json!({
            "consistentHash": { "httpHeaderName": header::SESSION_ID },
            "localityLbSetting": { "enabled": false },
        });
        policy["outlierDetection"] = json!({
            "splitExternalLocalOriginErrors": true,
            "consecutiveLocalOriginFailures": 2,
            "consecutiveGatewayErrors": 0,
            "consecutive5xxErrors": 0,
            "interval": "1s",
            "baseEjectionTime": EJECTION,
            "maxEjectionPercent": 100,
            "minHealthPercent": 1,
        });
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
