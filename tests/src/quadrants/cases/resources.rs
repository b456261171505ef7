//! Resources and templates of resources.

use super::{Case, lists, steps};
use serde_json::json;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "resources: list, over several pages",
        plan: |_| steps([json!({ "op": "list", "what": "resources" })]),
        judge: |place, seen| lists(place, seen, "resources"),
    },
    Case {
        name: "resources: read text and binary",
        plan: |place| {
            let read = |uri| json!({ "op": "read", "uri": place.uri(uri) });
            steps([read("doc://one"), read("doc://dot")])
        },
        judge: |place, seen| {
            seen.expect(0, &json!({ "contents": [place.offer("/contents/doc:~1~1one")] }))?;
            seen.expect(1, &json!({ "contents": [place.offer("/contents/doc:~1~1dot")] }))
        },
    },
    Case {
        name: "resources: a missing one is refused, with its URI",
        plan: |place| steps([json!({ "op": "read", "uri": place.uri("doc://missing") })]),
        judge: |place, seen| {
            // Some SDKs give their users the code of 2026-07-28 in either era.
            seen.expect_error(0, &[-32002, -32602])?;
            let data = &seen.steps[0]["error"]["data"];
            if data["uri"] == place.uri("doc://missing") { Ok(()) } else { Err(format!("error.data: {data}")) }
        },
    },
    Case {
        name: "templates: list",
        plan: |_| steps([json!({ "op": "list", "what": "resourceTemplates" })]),
        judge: |place, seen| lists(place, seen, "resourceTemplates"),
    },
    Case {
        name: "templates: read what one stands for",
        plan: |place| steps([json!({ "op": "read", "uri": place.uri("doc://items/17") })]),
        judge: |place, seen| {
            let contents = json!({ "uri": place.uri("doc://items/17"), "mimeType": "text/plain", "text": "Item 17" });
            seen.expect(0, &json!({ "contents": [contents] }))
        },
    },
    Case {
        name: "completion: a template's variable",
        plan: |place| {
            let of = json!({ "type": "ref/resource", "uri": place.uri("doc://items/{id}") });
            steps([json!({ "op": "complete", "ref": of, "argument": { "name": "id", "value": "17" } })])
        },
        judge: |_, seen| seen.expect(0, &json!({ "completion": { "values": ["17", "170"], "total": 2 } })),
    },
];
