//! What is read of a client's message.

use crate::json::{Mark, Node};

const fn unique(members: &'static [(&'static str, &'static Node)], mark: Option<Mark>) -> Node {
    Node { mark, unique: true, ..Node::object(members) }
}

static ID: Node = Node::leaf(Mark::Id);
static JSONRPC: Node = Node::leaf(Mark::Jsonrpc);
static METHOD: Node = Node::leaf(Mark::Method);
static ERROR: Node = Node::leaf(Mark::Error);
static NAME: Node = Node::leaf(Mark::Name);
static URI: Node = Node::leaf(Mark::Uri);
static REF_NAME: Node = Node::leaf(Mark::RefName);
static REF_URI: Node = Node::leaf(Mark::RefUri);
static CURSOR: Node = Node::leaf(Mark::Cursor);
static LEVEL: Node = Node::leaf(Mark::Level);
static REQUEST_ID: Node = Node::leaf(Mark::RequestId);
static PROGRESS_TOKEN: Node = Node::leaf(Mark::ProgressToken);
static META_PROGRESS_TOKEN: Node = Node::leaf(Mark::MetaProgressToken);
static META_VERSION: Node = Node::leaf(Mark::MetaProtocolVersion);
static META_CAPABILITIES: Node = Node::leaf(Mark::MetaClientCapabilities);
static META_LOG_LEVEL: Node = Node::leaf(Mark::MetaLogLevel);

static RELATED_TASK_ID: Node = Node::leaf(Mark::RelatedTask);
static RELATED_TASK: Node = Node::object(&[("taskId", &RELATED_TASK_ID)]);
static RESULT_META: Node = Node::object(&[("io.modelcontextprotocol/related-task", &RELATED_TASK)]);
static LINK: Node = Node::leaf(Mark::LinkUri);
static RESOURCE: Node = Node::object(&[("uri", &LINK)]);
static BLOCK: Node = Node::object(&[("uri", &LINK), ("resource", &RESOURCE)]);
static BLOCKS: Node = Node::array(&BLOCK);
static TOOL_RESULT: Node = Node::object(&[("content", &BLOCKS)]);
/// `CreateMessageResult.content`, one block or several. What stands one level up is a form's, whose values are the user's own.
static CONTENT: Node = Node { items: Some(&TOOL_RESULT), ..Node::object(&[("content", &BLOCKS)]) };
static INPUT_RESPONSE: Node = Node::object(&[("content", &CONTENT)]);
static INPUT_RESPONSES: Node = Node { any_member: Some(&INPUT_RESPONSE), ..Node::NONE };
static RESULT: Node =
    Node { mark: Some(Mark::Result), ..Node::object(&[("content", &CONTENT), ("_meta", &RESULT_META)]) };
static TASK_ID: Node = Node::leaf(Mark::TaskId);

static META: Node = unique(
    &[
        ("progressToken", &META_PROGRESS_TOKEN),
        ("io.modelcontextprotocol/protocolVersion", &META_VERSION),
        ("io.modelcontextprotocol/clientCapabilities", &META_CAPABILITIES),
        ("io.modelcontextprotocol/logLevel", &META_LOG_LEVEL),
        ("io.modelcontextprotocol/related-task", &RELATED_TASK),
    ],
    None,
);
static REF: Node = unique(&[("name", &REF_NAME), ("uri", &REF_URI)], None);
static PARAMS: Node = unique(
    &[
        ("name", &NAME),
        ("uri", &URI),
        ("_meta", &META),
        ("ref", &REF),
        ("cursor", &CURSOR),
        ("level", &LEVEL),
        ("requestId", &REQUEST_ID),
        ("progressToken", &PROGRESS_TOKEN),
        ("taskId", &TASK_ID),
        ("inputResponses", &INPUT_RESPONSES),
    ],
    Some(Mark::Params),
);

/// A message of a client.
pub(super) static MESSAGE: Node = unique(
    &[
        ("jsonrpc", &JSONRPC),
        ("id", &ID),
        ("method", &METHOD),
        ("params", &PARAMS),
        ("result", &RESULT),
        ("error", &ERROR),
    ],
    Some(Mark::Message),
);
