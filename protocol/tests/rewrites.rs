//! What of a server's messages is changed on the way to the client: the rows of `docs/rewrites.md` whose arrow points down, and
//! what must not be changed.

extern crate mcp_gateway_protocol as protocol;

use protocol::answer::{Editor, Rules, edit};
use protocol::config::Editing;
use protocol::http::Media;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Rows, and a message in which `OWN` stands where the server's own form becomes the client's.
struct Case(&'static [u8], &'static str, Form);

/// What `OWN` stands for, before and after.
#[derive(Clone, Copy)]
enum Form {
    /// The name of a tool or prompt.
    Name,
    /// A URI or template.
    Uri,
    /// A URI whose scheme stays.
    App,
    /// A string id.
    Id,
    /// A number as id.
    Number,
}

impl Form {
    fn own(self) -> &'static str {
        match self {
            Self::Name => "\"t\"",
            Self::Uri => "\"file:///a\"",
            Self::App => "\"ui://h/a\"",
            Self::Id => "\"x\"",
            Self::Number => "9007199254740993",
        }
    }

    fn seen(self) -> &'static str {
        match self {
            Self::Name => "\"p_t\"",
            Self::Uri => "\"p+file:///a\"",
            Self::App => "\"ui://p.h/a\"",
            Self::Id => "\"mcpgw:s:sx\"",
            Self::Number => "\"mcpgw:s:n9007199254740993\"",
        }
    }

    /// Whether it is changed for a server without prefix, too.
    fn always(self) -> bool {
        matches!(self, Self::Id | Self::Number)
    }
}

const LISTS: &[Case] = &[
    Case(&[1], r#"{"id":1,"result":{"tools":[{"name":OWN,"title":"t"}]}}"#, Form::Name),
    Case(&[3], r#"{"id":1,"result":{"prompts":[{"name":OWN,"arguments":[{"name":"t"}]}]}}"#, Form::Name),
    Case(&[6], r#"{"id":1,"result":{"resources":[{"uri":OWN,"name":"t"}]}}"#, Form::Uri),
    Case(&[6], r#"{"id":1,"result":{"resources":[{"uri":OWN}]}}"#, Form::App),
    Case(&[7], r#"{"id":1,"result":{"resourceTemplates":[{"uriTemplate":OWN}]}}"#, Form::Uri),
    Case(
        &[19],
        r#"{"id":1,"result":{"resources":[{"_meta":{"ui":{"resourceUri":OWN,"csp":["ui://h/a"]}}}]}}"#,
        Form::App,
    ),
    Case(&[19], r#"{"id":1,"result":{"resourceTemplates":[{"_meta":{"ui/resourceUri":OWN}}]}}"#, Form::App),
    Case(&[19], r#"{"id":1,"result":{"tools":[{"_meta":{"openai/outputTemplate":OWN,"x":"ui://h/a"}}]}}"#, Form::App),
];

const MESSAGES: &[Case] = &[
    Case(&[9], r#"{"id":1,"result":{"contents":[{"uri":OWN,"text":"t"}]}}"#, Form::Uri),
    Case(&[13], r#"{"method":"notifications/resources/updated","params":{"uri":OWN}}"#, Form::Uri),
    Case(&[15], r#"{"id":1,"result":{"content":[{"type":"resource_link","uri":OWN}]}}"#, Form::Uri),
    Case(&[15], r#"{"id":1,"result":{"content":[{"type":"resource","resource":{"uri":OWN}}]}}"#, Form::Uri),
    Case(&[16], r#"{"id":1,"result":{"messages":[{"content":{"type":"resource_link","uri":OWN}}]}}"#, Form::Uri),
    Case(&[16], r#"{"id":1,"result":{"messages":[{"content":{"resource":{"uri":OWN}}}]}}"#, Form::Uri),
    Case(
        &[17],
        r#"{"method":"sampling/createMessage","params":{"messages":[{"content":[{"type":"tool_result","content":[{"uri":OWN}]}]}]}}"#,
        Form::Uri,
    ),
    Case(
        &[17],
        r#"{"method":"sampling/createMessage","params":{"messages":[{"content":{"content":[{"resource":{"uri":OWN}}]}}]}}"#,
        Form::Uri,
    ),
    Case(
        &[17],
        r#"{"id":1,"result":{"inputRequests":{"k":{"params":{"messages":[{"content":{"content":[{"uri":OWN}]}}]}}}}}"#,
        Form::Uri,
    ),
    Case(
        &[17, 21],
        r#"{"method":"notifications/tasks","params":{"inputRequests":{"k":{"params":{"messages":[{"content":{"uri":OWN}}]}}}}}"#,
        Form::Uri,
    ),
    Case(&[19], r#"{"id":1,"result":{"_meta":{"ui":{"resourceUri":OWN}}}}"#, Form::App),
    Case(&[20], r#"{"id":1,"error":{"code":-32002,"message":"file:///a","data":{"uri":OWN}}}"#, Form::Uri),
    Case(&[20], r#"{"id":1,"error":{"code":-32602,"message":"m","data":{"uri":OWN}}}"#, Form::Uri),
    Case(&[21], r#"{"id":1,"result":{"result":{"content":[{"uri":OWN}]}}}"#, Form::Uri),
    Case(
        &[21],
        r#"{"method":"notifications/tasks","params":{"result":{"content":[{"resource":{"uri":OWN}}]}}}"#,
        Form::Uri,
    ),
    Case(&[23], r#"{"id":OWN,"method":"roots/list"}"#, Form::Id),
    Case(&[23], r#"{"method":"sampling/createMessage","params":{},"id":OWN}"#, Form::Number),
    Case(&[26], r#"{"method":"notifications/cancelled","params":{"requestId":OWN}}"#, Form::Number),
    Case(&[31], r#"{"method":"elicitation/create","params":{"_meta":{"progressToken":OWN}}}"#, Form::Id),
    Case(&[33], r#"{"id":1,"result":{"task":{"taskId":OWN,"status":"working"}}}"#, Form::Id),
    Case(&[33], r#"{"id":1,"result":{"resultType":"task","taskId":OWN}}"#, Form::Id),
    Case(&[35], r#"{"id":1,"result":{"tasks":[{"taskId":OWN}]}}"#, Form::Id),
    Case(&[35], r#"{"method":"notifications/tasks/status","params":{"taskId":OWN}}"#, Form::Id),
    Case(&[35], r#"{"method":"notifications/tasks","params":{"taskId":OWN}}"#, Form::Id),
    Case(&[36], r#"{"id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":OWN}}}}"#, Form::Id),
    Case(
        &[36],
        r#"{"method":"notifications/message","params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":OWN}}}}"#,
        Form::Id,
    ),
    Case(
        &[39],
        r#"{"method":"elicitation/create","params":{"mode":"url","elicitationId":OWN,"url":"file:///a"}}"#,
        Form::Id,
    ),
    Case(
        &[39],
        r#"{"id":1,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"elicitationId":OWN}]}}}"#,
        Form::Id,
    ),
    Case(&[39], r#"{"method":"notifications/elicitation/complete","params":{"elicitationId":OWN}}"#, Form::Id),
];

/// Neither in messages nor, where they could stand there, in lists.
const KEPT: &[&str] = &[
    // A server's own tools in sampling, and who used them.
    r#"{"method":"sampling/createMessage","params":{"tools":[{"name":"t","inputSchema":{}}],"toolChoice":{"name":"t"},"messages":[{"content":[{"type":"tool_use","name":"t","id":"x"},{"type":"tool_result","toolUseId":"x","content":[{"type":"text","text":"file:///a"}]}]}]}}"#,
    r#"{"id":1,"result":{"roots":[{"uri":"file:///a","name":"t"}]}}"#,
    r#"{"id":1,"result":{"content":[{"type":"text","text":"file:///a","icons":[{"src":"file:///a"}]}],"structuredContent":{"uri":"file:///a","taskId":"x","content":[{"uri":"file:///a"}]}}}"#,
    r#"{"method":"elicitation/create","params":{"mode":"url","url":"file:///a","requestedSchema":{"properties":{"uri":{"default":"file:///a"}}}}}"#,
    r#"{"id":1,"result":{"completion":{"values":["file:///a","t"]}}}"#,
    r#"{"id":1,"result":{"instructions":"t file:///a","serverInfo":{"name":"t","websiteUrl":"file:///a"}}}"#,
    r#"{"id":1,"error":{"code":-32602,"message":"Unknown tool: t file:///a","data":{"name":"t"}}}"#,
    r#"{"method":"notifications/message","params":{"level":"info","logger":"t","data":{"uri":"file:///a"}}}"#,
    r#"{"method":"notifications/progress","params":{"progressToken":9007199254740993,"progress":1.0,"message":"t"}}"#,
    r#"{"id":1,"result":{"_meta":{"traceparent":"00-1","tracestate":"a","baggage":"b","io.modelcontextprotocol/subscriptionId":7,"ui":{"domain":"ui://h/a"}}}}"#,
    r#"{"id":9007199254740993,"result":{}}"#,
    r#"{"id":"x","result":{}}"#,
];

fn prefixed() -> Rules {
    Rules::new("s", "p_", &[]).with_editing(&Editing::default())
}

fn check(rules: &Rules, message: &str, expected: &str, rows: &[u8]) {
    let edited = edit(message.as_bytes(), rules);
    assert_eq!(String::from_utf8_lossy(&edited), expected, "row {rows:?}");
    let event = |message: &str| format!("event: message\r\ndata: {message}\r\n\r\n");
    for size in [1, 7, 1000] {
        let mut editor = Editor::new(Media::Sse, rules.clone());
        let mut out = Vec::new();
        event(message).as_bytes().chunks(size).for_each(|chunk| editor.push(chunk, &mut out));
        editor.finish(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), event(expected), "row {rows:?} as event");
    }
}

#[test]
fn every_row_is_changed_and_nothing_beside_it() {
    for (cases, rules) in [(LISTS, prefixed().for_list()), (MESSAGES, prefixed())] {
        for Case(rows, message, form) in cases {
            check(&rules, &message.replace("OWN", form.own()), &message.replace("OWN", form.seen()), rows);
        }
    }
}

#[test]
fn a_server_without_prefix_keeps_all_but_ids() {
    for Case(rows, message, form) in LISTS.iter().chain(MESSAGES) {
        let message = message.replace("OWN", form.own());
        let seen = if form.always() { message.replace(form.own(), form.seen()) } else { message.clone() };
        check(&Rules::new("s", "", &[]).with_editing(&Editing::default()), &message, &seen, rows);
    }
}

#[test]
fn what_must_not_be_changed_is_not() {
    for message in KEPT {
        check(&prefixed(), message, message, &[]);
    }
    let tool = r#"{"id":1,"result":{"tools":[{"title":"t","description":"t file:///a","icons":[{"src":"file:///a"}],"inputSchema":{"properties":{"name":{"const":"t"},"uri":{"const":"file:///a"}}},"outputSchema":{"properties":{"uri":{}}},"annotations":{"title":"t"},"execution":{"taskSupport":"optional"}}],"nextCursor":"t"}}"#;
    check(&prefixed().for_list(), tool, tool, &[]);
}

/// The id of an event leads back to the server whose stream it is of (row 41).
#[test]
fn events_ids_name_their_server() {
    let mut editor = Editor::new(Media::Sse, prefixed());
    let mut out = Vec::new();
    editor.push(b"id: 7/x\ndata:\nretry: 5\n\nid\nid:\n: id: 5\ndata: id: 5\n\n", &mut out);
    editor.finish(&mut out);
    assert_eq!(out, b"id: s:7/x\ndata:\nretry: 5\n\nid\nid:\n: id: 5\ndata: id: 5\n\n");
}
