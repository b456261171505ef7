//! `ReferenceGrant`.

use super::THEIRS;
use crate::api::GROUP;
use serde_json::Value;

/// The grant, for our kinds instead of theirs. `None` if it is about none of those.
pub(super) fn convert(grant: &Value) -> Option<Value> {
    let from = grant["spec"]["from"].as_array()?;
    if !from.iter().any(|from| from["group"] == THEIRS) {
        return None;
    }
    let mut ours =
        serde_json::json!({ "apiVersion": grant["apiVersion"], "kind": grant["kind"], "spec": grant["spec"] });
    for from in ours["spec"]["from"].as_array_mut()?.iter_mut().filter(|from| from["group"] == THEIRS) {
        from["group"] = GROUP.into();
    }
    Some(ours)
}
