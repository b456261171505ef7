//! Translation between the eras, both ways, of messages as odd as they come: never a panic, what comes out is JSON, every request
//! keeps its id and method, every question its key.
//!
//! For longer: `PROPTEST_CASES=100000 cargo test --release -p mcp-gateway-protocol --test fuzz_translation`.

extern crate mcp_gateway_protocol as protocol;

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::era::to_legacy::{Outcome, Structured};
use protocol::era::{Asked, Revision, from_legacy, from_modern, to_legacy, to_modern};
use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const REVISIONS: [Revision; 4] =
    [Revision::V2024_11_05, Revision::V2025_03_26, Revision::V2025_06_18, Revision::V2025_11_25];

/// JSON of the names and values that messages of both eras are made of.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::sample::select(vec![-32042, -32021, -32020, -32002, -32602, -32601, -32022]).prop_map(Value::from),
        proptest::sample::select(vec![
            "complete",
            "input_required",
            "task",
            "elicitation/create",
            "sampling/createMessage",
            "roots/list",
            "tools/call",
            "notifications/progress",
            "notifications/message",
            "notifications/cancelled",
            "text",
            "audio",
            "resource_link",
            "form",
            "url",
            "accept",
            "user",
            "object",
            "string",
            "info",
            "https://a.example/",
            "",
        ])
        .prop_map(Value::from),
        r#"[a-z"\\é\u{1f600}]{0,6}"#.prop_map(Value::from),
    ];
    let name = prop_oneof![
        9 => proptest::sample::select(vec![
            "method", "params", "result", "error", "code", "data", "message", "resultType", "content", "structuredContent",
            "contents", "messages", "type", "uri", "resource", "inputRequests", "inputResponses", "requestState", "_meta",
            "progressToken", "elicitation", "sampling", "roots", "tools", "url", "form", "mode", "requestedSchema", "properties",
            "oneOf", "anyOf", "enum", "const", "title", "items", "elicitations", "elicitationId", "requiredCapabilities", "name",
            "inputSchema", "outputSchema", "execution", "taskSupport", "$ref", "$defs", "isError", "level", "requestId", "id",
            "io.modelcontextprotocol/clientCapabilities", "io.modelcontextprotocol/logLevel", "x-mcp-header",
        ]).prop_map(str::to_owned),
        1 => r#"[a-z"\\é/]{0,5}"#,
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            3 => vec((name.clone(), inner.clone()), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
            1 => vec(inner, 0..4).prop_map(Value::from),
        ]
    })
}

/// The same, as an object that has these members.
fn object(members: &'static [&'static str]) -> impl Strategy<Value = Value> {
    (any_json(), vec(any_json(), members.len())).prop_map(move |(base, values)| {
        let mut object = if base.is_object() { base } else { json!({}) };
        for (name, value) in members.iter().zip(values) {
            object[*name] = value;
        }
        object
    })
}

fn method() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["tools/call", "prompts/get", "resources/read", "completion/complete", "x"])
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_legacy_servers_answer_becomes_a_modern_one(method in method(), result in object(&["content"]), info in any_json()) {
        let modern = parsed(&to_modern::result(method, &result.to_string(), Some(&info.to_string())));
        prop_assert_eq!(&modern["resultType"], "complete");
        prop_assert_eq!(&modern["content"], &result["content"]);
        prop_assert_eq!(to_legacy::outcome(&modern.to_string()), Outcome::Complete);
        // And what a legacy client would make of that has nothing of the modern era.
        let back = parsed(&to_legacy::result(&modern.to_string(), Structured::of("{}"), None));
        prop_assert!(back.get("resultType").is_none() && back.get("ttlMs").is_none() && back.get("cacheScope").is_none());
    }

    #[test]
    fn a_modern_servers_answer_becomes_a_legacy_one(result in object(&["inputRequests", "requestState"]), tool in any_json()) {
        let text = result.to_string();
        if let Outcome::InputRequired(input) = to_legacy::outcome(&text) {
            let keys: Vec<_> = result["inputRequests"].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
            let mut found: Vec<_> = input.requests.iter().map(|(key, _)| key.clone()).collect();
            found.sort();
            prop_assert_eq!(found, keys, "a question was lost");
            prop_assert_eq!(parsed(&input.state.unwrap()), result["requestState"].clone());
        }
        let legacy = parsed(&to_legacy::result(&text, Structured::of(&tool.to_string()), None));
        prop_assert!(legacy.is_object() && legacy.get("resultType").is_none());
        for revision in REVISIONS {
            let message = json!({"jsonrpc": "2.0", "id": 9_007_199_254_740_993_u64, "result": legacy}).to_string();
            if let Some(changed) = to_legacy::revision::response(&message, revision) {
                prop_assert_eq!(&parsed(&changed)["id"], &json!(9_007_199_254_740_993_u64));
            }
        }
    }

    #[test]
    fn errors_stay_errors(method in method(), error in object(&["code", "data"])) {
        for translated in [to_modern::error(method, &error.to_string()), to_legacy::error(method, "s", &error.to_string())] {
            prop_assert!(parsed(&translated).is_object());
        }
        to_modern::pages(&error.to_string());
    }

    #[test]
    fn tools_are_shown_as_json_or_hidden_with_a_reason(tool in object(&["inputSchema", "outputSchema", "execution"])) {
        match to_legacy::tool(&tool.to_string()) {
            Ok(shown) => prop_assert!(parsed(&shown).is_object()),
            Err(why) => prop_assert!(!why.is_empty()),
        }
        if let Err(why) = to_modern::tool(&tool.to_string()) {
            prop_assert!(!why.is_empty());
        }
        for revision in REVISIONS {
            if let Some(shown) = to_legacy::revision::tool(&tool.to_string(), revision) {
                prop_assert!(parsed(&shown).is_object());
            }
        }
    }

    #[test]
    fn a_legacy_clients_request_keeps_method_and_id(params in object(&["_meta"]), state in any_json(), capabilities in any_json()) {
        let mut params = params;
        if !params["_meta"].is_object() {
            params["_meta"] = json!({});
        }
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let capabilities = from_legacy::capabilities(Revision::V2025_06_18, &capabilities.to_string(), true);
        let envelope = from_legacy::Envelope {
            version: "2026-07-28", client_info: None, capabilities: &capabilities, log_level: Some("info"),
        };
        let retry = from_legacy::Retry {
            responses: vec![("k\"é".to_owned(), "{}".to_owned())], state: Some(state.to_string()),
        };
        let modern = parsed(&from_legacy::request(&message, "\"own\"", &envelope, Some(&retry)).unwrap());
        prop_assert_eq!((&modern["id"], &modern["method"]), (&json!("own"), &json!("tools/call")));
        prop_assert_eq!(&modern["params"]["requestState"], &state);
        prop_assert_eq!(&modern["params"]["inputResponses"], &json!({"k\"é": {}}));
        prop_assert_eq!(&modern["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    }

    #[test]
    fn a_modern_clients_request_keeps_method_and_id(params in object(&["_meta", "arguments"])) {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        if let Some(said) = from_modern::Said::read(&message) {
            let legacy = parsed(&said.request("own", "token"));
            prop_assert_eq!((&legacy["id"], &legacy["method"]), (&json!("own"), &json!("tools/call")));
            prop_assert_eq!(&legacy["params"]["arguments"], &params["arguments"]);
            said.substance("s");
        }
    }

    #[test]
    fn questions_are_asked_or_refused(request in object(&["method", "params"]), capabilities in any_json()) {
        let (text, declared) = (request.to_string(), capabilities.to_string());
        if let to_modern::Question::Ask(_, asked) = to_modern::question(&text, &declared) {
            prop_assert_eq!(&parsed(&asked)["method"], &request["method"]);
            let all = parsed(&to_modern::input_required([("1", asked.as_str())], "sealed", None));
            prop_assert_eq!(&all["inputRequests"]["1"]["method"], &request["method"]);
        }
        for revision in REVISIONS {
            if let Ok(question) = to_legacy::question(&text, revision, &declared) {
                let asked = parsed(&question.message("5", "e"));
                prop_assert_eq!((&asked["id"], &asked["method"]), (&json!(5), &request["method"]));
            }
        }
        to_modern::notice(&text);
    }

    #[test]
    fn each_answer_goes_to_its_own_question(responses in any_json(), keys in vec("[a-z]{0,3}", 0..4)) {
        let asked = [Asked::Elicitation, Asked::Sampling, Asked::Roots];
        let asked = keys.iter().zip(asked.into_iter().cycle()).map(|(key, asked)| (key.as_str(), asked));
        if let Ok(answers) = from_modern::answers(Some(&responses.to_string()), asked) {
            for answer in answers {
                prop_assert_eq!(parsed(&answer.result), responses[&answer.key].clone());
            }
        }
    }

    #[test]
    fn what_is_no_json_makes_nothing_panic(text in r#"[{}\[\]",:a-z0-9\\ ]{0,40}"#) {
        to_modern::result("x", &text, Some("{}"));
        to_modern::error("x", &text);
        to_modern::question(&text, &text);
        to_modern::notice(&text);
        let _ = (to_modern::tool(&text), to_legacy::tool(&text));
        to_legacy::outcome(&text);
        to_legacy::result(&text, Structured::of(&text), Some("{}"));
        to_legacy::error("x", "s", &text);
        for revision in REVISIONS {
            let _ = to_legacy::question(&text, revision, &text);
            to_legacy::revision::response(&text, revision);
            from_legacy::capabilities(revision, &text, true);
        }
        from_legacy::without_envelope(&text);
        from_modern::capabilities(&text, true);
        if let Some(said) = from_modern::Said::read(&text) {
            said.request("1", "2");
        }
        let _ = from_modern::answers(Some(&text), [("k", Asked::Roots)]);
    }
}
