use super::*;
use crate::json::any_json;
use proptest::prelude::*;
use serde_json::Value;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn knows_the_kinds_of_messages() {
    let kind = |json: &str| read(json.as_bytes()).unwrap().kind();
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), Ok(MessageKind::Request));
    assert_eq!(kind(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#), Ok(MessageKind::Notification));
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#), Ok(MessageKind::Response));
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":"m"}}"#), Ok(MessageKind::Response));
    for json in [
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        "5",
    ] {
        let refusal = kind(json).unwrap_err();
        assert_eq!((refusal.status, refusal.code), (400, code::INVALID_REQUEST), "{json}");
    }
    assert!(read(b"[]").unwrap().batch);
}

#[test]
fn cuts_an_escaped_prefix() {
    let json = br#"{"method":"tools/call","params":{"name":"\u0068ttp\u005fecho"}}"#;
    let name = read(json).unwrap().name.unwrap();
    assert_eq!(name.text, "http_echo");
    let out = cut(&name, &(0..5)).unwrap().apply(json).unwrap();
    assert_eq!(out, br#"{"method":"tools/call","params":{"name":"echo"}}"#);
}

/// A call with any other members around, in any order.
fn any_call() -> impl Strategy<Value = String> {
    let member = || ("[a-zA-Z]{1,6}", any_json()).prop_map(|(k, v)| format!("\"{k}_\":{v}"));
    let names = prop_oneof![Just("\"http_echo\""), Just(r#""\u0068ttp_echo""#), Just(r#""http_\u00e9\/""#)];
    (
        proptest::collection::vec(member(), 0..3),
        proptest::collection::vec(member(), 0..3),
        names,
        any_json(),
        any::<u64>(),
    )
        .prop_map(|(outer, inner, name, arguments, seed)| {
            let mut params = inner;
            params.push(format!("\"name\": {name}"));
            params.push(format!("\"arguments\":{arguments}"));
            let mut outer = outer;
            outer.push("\"jsonrpc\":\"2.0\"".into());
            outer.push("\"id\" :9007199254740993".into());
            outer.push("\"method\":\"tools/call\"".into());
            let turn = |members: &mut Vec<String>| {
                let by = seed as usize % members.len();
                members.rotate_left(by);
                let mut seen = std::collections::HashSet::new();
                members.retain(|m| seen.insert(m.split(':').next().unwrap().trim().to_lowercase()));
            };
            turn(&mut params);
            outer.push(format!("\"params\":\n{{{}}}", params.join(" , ")));
            turn(&mut outer);
            format!("{{{}}}", outer.join(","))
        })
}

proptest! {
    #[test]
    fn the_edit_changes_the_name_and_nothing_else(json in any_call(), size in 1usize..50) {
        let mut reader = Reader::default();
        for chunk in json.as_bytes().chunks(size) {
            prop_assert!(reader.push(chunk).is_ok(), "{}", json);
        }
        prop_assert!(reader.finish().is_ok());
        let envelope = reader.envelope();
        let name = envelope.name.clone().unwrap();
        prop_assert_eq!(envelope.id.as_ref().unwrap().raw(), "9007199254740993");
        let edit = cut(&name, &(0..5)).unwrap();
        let out = String::from_utf8(edit.apply(json.as_bytes()).unwrap()).unwrap();
        // The text before and after the cut is the same, byte for byte.
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        prop_assert_eq!(&out, &format!("{}{}", &json[..start], &json[end..]));
        // And what another reader makes of it differs in the name alone. (Numbers beyond its range are cut out of its way.)
        let wide = |s: &str| s.replace("1e400", "1e40");
        let (before, after): (Value, Value) =
            (serde_json::from_str(&wide(&json)).unwrap(), serde_json::from_str(&wide(&out)).unwrap());
        prop_assert_eq!(before["params"]["name"].as_str().unwrap().strip_prefix("http_"), after["params"]["name"].as_str());
        let mut expected = before;
        expected["params"]["name"] = after["params"]["name"].clone();
        prop_assert_eq!(expected, after);
    }

    #[test]
    fn a_reader_that_keeps_duplicates_agrees(
        members in proptest::collection::vec((prop_oneof![Just("name"), Just("n\\u0061me"), Just("Name"), Just("other")], "[a-c]"), 0..4),
    ) {
        let params: Vec<_> = members.iter().map(|(k, v)| format!("\"{k}\":\"{v}\"")).collect();
        let json = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{}}}}}"#, params.join(","));
        let names: Vec<_> = members.iter().filter(|(k, _)| *k != "other").collect();
        match read(json.as_bytes()) {
            // Every name that any reader could take is the one that was read, or none was read.
            Ok(envelope) => {
                prop_assert!(names.len() <= 1);
                if let Some(name) = envelope.name { prop_assert_eq!(&name.text, &names[0].1); }
            }
            Err(refusal) => prop_assert_eq!(refusal.status, 400),
        }
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1usize..50) {
        let mut reader = Reader::default();
        for chunk in bytes.chunks(size) {
            if reader.push(chunk).is_err() { break }
        }
        let _ = (reader.finish(), reader.envelope().kind());
    }
}
