//! Tools: how they are listed, called, and what they give.

use super::{Case, lists, steps};
use crate::peers::Era;
use crate::quadrants::Place;
use serde_json::{Value, json};

/// A number that a double cannot hold.
const EXACT: i64 = 9_007_199_254_740_993;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "tools: list, with icons, annotations and `_meta`, over several pages",
        plan: |_| steps([json!({ "op": "list", "what": "tools" })]),
        judge: |place, seen| lists(place, seen, "tools"),
    },
    Case {
        name: "tools: an unknown cursor is refused",
        plan: |_| steps([json!({ "op": "page", "what": "tools", "cursor": "no such page" })]),
        judge: |_, seen| seen.expect_error(0, &[-32602]),
    },
    Case {
        name: "tools: structured content",
        plan: |place| steps([call(place, "structured", json!({}))]),
        judge: |place, seen| seen.expect(0, &place.offer("/results/structured")),
    },
    Case {
        name: "tools: resource links, embedded resources, annotated content",
        plan: |place| steps([call(place, "links", json!({}))]),
        judge: |place, seen| seen.expect(0, &place.offer("/results/links")),
    },
    Case {
        name: "tools: image and audio",
        plan: |place| steps([call(place, "media", json!({}))]),
        judge: |place, seen| seen.expect(0, &place.offer("/results/media")),
    },
    Case {
        name: "tools: a tool's own error",
        plan: |place| steps([call(place, "fail", json!({}))]),
        judge: |place, seen| seen.expect(0, &place.offer("/results/fail")),
    },
    Case {
        name: "tools: an unknown tool is refused",
        plan: |place| steps([call(place, "no-such-tool", json!({}))]),
        judge: |_, seen| seen.expect_error(0, &[-32602]),
    },
    Case {
        name: "exact numbers, both ways",
        plan: |place| steps([call(place, "echo", json!({ "value": { "n": EXACT, "f": 0.5, "u": "é\u{0}\"" } }))]),
        judge: |_, seen| {
            let echoed = json!({ "arguments": { "value": { "n": EXACT, "f": 0.5, "u": "é\u{0}\"" } } });
            seen.expect(0, &json!({ "structuredContent": echoed }))?;
            seen.expect(0, &json!({ "_meta": { "example.com/answer": { "n": EXACT } } }))
        },
    },
    Case {
        name: "`_meta`, both ways",
        plan: |place| {
            let mut call = call(place, "echo", json!({}));
            call["meta"] = json!({ "example.com/asked": { "deep": [1, "two"] } });
            steps([call])
        },
        judge: |_, seen| {
            let up = json!({ "example.com/asked": { "deep": [1, "two"] } });
            seen.expect(0, &json!({ "structuredContent": { "meta": up } }))?;
            seen.expect(0, &json!({ "_meta": { "example.com/answer": {} } }))
        },
    },
    Case {
        name: "trace context in `_meta`",
        plan: |place| {
            let mut call = call(place, "echo", json!({}));
            call["meta"] = trace();
            steps([call])
        },
        judge: |_, seen| seen.expect(0, &json!({ "structuredContent": { "meta": trace() } })),
    },
    Case {
        name: "`x-mcp-header` parameters",
        // Clients know the headers from the list, and may forget it when it changes.
        plan: |place| {
            steps([json!({ "op": "list", "what": "tools" }), call(place, "region", json!({ "region": "Überlingen" }))])
        },
        judge: |place, seen| {
            let expected = match place.server {
                Era::Modern => json!({ "region": "Überlingen", "header": "=?base64?w5xiZXJsaW5nZW4=?=" }),
                Era::Legacy => json!({ "region": "Überlingen", "header": null }),
            };
            seen.expect(1, &json!({ "structuredContent": expected }))
        },
    },
];

pub(super) fn call(place: &Place, tool: &str, arguments: Value) -> Value {
    json!({ "op": "call", "name": place.name(tool), "arguments": arguments })
}

fn trace() -> Value {
    json!({
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "vendor=value",
        "baggage": "user=ada",
    })
}
