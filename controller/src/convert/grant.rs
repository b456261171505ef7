//! `ReferenceGrant`.

use super::{OLDER, THEIRS};
use crate::api::GROUP;
use serde_json::{Value, json};

/// The grant, for our kinds too: theirs keep it, as both gateways may run beside each other. `None` if it is about none of those.
pub(super) fn convert(grant: &Value) -> Option<Value> {
    let mut from = grant["spec"]["from"].as_array()?.clone();
    let ours: Vec<_> = from.iter().filter(|from| is_converted(from)).map(for_ours).collect();
    if ours.is_empty() {
        return None;
    }
    from.extend(ours);
    let to = &grant["spec"]["to"];
    Some(json!({ "apiVersion": grant["apiVersion"], "kind": grant["kind"], "spec": { "from": from, "to": to } }))
}

/// Whether who is granted something becomes another kind: registrations of the older group stay what they are.
fn is_converted(from: &Value) -> bool {
    let group = from["group"].as_str().unwrap_or_default();
    THEIRS.contains(&group) && !(group == OLDER && from["kind"] == "MCPServerRegistration")
}

fn for_ours(from: &Value) -> Value {
    let mut from = from.clone();
    from["group"] = GROUP.into();
    if from["kind"] == "MCPServer" {
        from["kind"] = "MCPServerRegistration".into();
    }
    from
}
