//! Writing statuses: nothing that is there already, and an event for each change that matters.

use super::apply::{Applier, is_terminating};
use super::watch::Watches;
use crate::model::ObjectName;
use crate::source::kubernetes::{Kind, Verdict, reason};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder};
use serde_json::{Map, Value, json};

/// Conditions: the type of each, and what it says.
pub(super) type Conditions = Vec<(&'static str, Verdict)>;

/// Bytes of the longest message of a condition, which the API server limits to 32 KiB, and of an event (1 KiB).
const MESSAGE_BYTES: usize = 4096;
const NOTE_BYTES: usize = 1000;

/// What the status of `object` has to be. `None` if it is that already.
pub(super) fn wanted(
    kind: Kind,
    object: &DynamicObject,
    conditions: &[(&'static str, Verdict)],
    rest: Map<String, Value>,
) -> Option<Value> {
    let live = object.data.get("status").unwrap_or(&Value::Null);
    let generation = object.metadata.generation.unwrap_or_default();
    let before = live["conditions"].as_array().cloned().unwrap_or_default();
    let mut all: Vec<Value> = conditions
        .iter()
        .map(|(kind, verdict)| {
            let old = before.iter().find(|old| old["type"] == *kind);
            condition(kind, verdict, generation, old)
        })
        .collect();
    // Conditions of others stay.
    let others = before.into_iter().filter(|old| !conditions.iter().any(|(kind, _)| old["type"] == *kind));
    all.extend(others);
    let mut status = rest;
    status.insert("observedGeneration".to_owned(), json!(generation));
    status.insert("conditions".to_owned(), Value::Array(all));
    if kind == Kind::KagentiRegistration {
        status.remove("observedGeneration");
    }
    // When a server was last heard moves on all the time: it is told with other news.
    let same = status.iter().filter(|(field, _)| *field != "lastContact").all(|(field, value)| match live.get(field) {
        Some(live) => live == value,
        None => value.is_null() || value.as_array().is_some_and(Vec::is_empty),
    });
    (!same).then_some(Value::Object(status))
}

/// What is about to follow a change of something else does not make a resource worse that was well and has not changed itself: a new
/// server takes a moment to reach every broker and filter, and no call to the others notices.
pub(super) fn steady(object: &DynamicObject, mut conditions: Conditions) -> Conditions {
    let live = object.data.get("status").and_then(|status| status["conditions"].as_array());
    for (kind, verdict) in &mut conditions {
        let was = live.and_then(|live| live.iter().find(|old| old["type"] == *kind && old["status"] == "True"));
        let unchanged = was.filter(|was| was["observedGeneration"].as_i64() == object.metadata.generation);
        if let Some(was) =
            unchanged.filter(|_| [reason::BROKER_OUTDATED, reason::FILTER_OUTDATED].contains(&verdict.reason))
        {
            let known = if *kind == "Ready" { reason::READY } else { reason::PROGRAMMED };
            *verdict = Verdict::yes(known, was["message"].as_str().unwrap_or_default());
        }
    }
    conditions
}

fn condition(kind: &str, verdict: &Verdict, generation: i64, old: Option<&Value>) -> Value {
    let status = word(verdict);
    let since = old.filter(|old| old["status"] == status).and_then(|old| old["lastTransitionTime"].as_str());
    let since = since.map_or_else(now, str::to_owned);
    json!({
        "type": kind,
        "status": status,
        "reason": verdict.reason,
        "message": cut(&verdict.message, MESSAGE_BYTES),
        "observedGeneration": generation,
        "lastTransitionTime": since,
    })
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict.holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    }
}

fn now() -> String {
    let seconds = Timestamp::now().as_second();
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Writes a status.
pub(super) async fn write(
    applier: &Applier,
    watches: &Watches,
    kind: Kind,
    name: &ObjectName,
    status: &Value,
) -> Result<(), kube::Error> {
    let patch = Patch::Merge(json!({ "status": status }));
    let api = applier.api(kind, &name.namespace);
    match api.patch_status(&name.name, &PatchParams::default(), &patch).await {
        Ok(object) => watches.saw(kind, object),
        // It has gone meanwhile.
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Tells of conditions that have become another.
pub(super) async fn tell(
    recorder: &Recorder,
    kind: Kind,
    object: &DynamicObject,
    conditions: &[(&'static str, Verdict)],
) {
    let before = object.data.get("status").and_then(|status| status["conditions"].as_array());
    for (name, verdict) in conditions {
        let old = before.and_then(|before| before.iter().find(|old| old["type"] == *name));
        let was = old.and_then(|old| old["status"].as_str());
        if !is_news(name, was, verdict) {
            continue;
        }
        let event = Event {
            type_: if verdict.is_yes() { EventType::Normal } else { EventType::Warning },
            reason: verdict.reason.to_owned(),
            note: Some(cut(&format!("{name}: {}", verdict.message), NOTE_BYTES).to_owned()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&event, &reference(kind, object)).await {
            if is_terminating(&error) {
                tracing::debug!(%error, "an event is not written");
            } else {
                tracing::warn!(%error, "an event could not be written");
            }
        }
    }
}

/// Whether anybody wants to know that a condition has become this.
fn is_news(condition: &str, was: Option<&str>, verdict: &Verdict) -> bool {
    match (was, condition) {
        (Some(was), "Compatible") => was != word(verdict) && (was == "False" || verdict.holds == Some(false)),
        (Some(was), _) => was != word(verdict),
        // That something new is not in place yet is no news, but that it cannot be is.
        (None, "Programmed" | "Ready") => verdict.is_yes(),
        (None, "Compatible") => verdict.holds == Some(false),
        (None, _) => verdict.holds.is_some() && verdict.reason != reason::DISABLED,
    }
}

fn reference(kind: Kind, object: &DynamicObject) -> ObjectReference {
    ObjectReference {
        api_version: Some(kind.api_version()),
        kind: Some(kind.kind().to_owned()),
        namespace: object.metadata.namespace.clone(),
        name: object.metadata.name.clone(),
        uid: object.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(status: Value) -> DynamicObject {
        let object = json!({ "metadata": { "name": "a", "namespace": "ns", "generation": 1 }, "status": status });
        serde_json::from_value(object).unwrap()
    }

    fn rest(tools: u64, contact: &str) -> Map<String, Value> {
        json!({ "tools": tools, "lastContact": contact }).as_object().unwrap().clone()
    }

    #[test]
    fn a_server_that_is_heard_again_is_no_reason_to_write_and_the_next_news_bring_the_latest_contact() {
        let ready = [("Ready", Verdict::yes(reason::READY, "Clients can call it."))];
        let first =
            wanted(Kind::Registration, &registration(json!({})), &ready, rest(1, "2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(first["lastContact"], "2026-01-01T00:00:00Z");
        let known = registration(first);
        assert_eq!(wanted(Kind::Registration, &known, &ready, rest(1, "2026-01-01T00:05:00Z")), None);
        let news = wanted(Kind::Registration, &known, &ready, rest(2, "2026-01-01T00:10:00Z")).unwrap();
        assert_eq!((&news["tools"], &news["lastContact"]), (&json!(2), &json!("2026-01-01T00:10:00Z")));
    }
}
