//! What is told beside answers: log messages, progress, cancellation, changes.

use super::tools::call;
use super::{Case, steps};
use crate::quadrants::{Place, Seen, Verdict};
use serde_json::{Value, json};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "logging, at the level that was asked for",
        plan: |place| {
            // Some SDKs want to know of progress always: the next case is not to hear of this call's.
            let mut call = call(place, "count", json!({ "to": 2 }));
            call["progress"] = json!(true);
            steps([json!({ "op": "level", "level": "info" }), call, wait("message"), wait("progress")])
        },
        judge: |_, seen| {
            seen.all_succeeded()?;
            let told = in_order(seen.told("notifications/message"), "/data/counted");
            let message = |n| json!({ "level": "info", "logger": "count", "data": { "counted": n } });
            crate::quadrants::seen::contains(&told, &json!([message(1), message(2)]))
        },
    },
    Case {
        name: "progress",
        plan: |place| {
            let mut call = call(place, "count", json!({ "to": 2 }));
            call["progress"] = json!(true);
            steps([call, wait("progress")])
        },
        judge: |_, seen| {
            seen.all_succeeded()?;
            let mut told = seen.told("notifications/progress");
            // What an earlier call was told may come late.
            let token = told.last().map(|params| params["progressToken"].clone());
            told.retain(|params| Some(&params["progressToken"]) == token.as_ref());
            let told = in_order(told, "/progress");
            let progress = |n| json!({ "progress": n, "total": 2, "message": format!("counted {n}") });
            crate::quadrants::seen::contains(&told, &json!([progress(1), progress(2)]))
        },
    },
    Case {
        name: "cancellation reaches the server",
        plan: |place| {
            let key = place.extra("wait");
            let mut waiting = call(place, "wait", json!({ "key": key }));
            waiting["progress"] = json!(true);
            waiting["cancelAfter"] = json!("progress");
            steps([waiting, call(place, "ended", json!({ "key": key }))])
        },
        judge: |_, seen| {
            seen.expect(0, &json!({ "cancelled": true }))?;
            seen.expect(1, &json!({ "structuredContent": { "ended": true } }))
        },
    },
    Case {
        name: "list changes: tools",
        plan: |place| changes(place, "tools", "name", &place.extra("tool"), place.name(&place.extra("tool"))),
        judge: changed,
    },
    Case {
        name: "list changes: prompts",
        plan: |place| changes(place, "prompts", "name", &place.extra("prompt"), place.name(&place.extra("prompt"))),
        judge: changed,
    },
    Case {
        name: "list changes: resources",
        plan: |place| {
            let uri = format!("doc://{}", place.extra("resource"));
            changes(place, "resources", "uri", &uri, place.uri(&uri))
        },
        judge: changed,
    },
    Case {
        name: "resource subscriptions, and what ends them",
        plan: |place| {
            let uri = place.uri("doc://two");
            steps([
                json!({ "op": "subscribe", "uri": uri }),
                call(place, "touch", json!({ "uri": "doc://two" })),
                json!({ "op": "wait", "method": "notifications/resources/updated", "uri": uri }),
                json!({ "op": "unsubscribe", "uri": uri }),
            ])
        },
        judge: |_, seen| seen.all_succeeded(),
    },
];

/// By a number in them: some SDKs tell their users in any order.
fn in_order(mut told: Vec<&Value>, pointer: &str) -> Value {
    told.sort_by_key(|params| params.pointer(pointer).and_then(Value::as_f64).map(|n| n as i64));
    json!(told)
}

fn wait(method: &str) -> Value {
    json!({ "op": "wait", "method": format!("notifications/{method}"), "times": 2 })
}

/// Adds to a list and removes from it; both is told, and then seen. The item is `name` to the server, `seen` to the client.
fn changes(place: &Place, list: &str, key: &str, name: &str, seen: String) -> Value {
    let change = |add| call(place, "change", json!({ "list": list, "name": name, "add": add }));
    let until = |present| {
        let method = format!("notifications/{list}/list_changed");
        json!({ "op": "listUntil", "what": list, "method": method, "key": key, "name": seen, "present": present })
    };
    steps([change(true), until(true), change(false), until(false)])
}

fn changed(_: &Place, seen: &Seen) -> Verdict {
    seen.all_succeeded()
}
