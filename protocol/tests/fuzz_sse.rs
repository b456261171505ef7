//! The editor of event streams, at every place where a stream may be cut: against the plain reading of the stream.
//!
//! For longer: `PROPTEST_CASES=100000 cargo test --release -p mcp-gateway-protocol --test fuzz_sse`.

extern crate mcp_gateway_protocol as protocol;

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::answer::{Editor, Rules, edit};
use protocol::config::Editing;
use protocol::http::Media;
use protocol::sse::{Decoder, Event};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn rules() -> Rules {
    let editing = Editing { label_elicitations: true, ..Editing::default() };
    Rules::new("s", "p_", &["https://listed/*".to_owned()]).with_editing(&editing)
}

fn edited<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut editor = Editor::new(Media::Sse, rules());
    let mut out = Vec::new();
    chunks.into_iter().for_each(|chunk| editor.push(chunk, &mut out));
    editor.finish(&mut out);
    out
}

/// The events of a stream that are ended.
fn ended(stream: &[u8]) -> Vec<Event> {
    Decoder::new(usize::MAX).push(stream).expect("there is no limit")
}

/// Those, and the last one that has no end if its message is whole all the same.
fn events(stream: &[u8]) -> Vec<Event> {
    let mut decoder = Decoder::new(usize::MAX);
    let mut events = decoder.push(stream).expect("there is no limit");
    let is_whole = |event: &Event| serde_json::from_str::<&serde_json::value::RawValue>(&event.data).is_ok();
    events.extend(decoder.finish().filter(is_whole));
    events
}

/// What a value of a message may be.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1".to_owned()),
        Just("-9007199254740993".to_owned()),
        Just("1.0".to_owned()),
        Just("null".to_owned()),
        r#"[a-zé\\u{1f600}]{0,12}"#.prop_map(|text| serde_json::Value::from(text).to_string()),
        Just(r#""ui:\/\/h\/\u0061""#.to_owned()),
        Just(r#""https://listed/5""#.to_owned()),
        Just(r#""\ud83d\ude00""#.to_owned()),
        Just(r#""\ud83d""#.to_owned()),
    ]
}

/// JSON, mostly of the names that messages of servers have. Where white space may stand, a `~` does.
fn json() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => proptest::sample::select(vec![
            "id", "method", "params", "result", "error", "uri", "content", "resource", "messages", "_meta", "taskId", "task",
            "message", "requestId", "progressToken", "inputRequests", "data", "elicitationId", "contents", "ui", "resourceUri",
            "openai/outputTemplate", "io.modelcontextprotocol/related-task",
        ]).prop_map(|name| format!("\"{name}\"")),
        1 => r#"[a-zé\u{1f600}]{0,9}"#.prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    scalar().prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            3 => vec((name.clone(), inner.clone()), 0..5).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("~{name}~:~{value}~")).collect();
                format!("{{{}}}", members.join(","))
            }),
            1 => vec(inner, 0..4).prop_map(|items| format!("[~{}~]", items.join(","))),
        ]
    })
}

/// A message: a request, a notification or an answer with its members in any order, or something else.
fn message() -> impl Strategy<Value = String> {
    let method = proptest::sample::select(vec!["elicitation/create", "roots/list", "notifications/progress", "x"]);
    let members = prop_oneof![
        (scalar(), method.clone(), json()).prop_map(|(id, method, params)| vec![
            format!("\"id\":{id}"),
            format!("\"method\":\"{method}\""),
            format!("\"params\":{params}")
        ]),
        (method, json())
            .prop_map(|(method, params)| vec![format!("\"method\":\"{method}\""), format!("\"params\":{params}")]),
        (scalar(), json()).prop_map(|(id, result)| vec![format!("\"id\":{id}"), format!("\"result\":{result}")]),
        (scalar(), json()).prop_map(|(id, error)| vec![format!("\"error\":{error}"), format!("\"id\":{id}")]),
    ];
    prop_oneof![
        6 => members.prop_shuffle().prop_map(|members| format!("~{{~{}~}}~", members.join("~,~"))),
        1 => json(),
        1 => r#"[\[\]{}",:a-z~]{0,30}"#,
    ]
}

/// One event's lines, without their ends.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let data = (message(), any::<u32>(), any::<bool>()).prop_map(|(message, splits, space)| {
        // At some of the places for white space the message goes on in a further line.
        let mut lines = vec![String::new()];
        for (at, part) in message.split('~').enumerate() {
            match (splits >> (at % 32)) & 3 {
                _ if at == 0 => {}
                3 => lines.push(String::new()),
                1 => lines.last_mut().expect("a line").push(' '),
                _ => {}
            }
            lines.last_mut().expect("a line").push_str(part);
        }
        let head = if space { "data: " } else { "data:" };
        lines.into_iter().map(|line| format!("{head}{line}")).collect::<Vec<_>>()
    });
    let other = prop_oneof![
        r": [a-z]{0,9}",
        r"id: ?[a-z0-9:]{0,9}",
        r"event: ?[a-z]{0,9}",
        r"retry: ?[0-9]{0,5}",
        r"[a-z]{1,9}(: ?[a-z]{0,5})?",
        Just("data".to_owned()),
        Just("data:".to_owned()),
        Just("id".to_owned()),
        Just("\u{feff}data: {}".to_owned()),
    ];
    (vec(other.clone(), 0..3), data, vec(other, 0..2)).prop_map(|(before, data, after)| [before, data, after].concat())
}

/// A stream of events, whole or broken off.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = proptest::sample::select(vec!["\n", "\r", "\r\n"]);
    let event = (lines(), vec(end, 40)).prop_map(|(lines, ends)| {
        let mut ends = ends.iter().cycle();
        let mut text = String::new();
        for line in lines.iter().chain([&String::new()]) {
            text.push_str(line);
            text.push_str(ends.next().copied().unwrap_or("\n"));
        }
        text
    });
    (any::<bool>(), vec(event, 0..4), proptest::option::of(any::<prop::sample::Index>())).prop_map(
        |(mark, events, broken_off)| {
            let mut all = if mark { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
            events.iter().for_each(|event| all.extend_from_slice(event.as_bytes()));
            if let Some(at) = broken_off.filter(|_| !all.is_empty()) {
                all.truncate(at.index(all.len()));
            }
            all
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_cut_makes_a_difference(stream in stream(), cuts in vec(any::<prop::sample::Index>(), 0..6)) {
        let whole = edited([stream.as_slice()]);
        for at in 0..=stream.len() {
            let (head, tail) = stream.split_at(at);
            prop_assert_eq!(&edited([head, tail]), &whole, "cut at {}", at);
        }
        prop_assert_eq!(&edited(stream.chunks(1)), &whole);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).chain([0, stream.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&edited(cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]])), &whole);
    }

    #[test]
    fn every_event_is_edited_as_its_message_is(stream in stream()) {
        let (before, after) = (events(&stream), ended(&edited([stream.as_slice()])));
        prop_assert_eq!(before.len(), after.len(), "an event was lost, or made");
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(&before.event, &after.event);
            prop_assert_eq!(before.retry, after.retry);
            let id = before.id.as_ref().map(|id| if id.is_empty() { String::new() } else { format!("s:{id}") });
            prop_assert_eq!(&id, &after.id);
            // The line ends of the stream stand inside messages as white space.
            let expected = edit(before.data.as_bytes(), &rules());
            prop_assert_eq!(&String::from_utf8_lossy(&expected), &after.data);
        }
    }

    #[test]
    fn what_was_json_stays_json(stream in stream()) {
        let (before, after) = (events(&stream), events(&edited([stream.as_slice()])));
        let parses = |event: &Event| serde_json::from_str::<&serde_json::value::RawValue>(&event.data).is_ok();
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(parses(before), parses(after), "{} became {}", &before.data, &after.data);
        }
    }

    #[test]
    fn nothing_waits_for_the_next_event(stream in stream()) {
        // A server that says nothing more for now has been heard to the last complete event.
        let complete = stream.len() - stream.iter().rev().take_while(|b| !matches!(b, b'\n' | b'\r')).count();
        let mut editor = Editor::new(Media::Sse, rules());
        let mut out = Vec::new();
        editor.push(&stream[..complete], &mut out);
        prop_assert_eq!(ended(&out).len(), ended(&stream).len());
    }
}

/// As large as an event gets: far beyond what is held back of it.
#[test]
fn a_huge_event_is_edited_like_a_small_one() {
    let text = "x".repeat(3 << 20);
    let message = format!(
        "{{\"id\":5,\"params\":{{\"message\":\"Sure?\",\"x\":\"{text}\",\"uri\":\"file:///{text}\"}},\"method\":\"roots/list\"}}"
    );
    let stream = format!(": hi\r\ndata: {message}\r\n\r\n");
    let expected = stream.replacen("\"id\":5", "\"id\":\"mcpgw:s:n5\"", 1).replacen("file:///", "p+file:///", 1);
    for size in [1 << 10, 16_381, 1 << 30] {
        assert!(edited(stream.as_bytes().chunks(size)) == expected.as_bytes(), "in chunks of {size}");
    }
}
