//! Where a server's messages hold what the client sees differently: `PROTOCOL`'s table of rewrites as data.

use crate::json::{Mark, Node};

static ID: Node = Node::leaf(Mark::Id);
static METHOD: Node = Node::leaf(Mark::Method);
static NAME: Node = Node::leaf(Mark::Name);
static URI: Node = Node::leaf(Mark::Uri);
static LINK: Node = Node::leaf(Mark::LinkUri);
static TOKEN: Node = Node::leaf(Mark::MetaProgressToken);
static REQUEST_ID: Node = Node::leaf(Mark::RequestId);
static ELICITATION_ID: Node = Node::leaf(Mark::ElicitationId);
static ELICITATION_MESSAGE: Node = Node::leaf(Mark::ElicitationMessage);
static PARAMS_MESSAGE: Node = Node::leaf(Mark::ParamsMessage);
static TASK_ID: Node = Node::leaf(Mark::TaskId);
static META_MEMBER: Node = Node::leaf(Mark::MetaMember);

/// An object that holds a `uri`: the contents of a resource.
static RESOURCE: Node = Node::object(&[("uri", &URI)]);
static RESOURCES: Node = Node::array(&RESOURCE);

/// `ResourceLink.uri` and `EmbeddedResource.resource.uri`; in `ToolResultContent` the same one level down.
static BLOCK: Node = Node::object(&[("uri", &LINK), ("resource", &RESOURCE)]);
static BLOCKS: Node = Node::array(&BLOCK);
/// Content of a message: one block or several.
static CONTENT: Node = Node {
    items: Some(&NESTED_BLOCK),
    ..Node::object(&[("uri", &LINK), ("resource", &RESOURCE), ("content", &BLOCKS)])
};
static NESTED_BLOCK: Node = Node::object(&[("uri", &LINK), ("resource", &RESOURCE), ("content", &BLOCKS)]);
static PROMPT_MESSAGE: Node = Node::object(&[("content", &CONTENT)]);
static PROMPT_MESSAGES: Node = Node::array(&PROMPT_MESSAGE);

/// A task by its id: a whole `Task`, or the related one in `_meta`.
static TASK: Node = Node::object(&[("taskId", &TASK_ID)]);
static TASKS: Node = Node::array(&TASK);

/// `_meta` of what is listed: MCP Apps, and keys of vendors.
static UI: Node = Node::object(&[("resourceUri", &URI)]);
static APP_META: Node =
    Node { any_member: Some(&META_MEMBER), ..Node::object(&[("ui", &UI), ("ui/resourceUri", &URI)]) };
/// `_meta` of a result: the same, and the task that it belongs to.
static RESULT_META: Node = Node {
    any_member: Some(&META_MEMBER),
    ..Node::object(&[("ui", &UI), ("ui/resourceUri", &URI), (RELATED_TASK, &TASK)])
};
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// Requests that wait inside a modern result. Of those that may, only an elicitation has a `message`.
static INPUT_PARAMS: Node = Node::object(&[("messages", &PROMPT_MESSAGES), ("message", &ELICITATION_MESSAGE)]);
static INPUT_REQUEST: Node = Node::object(&[("params", &INPUT_PARAMS)]);
static INPUT_REQUESTS: Node = Node { any_member: Some(&INPUT_REQUEST), ..Node::NONE };

/// The result of a call inside a task that has ended.
static TASK_RESULT: Node = Node::object(&[("content", &BLOCKS), ("_meta", &RESULT_META)]);

static RESULT: Node = Node {
    mark: Some(Mark::Result),
    ..Node::object(&[
        ("content", &BLOCKS),
        ("contents", &RESOURCES),
        ("messages", &PROMPT_MESSAGES),
        ("inputRequests", &INPUT_REQUESTS),
        ("_meta", &RESULT_META),
        ("task", &TASK),
        ("taskId", &TASK_ID),
        ("tasks", &TASKS),
        ("result", &TASK_RESULT),
    ])
};

static ELICITATION: Node = Node::object(&[("elicitationId", &ELICITATION_ID), ("message", &ELICITATION_MESSAGE)]);
static ELICITATIONS: Node = Node::array(&ELICITATION);
static ERROR_DATA: Node = Node::object(&[("uri", &URI), ("elicitations", &ELICITATIONS)]);
static ERROR: Node = Node { mark: Some(Mark::Error), ..Node::object(&[("data", &ERROR_DATA)]) };

static REQUEST_META: Node = Node::object(&[("progressToken", &TOKEN), (RELATED_TASK, &TASK)]);
static PARAMS: Node = Node {
    mark: Some(Mark::Params),
    ..Node::object(&[
        ("uri", &URI),
        ("messages", &PROMPT_MESSAGES),
        ("message", &PARAMS_MESSAGE),
        ("requestId", &REQUEST_ID),
        ("elicitationId", &ELICITATION_ID),
        ("taskId", &TASK_ID),
        ("result", &TASK_RESULT),
        ("inputRequests", &INPUT_REQUESTS),
        ("_meta", &REQUEST_META),
    ])
};

/// An answer to a call, or a message that a server sends on its own.
pub(super) static MESSAGE: Node = Node {
    mark: Some(Mark::Message),
    ..Node::object(&[("id", &ID), ("method", &METHOD), ("params", &PARAMS), ("result", &RESULT), ("error", &ERROR)])
};

static TOOL: Node = Node::object(&[("name", &NAME), ("_meta", &APP_META)]);
static TOOLS: Node = Node::array(&TOOL);
static PROMPT: Node = Node::object(&[("name", &NAME)]);
static PROMPTS: Node = Node::array(&PROMPT);
static LISTED_RESOURCE: Node = Node::object(&[("uri", &URI), ("_meta", &APP_META)]);
static LISTED_RESOURCES: Node = Node::array(&LISTED_RESOURCE);
static TEMPLATE: Node = Node::object(&[("uriTemplate", &URI), ("_meta", &APP_META)]);
static TEMPLATES: Node = Node::array(&TEMPLATE);
static LIST_RESULT: Node = Node {
    mark: Some(Mark::Result),
    ..Node::object(&[
        ("tools", &TOOLS),
        ("prompts", &PROMPTS),
        ("resources", &LISTED_RESOURCES),
        ("resourceTemplates", &TEMPLATES),
    ])
};

/// The answer to a `*/list` request.
pub(super) static LIST: Node = Node {
    mark: Some(Mark::Message),
    ..Node::object(&[
        ("id", &ID),
        ("method", &METHOD),
        ("params", &PARAMS),
        ("result", &LIST_RESULT),
        ("error", &ERROR),
    ])
};
