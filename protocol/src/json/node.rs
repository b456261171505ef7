//! What to look at in a message, as data.

/// One place in a message: which members and items below it are of interest, and whether its own value is.
///
/// Trees of nodes are `static`; a value that no node names is checked to be JSON and otherwise ignored.
#[derive(Debug)]
pub struct Node {
    /// Reported when a value stands here: a scalar with its bytes, an object or array when it opens.
    pub mark: Option<Mark>,
    /// Members by their decoded name. No two differ in case alone.
    pub members: &'static [(&'static str, &'static Node)],
    /// Members of any other name.
    pub any_member: Option<&'static Node>,
    /// Items of an array.
    pub items: Option<&'static Node>,
    /// Two members of one name are an error: the reader upstream might take the other one.
    pub unique: bool,
}

impl Node {
    /// A place of no interest, to be used as the base of `Node { .., ..Node::NONE }`.
    pub const NONE: Node = Node { mark: None, members: &[], any_member: None, items: None, unique: false };

    /// A scalar that is reported.
    pub const fn leaf(mark: Mark) -> Node {
        Node { mark: Some(mark), ..Node::NONE }
    }

    /// An object with members of interest.
    pub const fn object(members: &'static [(&'static str, &'static Node)]) -> Node {
        Node { members, ..Node::NONE }
    }

    /// An array whose items are of interest.
    pub const fn array(items: &'static Node) -> Node {
        Node { items: Some(items), ..Node::NONE }
    }

    /// The known member that `name` is in any case, and the node of the member that it is.
    ///
    /// For duplicates, names count as equal in any case: some readers (Go's `encoding/json`) take `Name` for `name`.
    pub(super) fn member(&self, name: &[u8]) -> (Option<&'static str>, Option<&'static Node>) {
        let like = self.members.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        let same = like.filter(|(known, _)| known.as_bytes() == name).map(|(_, node)| *node);
        (like.map(|(known, _)| *known), same.or(self.any_member))
    }
}

/// What a reported value is. Which tree reports which marks is told where the trees are ([`crate::jsonrpc`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The message itself.
    Message,
    /// `jsonrpc`.
    Jsonrpc,
    /// `id`.
    Id,
    /// `method`.
    Method,
    /// `params`.
    Params,
    /// `result`.
    Result,
    /// `error`.
    Error,
    /// The name of a tool or prompt.
    Name,
    /// The URI of a resource, or a template.
    Uri,
    /// A URI in a `resource_link`, where `http` and `https` have a meaning of their own.
    LinkUri,
    /// `params.ref.name` of `completion/complete`.
    RefName,
    /// `params.ref.uri` of `completion/complete`.
    RefUri,
    /// `params.cursor` and `result.nextCursor`.
    Cursor,
    /// `params.level` of `logging/setLevel`.
    Level,
    /// `params.requestId` of `notifications/cancelled`.
    RequestId,
    /// `params.progressToken` of `notifications/progress`.
    ProgressToken,
    /// `params._meta.progressToken`.
    MetaProgressToken,
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`.
    MetaProtocolVersion,
    /// `params._meta["io.modelcontextprotocol/clientCapabilities"]`.
    MetaClientCapabilities,
    /// `params._meta["io.modelcontextprotocol/logLevel"]`.
    MetaLogLevel,
    /// An `elicitationId`.
    ElicitationId,
    /// The `message` of an elicitation that is sure to be one.
    ElicitationMessage,
    /// `params.message`, which is an elicitation's if the method says so.
    ParamsMessage,
    /// A `taskId`.
    TaskId,
    /// `taskId` of `_meta["io.modelcontextprotocol/related-task"]`.
    RelatedTask,
    /// A member of `_meta` that the tree does not name.
    MetaMember,
}
