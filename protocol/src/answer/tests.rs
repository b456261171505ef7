use super::*;
use crate::config::Editing;
use crate::jsonrpc::Id;
use crate::sse;
use proptest::prelude::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn rules() -> Rules {
    Rules::new("demo", "http_", &["https://listed/".to_owned(), "https://tpl/*".to_owned()])
        .with_editing(&Editing::default())
}

fn edit_cut(media: Media, rules: &Rules, bytes: &[u8], size: usize) -> String {
    let mut editor = Editor::new(media, rules.clone());
    let mut out = Vec::new();
    for chunk in bytes.chunks(size) {
        editor.push(chunk, &mut out);
    }
    editor.finish(&mut out);
    String::from_utf8(out).unwrap()
}

/// Edited the same at every cut, alone and as an event.
fn check(rules: &Rules, message: &str, expected: &str) {
    for size in 1..=message.len() {
        assert_eq!(edit_cut(Media::Json, rules, message.as_bytes(), size), expected, "cut at {size}");
    }
    let stream = format!(": hi\r\nid: 7\r\ndata: {message}\r\n\r\ndata:\n\n");
    let edited = format!(": hi\r\nid: demo:7\r\ndata: {expected}\r\n\r\ndata:\n\n");
    for size in 1..=stream.len() {
        assert_eq!(edit_cut(Media::Sse, rules, stream.as_bytes(), size), edited, "cut at {size}");
    }
}

#[test]
fn a_whole_message_needs_no_end_of_its_event_and_a_cut_one_is_passed_over() {
    let answer = r#"data: {"id":1,"result":{}}"#;
    for (stream, answered, expected) in [
        (answer.to_owned(), true, format!("{answer}\n\n")),
        (format!("{answer}\n"), true, format!("{answer}\n\n\n")),
        (format!("{answer}\r"), true, format!("{answer}\r\n\n")),
        (format!("{answer}\nid"), true, format!("{answer}\nid\n\n")),
        (format!("{answer}\n\n"), true, format!("{answer}\n\n")),
        (format!("{answer}\n\n: bye\n"), true, format!("{answer}\n\n: bye\n")),
        ("data: {\"id\":1,\"res".to_owned(), false, "data: {\"id\":1,\"res\nevent: void\n\n".to_owned()),
        ("data: {\"id\":1,\n".to_owned(), false, "data: {\"id\":1,\nevent: void\n\n".to_owned()),
        (": comm".to_owned(), false, ": comm\nevent: void\n\n".to_owned()),
        (String::new(), false, String::new()),
        ("data:\n\n".to_owned(), false, "data:\n\n".to_owned()),
    ] {
        for size in 1..=stream.len().max(1) {
            let mut editor = Editor::new(Media::Sse, rules()).expect(Id::from_raw(b"1").unwrap());
            let mut out = Vec::new();
            stream.as_bytes().chunks(size).for_each(|chunk| editor.push(chunk, &mut out));
            editor.finish(&mut out);
            assert_eq!(editor.answered(), answered, "{stream:?} cut at {size}");
            if !answered {
                editor.void(&mut out);
            }
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{stream:?} cut at {size}");
        }
    }
}

#[test]
fn of_two_answers_the_second_is_passed_over() {
    let [answer, other, ping] = [r#"{"id":1,"result":{}}"#, r#"{"id":2,"result":{}}"#, r#"{"method":"ping"}"#]
        .map(|json| format!("data: {json}\n"));
    let stream = format!("{ping}\n{answer}\n{other}\n{ping}\n{answer}\n{ping}\n");
    let expected = format!("{ping}\n{answer}\n{other}\n{ping}\n{answer}event: void\n\n{ping}\n");
    for (stream, expected) in [
        (stream.as_str(), expected.as_str()),
        (&format!("{answer}\n{}", answer.trim_end()), &format!("{answer}\n{answer}event: void\n\n")),
        (&format!("{answer}\r\n{answer}\r\n"), &format!("{answer}\r\n{answer}event: void\n\r\n")),
    ] {
        for size in 1..=stream.len() {
            let mut editor = Editor::new(Media::Sse, rules()).expect(Id::from_raw(b"1").unwrap());
            let mut out = Vec::new();
            stream.as_bytes().chunks(size).for_each(|chunk| editor.push(chunk, &mut out));
            editor.finish(&mut out);
            assert!(editor.answered());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "cut at {size}");
        }
    }
}

#[test]
fn an_event_that_is_nested_too_deep_is_passed_over() {
    let deep =
        |depth: usize| format!(r#"data: {{"id":1,"result":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    for (depth, answered, void) in [(512, true, ""), (513, false, "event: void\n")] {
        let stream = format!("{}\n\n", deep(depth));
        let expected = format!("{}\n{void}\n", deep(depth));
        for size in 1..=stream.len() {
            let mut editor = Editor::new(Media::Sse, rules()).expect(Id::from_raw(b"1").unwrap());
            let mut out = Vec::new();
            stream.as_bytes().chunks(size).for_each(|chunk| editor.push(chunk, &mut out));
            editor.finish(&mut out);
            assert_eq!(editor.answered(), answered, "{depth} deep");
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{depth} deep, cut at {size}");
        }
    }
}

#[test]
fn tags_the_ids_of_requests_only() {
    for (message, expected) in [
        (
            r#"{"jsonrpc":"2.0","id":5,"method":"roots/list"}"#,
            r#"{"jsonrpc":"2.0","id":"mcpgw:demo:n5","method":"roots/list"}"#,
        ),
        (r#"{"method":"ping","id" : "a\n"}"#, r#"{"method":"ping","id" : "mcpgw:demo:sa\n"}"#),
        (
            r#"{"id":1,"params":{"_meta":{"progressToken":2}},"method":"elicitation/create"}"#,
            r#"{"id":"mcpgw:demo:n1","params":{"_meta":{"progressToken":"mcpgw:demo:n2"}},"method":"elicitation/create"}"#,
        ),
        (
            r#"{"method":"notifications/cancelled","params":{"requestId":3}}"#,
            r#"{"method":"notifications/cancelled","params":{"requestId":"mcpgw:demo:n3"}}"#,
        ),
    ] {
        check(&rules(), message, expected);
    }
    for same in [
        r#"{"jsonrpc":"2.0","id":5,"result":{"id":6,"method":"x"}}"#,
        r#"{"result":{},"id":"x"}"#,
        r#"{"id":1,"error":{"code":-1,"message":"m"}}"#,
        r#"{"method":"notifications/progress","params":{"progressToken":1,"progress":9007199254740993}}"#,
        r#"{"id":1}"#,
    ] {
        check(&rules(), same, same);
    }
}

#[test]
fn maps_every_uri_of_a_prefixed_server() {
    for (message, expected) in [
        (
            r#"{"id":1,"result":{"content":[{"type":"resource_link","uri":"file:///a"},{"type":"resource","resource":{"uri":"ui://h/x"}},{"type":"text","text":"file:///a"}],"structuredContent":{"uri":"file:///a"}}}"#,
            r#"{"id":1,"result":{"content":[{"type":"resource_link","uri":"http+file:///a"},{"type":"resource","resource":{"uri":"ui://http.h/x"}},{"type":"text","text":"file:///a"}],"structuredContent":{"uri":"file:///a"}}}"#,
        ),
        (
            r#"{"result":{"contents":[{"uri":"ui:\/\/h","text":""},{"uri":"https://x/"}]},"id":1}"#,
            r#"{"result":{"contents":[{"uri":"ui:\/\/http.h","text":""},{"uri":"http+https://x/"}]},"id":1}"#,
        ),
        (
            r#"{"id":1,"result":{"content":[{"uri":"https://other/"},{"uri":"https://listed/"},{"uri":"https://tpl/5"}]}}"#,
            r#"{"id":1,"result":{"content":[{"uri":"https://other/"},{"uri":"http+https://listed/"},{"uri":"http+https://tpl/5"}]}}"#,
        ),
        (
            r#"{"id":1,"result":{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"a:b"}}}]}}"#,
            r#"{"id":1,"result":{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"http+a:b"}}}]}}"#,
        ),
        (
            r#"{"id":1,"method":"sampling/createMessage","params":{"messages":[{"content":[{"type":"tool_result","content":[{"uri":"a:b"}]}]},{"content":{"content":[{"resource":{"uri":"c:d"}}]}}],"tools":[{"name":"own"}]}}"#,
            r#"{"id":"mcpgw:demo:n1","method":"sampling/createMessage","params":{"messages":[{"content":[{"type":"tool_result","content":[{"uri":"http+a:b"}]}]},{"content":{"content":[{"resource":{"uri":"http+c:d"}}]}}],"tools":[{"name":"own"}]}}"#,
        ),
        (
            r#"{"id":1,"result":{"inputRequests":{"k":{"method":"sampling/createMessage","params":{"messages":[{"content":{"uri":"a:b"}}]}}}}}"#,
            r#"{"id":1,"result":{"inputRequests":{"k":{"method":"sampling/createMessage","params":{"messages":[{"content":{"uri":"http+a:b"}}]}}}}}"#,
        ),
        (
            r#"{"method":"notifications/resources/updated","params":{"uri":"a:b"}}"#,
            r#"{"method":"notifications/resources/updated","params":{"uri":"http+a:b"}}"#,
        ),
        (
            r#"{"id":1,"error":{"code":-32002,"message":"a:b","data":{"uri":"a:b"}}}"#,
            r#"{"id":1,"error":{"code":-32002,"message":"a:b","data":{"uri":"http+a:b"}}}"#,
        ),
        (
            r#"{"id":1,"error":{"code":-32042,"message":"","data":{"elicitations":[{"elicitationId":"e"}]}}}"#,
            r#"{"id":1,"error":{"code":-32042,"message":"","data":{"elicitations":[{"elicitationId":"mcpgw:demo:se"}]}}}"#,
        ),
        (
            r#"{"id":1,"result":{"_meta":{"ui":{"resourceUri":"ui://h"},"ui/resourceUri":"ui://h","openai/outputTemplate":"ui://h"}}}"#,
            r#"{"id":1,"result":{"_meta":{"ui":{"resourceUri":"ui://http.h"},"ui/resourceUri":"ui://http.h","openai/outputTemplate":"ui://http.h"}}}"#,
        ),
    ] {
        check(&rules(), message, expected);
    }
}

#[test]
fn keys_of_vendors_hold_uris_if_the_operator_says_so() {
    let message = r#"{"id":1,"result":{"_meta":{"acme/view":"ui://h","acme\/view":"ui:\/\/h","other":"ui://h","openai/outputTemplate":"ui://h","ui":{"x":"ui://h"}}}}"#;
    let editing = Editing { uri_meta_keys: vec!["acme/view".to_owned()], ..Editing::default() };
    let expected = message
        .replace(r#""acme/view":"ui://h"#, r#""acme/view":"ui://http.h"#)
        .replace(r#""acme\/view":"ui:\/\/h"#, r#""acme\/view":"ui:\/\/http.h"#);
    check(&rules().with_editing(&editing), message, &expected);
    let list =
        r#"{"id":1,"result":{"tools":[{"name":"a","_meta":{"acme/view":"ui://h","n":1,"o":{"acme/view":"ui://h"}}}]}}"#;
    let expected = list.replace(r#""a","_meta":{"acme/view":"ui://h"#, r#""http_a","_meta":{"acme/view":"ui://http.h"#);
    check(&rules().with_editing(&editing).for_list(), list, &expected);
}

#[test]
fn tasks_are_named_with_their_server() {
    let related = r#""_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}"#;
    for message in [
        r#"{"id":1,"result":{"task":{"taskId":"t","status":"working","ttl":60000}}}"#.to_owned(),
        r#"{"id":1,"result":{"resultType":"task","taskId":"t","status":"working"}}"#.to_owned(),
        r#"{"id":1,"result":{"tasks":[{"taskId":"t"},{"status":"x","taskId":"t"}]}}"#.to_owned(),
        r#"{"method":"notifications/tasks/status","params":{"taskId":"t","status":"failed"}}"#.to_owned(),
        format!(r#"{{"id":1,"result":{{{related},"content":[]}}}}"#),
        format!(r#"{{"method":"notifications/progress","params":{{{related}}}}}"#),
    ] {
        check(&rules(), &message, &message.replace(r#""t""#, r#""mcpgw:demo:st""#));
    }
    let message = r#"{"method":"notifications/tasks","params":{"taskId":"t","result":{"content":[{"resource":{"uri":"a:b"}}]},"inputRequests":{"k":{"params":{"messages":[{"content":{"uri":"a:b"}}]}}}}}"#;
    check(&rules(), message, &message.replace("a:b", "http+a:b").replace(r#""t""#, r#""mcpgw:demo:st""#));
    let message = r#"{"id":1,"result":{"resultType":"complete","taskId":"t","result":{"content":[{"uri":"a:b"}]}}}"#;
    check(&rules(), message, &message.replace("a:b", "http+a:b").replace(r#""t""#, r#""mcpgw:demo:st""#));
    for same in [
        r#"{"id":1,"result":{"structuredContent":{"taskId":"t","task":{"taskId":"t"}},"task":5,"taskId":7}}"#,
        r#"{"id":1,"result":{"content":[{"type":"text","taskId":"t"}]}}"#,
    ] {
        check(&rules(), same, same);
    }
}

#[test]
fn elicitations_say_who_asks() {
    let rules = rules().with_editing(&Editing { label_elicitations: true, ..Editing::default() });
    for (message, expected) in [
        (
            r#"{"method":"elicitation/create","params":{"message":"Name?"},"id":1}"#,
            r#"{"method":"elicitation/create","params":{"message":"[demo] Name?"},"id":"mcpgw:demo:n1"}"#,
        ),
        (
            r#"{"id":1,"params":{"x":1,"message":"Name?","y":[2]},"z":{},"method":"elicitation/create"}"#,
            r#"{"id":"mcpgw:demo:n1","params":{"x":1,"message":"[demo] Name?","y":[2]},"z":{},"method":"elicitation/create"}"#,
        ),
        (
            r#"{"params":{"message":"Name?"},"id":1,"method":"elicitation/create"}"#,
            r#"{"params":{"message":"[demo] Name?"},"id":"mcpgw:demo:n1","method":"elicitation/create"}"#,
        ),
        (
            r#"{"id":1,"result":{"inputRequests":{"k":{"params":{"message":"A\n","mode":"form"},"method":"elicitation/create"}}}}"#,
            r#"{"id":1,"result":{"inputRequests":{"k":{"params":{"message":"[demo] A\n","mode":"form"},"method":"elicitation/create"}}}}"#,
        ),
        (
            r#"{"id":1,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"message":"Go"}]}}}"#,
            r#"{"id":1,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"message":"[demo] Go"}]}}}"#,
        ),
    ] {
        check(&rules, message, expected);
        check(&super::tests::rules(), message, &expected.replace("[demo] ", ""));
    }
    for same in [
        r#"{"method":"notifications/progress","params":{"progress":1,"message":"half"}}"#,
        r#"{"params":{"progress":1,"message":"half"},"method":"notifications/progress"}"#,
        r#"{"params":{"message":"half"}}"#,
        r#"{"id":1,"result":{"message":"x","content":[{"type":"text","text":"y","message":"z"}]}}"#,
    ] {
        check(&rules, same, same);
    }
}

#[test]
fn names_lists_with_the_prefix() {
    let list = r#"{"id":"x","result":{"tools":[{"name":"a","title":"name","inputSchema":{"properties":{"name":{}}},"_meta":{"ui":{"resourceUri":"ui://h"}}}],"prompts":[{"name":"\u0061","arguments":[{"name":"b"}]}],"resources":[{"uri":"f:a","name":"n"}],"resourceTemplates":[{"uriTemplate":"{+x}","name":"n"}]}}"#;
    let expected = r#"{"id":"x","result":{"tools":[{"name":"http_a","title":"name","inputSchema":{"properties":{"name":{}}},"_meta":{"ui":{"resourceUri":"ui://http.h"}}}],"prompts":[{"name":"http_\u0061","arguments":[{"name":"b"}]}],"resources":[{"uri":"http+f:a","name":"n"}],"resourceTemplates":[{"uriTemplate":"http+{+x}","name":"n"}]}}"#;
    check(&rules().for_list(), list, expected);
}

#[test]
fn a_server_without_prefix_keeps_its_uris() {
    let rules = Rules::new("demo", "", &[]);
    let message = r#"{"id":1,"result":{"contents":[{"uri":"file:///a"}]}}"#;
    check(&rules, message, message);
    check(&rules.for_list(), r#"{"result":{"tools":[{"name":"a"}]}}"#, r#"{"result":{"tools":[{"name":"a"}]}}"#);
}

#[test]
fn a_message_over_several_lines_is_one() {
    let stream = "data: {\"id\":5,\ndata:\"method\":\ndata: \"ping\"}\n\n";
    let expected = "data: {\"id\":\"mcpgw:demo:n5\",\ndata:\"method\":\ndata: \"ping\"}\n\n";
    for size in 1..=stream.len() {
        assert_eq!(edit_cut(Media::Sse, &rules(), stream.as_bytes(), size), expected);
    }
}

#[test]
fn a_number_ends_with_its_line() {
    let stream = "data: {\"method\": \"ping\",\r\ndata:  \"id\": 5\r\ndata: }\r\n\r\n";
    let expected = stream.replace("5\r\n", "\"mcpgw:demo:n5\"\r\n");
    let broken = "data: {\"id\": \"a\ndata: b\"}\n\n";
    for size in 1..=stream.len() {
        assert_eq!(edit_cut(Media::Sse, &rules(), stream.as_bytes(), size), expected);
        assert_eq!(edit_cut(Media::Sse, &rules(), broken.as_bytes(), size), broken);
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_event() {
    let stream = "\u{feff}data: {\"id\":5,\"method\":\"ping\"}\n\n\u{feff}data: {\"id\":5,\"method\":\"ping\"}\n\n";
    let expected = stream.replacen("\"id\":5", "\"id\":\"mcpgw:demo:n5\"", 1);
    for size in 1..=stream.len() {
        assert_eq!(edit_cut(Media::Sse, &rules(), stream.as_bytes(), size), expected);
    }
}

#[test]
fn events_go_out_as_they_come() {
    let mut editor = Editor::new(Media::Sse, rules());
    let mut out = Vec::new();
    let event = b"data: {\"id\":5,\"method\":\"ping\"}\n\n";
    editor.push(event, &mut out);
    assert!(out.ends_with(b"}\n\n"));
}

#[test]
fn tells_what_it_saw() {
    let id = Id::from_raw(b"5").unwrap();
    let mut editor = Editor::new(Media::Sse, rules()).expect(id.clone());
    let mut out = Vec::new();
    editor.push(sse::frame(r#"{"method":"notifications/tools/list_changed"}"#).as_bytes(), &mut out);
    editor.push(sse::frame(r#"{"id":6,"result":{}}"#).as_bytes(), &mut out);
    editor.push(sse::frame(r#"{"id":5,"method":"ping"}"#).as_bytes(), &mut out);
    assert!(editor.list_changed() && !editor.answered());
    editor.push(sse::frame(r#"{"id":5,"result":{}}"#).as_bytes(), &mut out);
    assert!(editor.answered());
    for (json, answered) in
        [(r#"{"id":5,"error":{}}"#, true), (r#"{"id":"5","result":{}}"#, false), (r#"{"id":5,"result":{}"#, false)]
    {
        let mut editor = Editor::new(Media::Json, rules()).expect(id.clone());
        editor.push(json.as_bytes(), &mut out);
        editor.finish(&mut out);
        assert_eq!(editor.answered(), answered, "{json}");
    }
}

#[test]
fn a_very_long_uri_gets_its_key_too() {
    let uri = format!("data:{}", "x".repeat(50_000));
    let message = format!(r#"{{"id":1,"result":{{"contents":[{{"uri":"{uri}"}}]}}}}"#);
    let expected = message.replace("data:", "http+data:");
    for size in [1, 1000, 100_000] {
        assert_eq!(edit_cut(Media::Json, &rules(), message.as_bytes(), size), expected);
    }
}

proptest! {
    #[test]
    fn what_is_not_edited_passes_byte_for_byte(json in crate::json::any_json(), size in 1usize..60) {
        let message = format!(r#"{{"jsonrpc":"2.0","id":9007199254740993,"result":{{"structuredContent":{json}}}}}"#);
        prop_assert_eq!(&edit_cut(Media::Json, &rules(), message.as_bytes(), size), &message);
    }

    #[test]
    fn the_cut_makes_no_difference(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'd'), Just(b':'), Just(b'{'), Just(b'"'), any::<u8>()], 0..200), size in 1usize..20) {
        for media in [Media::Json, Media::Sse] {
            let mut whole = Vec::new();
            let mut editor = Editor::new(media, rules());
            editor.push(&bytes, &mut whole);
            editor.finish(&mut whole);
            let mut parts = Vec::new();
            let mut editor = Editor::new(media, rules());
            for chunk in bytes.chunks(size) { editor.push(chunk, &mut parts) }
            editor.finish(&mut parts);
            prop_assert_eq!(&whole, &parts);
        }
    }

    #[test]
    fn a_broken_message_passes_as_it_is(message in r#"[{}\[\]",:a-z0-9 ]{0,80}"#, size in 1usize..20) {
        prop_assume!(serde_json::from_str::<serde_json::Value>(&message).is_err() && !message.contains("id") );
        prop_assert_eq!(&edit_cut(Media::Json, &rules(), message.as_bytes(), size), &message);
    }
}
