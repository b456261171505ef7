//! Prompts, and the completion of their arguments.

use super::{Case, lists, steps};
use serde_json::json;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "prompts: list, over several pages",
        plan: |_| steps([json!({ "op": "list", "what": "prompts" })]),
        judge: |place, seen| lists(place, seen, "prompts"),
    },
    Case {
        name: "prompts: get, with arguments",
        plan: |place| steps([json!({ "op": "get", "name": place.name("greet"), "arguments": { "name": "Ada" } })]),
        judge: |_, seen| {
            let message = json!({ "role": "user", "content": { "type": "text", "text": "Greet Ada." } });
            seen.expect(0, &json!({ "messages": [message] }))
        },
    },
    Case {
        name: "prompts: get, with a link and a resource in it",
        plan: |place| steps([json!({ "op": "get", "name": place.name("letter") })]),
        judge: |place, seen| seen.expect(0, &json!({ "messages": place.offer("/messages/letter") })),
    },
    Case {
        name: "prompts: an unknown prompt is refused",
        plan: |place| steps([json!({ "op": "get", "name": place.name("no-such-prompt") })]),
        judge: |_, seen| seen.expect_error(0, &[-32602]),
    },
    Case {
        name: "completion: a prompt's argument",
        plan: |place| {
            let of = json!({ "type": "ref/prompt", "name": place.name("greet") });
            steps([json!({ "op": "complete", "ref": of, "argument": { "name": "name", "value": "Ad" } })])
        },
        judge: |_, seen| seen.expect(0, &json!({ "completion": { "values": ["Ada", "Adele"], "total": 2 } })),
    },
];
