//! Input that a server asks for while it runs a call.

use super::Case;
use super::tools::call;
use crate::peers::Era;
use crate::quadrants::seen::contains;
use crate::quadrants::{Place, Seen, Verdict};
use serde_json::{Value, json};

/// What a client says that cannot sample.
const REFUSAL: &str = "No model today";

pub(super) const CASES: &[Case] = &[
    Case {
        name: "elicitation: form, accepted",
        plan: |place| asks(place, "form", json!({ "Who are you?": accepted() })),
        judge: |place, seen| {
            answered(seen, json!([{ "form": accepted() }]))?;
            was_asked(place, seen, "form", "form")
        },
    },
    Case {
        name: "elicitation: form, declined",
        plan: |place| asks(place, "form", json!({ "Who are you?": { "action": "decline" } })),
        judge: |_, seen| answered(seen, json!([{ "form": { "action": "decline" } }])),
    },
    Case {
        name: "elicitation: form, cancelled",
        plan: |place| asks(place, "form", json!({ "Who are you?": { "action": "cancel" } })),
        judge: |_, seen| answered(seen, json!([{ "form": { "action": "cancel" } }])),
    },
    Case {
        name: "elicitation: form, never answered",
        plan: |place| {
            let key = place.extra("never");
            let mut asking = call(place, "ask", json!({ "what": "form", "key": key }));
            asking["cancelAfter"] = json!("asked");
            let mut steps = vec![asking, call(place, "structured", json!({}))];
            if place.server == Era::Legacy {
                // A modern server does not wait: its call ended when it asked.
                steps.push(call(place, "ended", json!({ "key": key })));
            }
            json!({ "steps": steps, "answers": { "Who are you?": "never" } })
        },
        judge: |place, seen| {
            seen.expect(0, &json!({ "cancelled": true }))?;
            seen.expect(1, &place.offer("/results/structured"))?;
            if place.server == Era::Modern {
                return Ok(());
            }
            seen.expect(2, &json!({ "structuredContent": { "ended": true } }))
        },
    },
    Case {
        name: "elicitation: URL",
        plan: |place| asks(place, "url", json!({ "Please sign in.": { "action": "accept" } })),
        judge: |place, seen| {
            answered(seen, json!([{ "link": { "action": "accept" } }]))?;
            was_asked(place, seen, "url", "link")
        },
    },
    Case {
        name: "sampling",
        plan: |place| asks(place, "sampling", json!({ "sampling/createMessage": sampled() })),
        judge: |place, seen| {
            answered(seen, json!([{ "sample": sampled() }]))?;
            was_asked(place, seen, "sampling", "sample")
        },
    },
    Case {
        name: "sampling, with tools",
        plan: |place| asks(place, "sampling-tools", json!({ "sampling/createMessage": tool_use() })),
        judge: |place, seen| {
            let answers = &seen.result(0)?["structuredContent"]["answers"][0]["sample"];
            contains(answers, &json!({ "stopReason": "toolUse" }))?;
            // One block may stand alone or in a list.
            let content = &answers["content"];
            let block = if content.is_array() { &content[0] } else { content };
            contains(block, &tool_use()["content"][0])?;
            was_asked(place, seen, "sampling-tools", "sample")
        },
    },
    Case {
        name: "sampling, refused by the client with an error",
        plan: |place| asks(place, "sampling", json!({ "sampling/createMessage": { "error": REFUSAL } })),
        judge: |_, seen| {
            let outcome = &seen.steps[0];
            let failed = outcome["error"].is_object() || outcome["result"]["isError"] == true;
            if failed && outcome.to_string().contains(REFUSAL) { Ok(()) } else { Err(outcome.to_string()) }
        },
    },
    Case {
        name: "roots",
        plan: |place| asks(place, "roots", json!({ "roots/list": roots() })),
        judge: |_, seen| answered(seen, json!([{ "roots": roots() }])),
    },
    Case {
        name: "input in several rounds",
        plan: |place| asks(place, "rounds", both_names()),
        judge: |_, seen| answered(seen, json!([{ "first": named("Ada") }, { "last": named("Lovelace") }])),
    },
    Case {
        name: "several inputs at once",
        plan: |place| asks(place, "many", everything()),
        judge: |_, seen| answered(seen, json!([{ "name": named("Ada"), "sample": sampled(), "roots": roots() }])),
    },
    Case {
        name: "prompts: get, with elicitation",
        plan: |place| inside(prompt(place, "form"), json!({ "Who are you?": accepted() })),
        judge: |place, seen| {
            prompted(seen, json!([{ "form": accepted() }]))?;
            was_asked(place, seen, "form", "form")
        },
    },
    Case {
        name: "prompts: get, with sampling and roots, all at once",
        plan: |place| inside(prompt(place, "many"), everything()),
        judge: |_, seen| prompted(seen, json!([{ "name": named("Ada"), "sample": sampled(), "roots": roots() }])),
    },
    Case {
        name: "prompts: get, with input in several rounds",
        plan: |place| inside(prompt(place, "rounds"), both_names()),
        judge: |_, seen| prompted(seen, json!([{ "first": named("Ada") }, { "last": named("Lovelace") }])),
    },
    Case {
        name: "resources: read, with elicitation",
        plan: |place| inside(resource(place, "form"), json!({ "Who are you?": accepted() })),
        judge: |place, seen| {
            read(place, seen, "form", json!([{ "form": accepted() }]))?;
            was_asked(place, seen, "form", "form")
        },
    },
    Case {
        name: "resources: read, with sampling and roots, all at once",
        plan: |place| inside(resource(place, "many"), everything()),
        judge: |place, seen| {
            read(place, seen, "many", json!([{ "name": named("Ada"), "sample": sampled(), "roots": roots() }]))
        },
    },
    Case {
        name: "resources: read, with input in several rounds",
        plan: |place| inside(resource(place, "rounds"), both_names()),
        judge: |place, seen| {
            read(place, seen, "rounds", json!([{ "first": named("Ada") }, { "last": named("Lovelace") }]))
        },
    },
];

fn asks(place: &Place, what: &str, answers: Value) -> Value {
    inside(call(place, "ask", json!({ "what": what })), answers)
}

/// One step, and what is answered while it runs.
fn inside(step: Value, answers: Value) -> Value {
    json!({ "steps": [step], "answers": answers })
}

fn prompt(place: &Place, what: &str) -> Value {
    json!({ "op": "get", "name": place.name("interview"), "arguments": { "what": what } })
}

fn interview(place: &Place, what: &str) -> String {
    place.uri(&format!("doc://interviews/{what}"))
}

fn resource(place: &Place, what: &str) -> Value {
    json!({ "op": "read", "uri": interview(place, what) })
}

/// The server got these answers, round by round.
fn answered(seen: &Seen, answers: Value) -> Verdict {
    seen.expect(0, &json!({ "structuredContent": { "answers": answers } }))
}

/// The prompt has these answers in it, round by round.
fn prompted(seen: &Seen, answers: Value) -> Verdict {
    inside_text(&seen.result(0)?["messages"][0]["content"]["text"], &answers)
}

/// The resource has these answers in it, round by round.
fn read(place: &Place, seen: &Seen, what: &str, answers: Value) -> Verdict {
    let contents = &seen.result(0)?["contents"][0];
    contains(&contents["uri"], &json!(interview(place, what)))?;
    inside_text(&contents["text"], &answers)
}

fn inside_text(text: &Value, answers: &Value) -> Verdict {
    let given: Value =
        serde_json::from_str(text.as_str().unwrap_or_default()).map_err(|error| format!("{error}: {text}"))?;
    contains(&given, answers)
}

/// The client was asked once, for what the server wanted to know. Its message may have the server's name in front.
fn was_asked(place: &Place, seen: &Seen, what: &str, key: &str) -> Verdict {
    let mut wanted = place.offer(&format!("/inputs/{what}/0/{key}"));
    let [asked] = seen.asked.as_slice() else { return Err(format!("asked: {}", json!(seen.asked))) };
    if let Some(message) = wanted["params"]["message"].as_str() {
        let shown = asked["params"]["message"].as_str().unwrap_or_default();
        if !shown.ends_with(message) {
            return Err(format!("asked: {asked}"));
        }
        wanted["params"]["message"] = json!(shown);
    }
    contains(asked, &wanted).map_err(|fault| format!("asked{fault}"))
}

fn both_names() -> Value {
    json!({ "First name?": named("Ada"), "Last name?": named("Lovelace") })
}

fn everything() -> Value {
    json!({ "First name?": named("Ada"), "sampling/createMessage": sampled(), "roots/list": roots() })
}

fn accepted() -> Value {
    json!({ "action": "accept", "content": { "name": "Ada", "age": 36, "sure": true, "colour": "b", "days": ["tu"] } })
}

fn named(name: &str) -> Value {
    json!({ "action": "accept", "content": { "name": name } })
}

fn sampled() -> Value {
    let content = json!({ "type": "text", "text": "Paris" });
    json!({ "role": "assistant", "content": content, "model": "test-model", "stopReason": "endTurn" })
}

fn tool_use() -> Value {
    let block = json!({ "type": "tool_use", "id": "use-1", "name": "private_weather", "input": { "city": "Ulm" } });
    json!({ "role": "assistant", "content": [block], "model": "test-model", "stopReason": "toolUse" })
}

fn roots() -> Value {
    json!({ "roots": [{ "uri": "file:///srv/data", "name": "data" }] })
}
