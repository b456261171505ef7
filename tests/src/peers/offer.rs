//! Everything that a server of another SDK (or a sample server) has, as steps of a plan.
//!
//! Only what is answered alike each time: answers with the time of day in them would make two runs differ.

use super::{Era, Plan};
use serde_json::json;

/// Numbers and characters that do not survive being parsed and written again by everybody.
const ODD: &str = r#"{"n":9007199254740993,"f":1.0,"u":"é\"\\ \u0000"}"#;

/// server-everything.
pub fn everything() -> Plan {
    Plan::new()
        .call("echo", json!({ "message": "hé" }))
        .call("get-sum", json!({ "a": 1, "b": 2 }))
        .call("get-tiny-image", json!({}))
        .call("get-annotated-message", json!({ "messageType": "error", "includeImage": true }))
        .call("get-structured-content", json!({ "location": "Chicago" }))
        .call("get-resource-links", json!({ "count": 3 }))
        .call("trigger-elicitation-request", json!({}))
        .call("trigger-long-running-operation", json!({ "duration": 0.1, "steps": 2 }))
        .get("simple-prompt", json!({}))
        .get("args-prompt", json!({ "city": "Ulm" }))
        .get("completable-prompt", json!({ "department": "Sales", "name": "David" }))
        .read("demo://resource/static/document/startup.md")
        .wait("progress", 2)
}

/// `ts-modern.mjs`; `asks` where it can ask a client of the era.
pub fn typescript(asks: bool) -> Plan {
    let plan = Plan::new()
        .call("echo_raw", serde_json::from_str(ODD).unwrap_or_default())
        .call("add", json!({ "a": 1.5, "b": 2 }))
        .call("region", json!({ "region": "eu" }))
        .call("count", json!({ "to": 2 }));
    let plan = if asks { plan.call("ask_name", json!({})) } else { plan };
    documents(plan).wait("progress", 2).wait("message", 2)
}

/// `py-server.py`. It can ask clients of the legacy era.
pub fn python(era: Era) -> Plan {
    let plan = Plan::new()
        .call("echo", json!({ "value": [1.5, "é", { "a": null }] }))
        .call("add", json!({ "a": 1, "b": 2 }))
        .call("count", json!({ "to": 2 }));
    let plan = if era == Era::Legacy { plan.call("ask_name", json!({})) } else { plan };
    documents(plan).wait("progress", 2).wait("message", 2)
}

/// `fastmcp-server.py`.
pub fn fastmcp() -> Plan {
    let plan = Plan::new().call("echo", json!({ "value": "é" })).call("count", json!({ "to": 2 }));
    documents(plan).wait("progress", 2).wait("message", 2)
}

/// `sample-features`.
pub fn features() -> Plan {
    Plan::new()
        .call("slow_task", json!({ "steps": 2, "delay_ms": 5 }))
        .call("write_log", json!({ "level": "debug", "message": "hé" }))
        .call("share_note", json!({ "name": "welcome" }))
        .call("ask_user", json!({ "question": "Which colour?" }))
        .call_told("add_tool", json!({ "name": "late", "reply": "here" }), "tools/list_changed")
        .call("late", json!({}))
        .call_told("remove_tool", json!({ "name": "late" }), "tools/list_changed")
        .get("summarize", json!({ "note": "welcome" }))
        .read("note://unicode")
        .read("note://not-listed")
        .read("picture://dot")
        .wait("progress", 2)
        .wait("message", 1)
}

/// The prompt and the resources that `ts-modern.mjs`, `py-server.py` and `fastmcp-server.py` have in common.
fn documents(plan: Plan) -> Plan {
    plan.get("greet", json!({ "name": "Ada" })).read("doc://readme").read("doc://items/7")
}
