//! A client's message, read as it arrives: what is asked, of whom, and where the bytes stand that name it.
//!
//! There is one reading: filter and broker both take it from here, and a message that another reader might take
//! differently is refused.

mod cut;
mod made;
mod tree;

pub use cut::{Cut, cut, cut_padded};
pub use made::{Made, MadeKind};

use crate::error::{Refusal, code};
use crate::json::{Found, Kind, Mark, ScanError, Scanner, unquote};
use crate::jsonrpc::Id;
use std::ops::Range;

/// Longest name or URI that is routed by, in bytes of raw JSON.
const LONGEST_NAME: usize = crate::json::MAX_CAPTURE;

/// Reads one message in chunks cut anywhere.
#[derive(Debug)]
pub struct Reader {
    scanner: Scanner,
    envelope: Envelope,
}

/// What no list gives as a cursor.
pub const NO_CURSOR: &str = "?";

/// What a message says about itself. Complete after [`Reader::finish`]; until then, what has been read so far.
#[derive(Debug, Default, Clone)]
pub struct Envelope {
    /// The body is a JSON array: a batch, whose items are read one by one.
    pub batch: bool,
    /// `id`, if it is one that MCP allows.
    pub id: Option<Id>,
    /// Where `id`'s bytes stand.
    pub id_span: Range<u64>,
    /// `method`.
    pub method: Option<String>,
    /// `params.name`.
    pub name: Option<Text>,
    /// `params.uri`.
    pub uri: Option<Text>,
    /// `params.ref` of `completion/complete`: `name` of a prompt.
    pub ref_name: Option<Text>,
    /// `params.ref` of `completion/complete`: `uri` of a resource or template.
    pub ref_uri: Option<Text>,
    /// `params.cursor`; [`NO_CURSOR`] for what is neither a string of readable length nor `null`.
    pub cursor: Option<String>,
    /// `params.level`.
    pub level: Option<String>,
    /// `params.requestId`, raw.
    pub request_id: Option<Raw>,
    /// `params.progressToken`, raw.
    pub progress_token: Option<Raw>,
    /// `params.taskId` of `tasks/*`.
    pub task_id: Option<Text>,
    /// Further values that a server may have made, in their order.
    pub made: Vec<Made>,
    /// `params._meta`.
    pub meta: Meta,
    /// The message is a response: it has `result` or `error`.
    pub response: bool,
    version: bool,
    bad_id: bool,
    object: bool,
    bad_params: bool,
}

/// `params._meta`, as far as the gateway reads it.
#[derive(Debug, Default, Clone)]
pub struct Meta {
    /// `progressToken`, raw.
    pub progress_token: Option<Raw>,
    /// `io.modelcontextprotocol/protocolVersion`.
    pub protocol_version: Option<String>,
    /// `io.modelcontextprotocol/clientCapabilities` is there, and an object.
    pub client_capabilities: bool,
    /// `io.modelcontextprotocol/logLevel`.
    pub log_level: Option<String>,
}

/// A string of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Decoded.
    pub text: String,
    /// As it stands in the message.
    pub raw: Raw,
}

/// A scalar of the message, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// Its bytes, quotes included.
    pub bytes: Vec<u8>,
    /// Their place in the message.
    pub span: Range<u64>,
}

/// What kind of JSON-RPC message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// `method` and `id`.
    Request,
    /// `method` without `id`.
    Notification,
    /// `id` with `result` or `error`.
    Response,
}

impl Default for Reader {
    fn default() -> Self {
        Self { scanner: Scanner::new(&tree::MESSAGE), envelope: Envelope::default() }
    }
}

impl Reader {
    /// Reads further bytes.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let envelope = &mut self.envelope;
        self.scanner.push(chunk, &mut |found| envelope.take(&found)).map_err(refuse)
    }

    /// Ends the message and says what kind it is. A batch ends here too; its items are to be read one by one.
    pub fn finish(&self) -> Result<(), Refusal> {
        self.scanner.finish().map_err(refuse)
    }

    /// What is known by now.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Takes what [`Envelope::made`] has by now.
    pub fn take_made(&mut self) -> Vec<Made> {
        std::mem::take(&mut self.envelope.made)
    }

    /// Where a scalar of interest began whose end has not come yet.
    pub fn open_scalar(&self) -> Option<u64> {
        self.scanner.open_scalar()
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.scanner.position()
    }
}

/// Reads a whole message.
pub fn read(body: &[u8]) -> Result<Envelope, Refusal> {
    let mut reader = Reader::default();
    reader.push(body)?;
    reader.finish()?;
    Ok(reader.envelope)
}

/// What the client is told about a message that cannot be read.
fn refuse(error: ScanError) -> Refusal {
    match error {
        ScanError::Syntax => Refusal::transport(400, code::PARSE, "The body is not valid JSON."),
        ScanError::Duplicate => Refusal::transport(
            400,
            code::INVALID_REQUEST,
            "A member stands twice in the message, in params or in _meta: send each name once.",
        ),
        ScanError::Depth => Refusal::transport(400, code::INVALID_REQUEST, "The body is nested more than 512 deep."),
        ScanError::Members => Refusal::transport(
            400,
            code::INVALID_REQUEST,
            "The message, params or _meta has more than 1024 members, or a member name above 8 KiB.",
        ),
    }
}

impl Envelope {
    /// The message's kind. An error (400, -32600) where it is no JSON-RPC 2.0 message that MCP allows.
    pub fn kind(&self) -> Result<MessageKind, Refusal> {
        let bad = |message| Err(Refusal::transport(400, code::INVALID_REQUEST, message));
        if !self.object {
            return bad("A message has to be a JSON object.");
        }
        if !self.version {
            return bad("Member \"jsonrpc\" has to be \"2.0\".");
        }
        if self.bad_id {
            return bad("Member \"id\" has to be a string or an integer.");
        }
        match (&self.method, self.response, &self.id) {
            (Some(_), true, _) => bad("A message has either \"method\" or \"result\" and \"error\"."),
            (Some(_), false, _) if self.bad_params => bad("Member \"params\" has to be an object."),
            (Some(_), false, Some(_)) => Ok(MessageKind::Request),
            (Some(method), false, None) if method.starts_with("notifications/") => Ok(MessageKind::Notification),
            (Some(_), false, None) => bad("Member \"id\" is missing: only notifications go without."),
            (None, true, Some(_)) => Ok(MessageKind::Response),
            (None, true, None) => bad("A response needs the \"id\" of its request."),
            (None, false, _) => bad("Member \"method\" has to be there, and a string."),
        }
    }

    /// The id of the task that the message says it belongs to.
    pub fn related_task(&self) -> Option<&Raw> {
        self.made.iter().find(|made| made.kind == MadeKind::Task).map(|made| &made.raw)
    }

    fn note(&mut self, kind: MadeKind, found: &Found<'_>) {
        if found.kind == Kind::String && !found.truncated {
            self.made.push(Made { kind, raw: Raw { bytes: found.raw.to_vec(), span: found.span.clone() } });
        }
    }

    fn take(&mut self, found: &Found<'_>) {
        let text =
            || (found.kind == Kind::String).then(|| unquote(found.raw)).flatten().map(std::borrow::Cow::into_owned);
        let raw = || Raw { bytes: found.raw.to_vec(), span: found.span.clone() };
        let name = || {
            let text = text().filter(|_| found.raw.len() <= LONGEST_NAME && !found.truncated)?;
            Some(Text { text, raw: raw() })
        };
        let scalar = || matches!(found.kind, Kind::String | Kind::Number).then(raw);
        match found.mark {
            Mark::Message => {
                self.object = found.kind == Kind::Object;
                self.batch = found.kind == Kind::Array;
            }
            Mark::Jsonrpc => self.version = unquote(found.raw).as_deref() == Some("2.0"),
            Mark::Id => {
                self.id = if found.truncated { None } else { Id::from_raw(found.raw) };
                self.bad_id = self.id.is_none();
                self.id_span = found.span.clone();
            }
            Mark::Method => self.method = text(),
            Mark::Params => self.bad_params = found.kind != Kind::Object,
            Mark::Result | Mark::Error => self.response = true,
            Mark::Name => self.name = name(),
            Mark::Uri => self.uri = name(),
            Mark::RefName => self.ref_name = name(),
            Mark::RefUri => self.ref_uri = name(),
            Mark::Cursor if found.raw == b"null" => self.cursor = None,
            Mark::Cursor => self.cursor = Some(text().unwrap_or_else(|| NO_CURSOR.to_owned())),
            Mark::Level => self.level = text(),
            Mark::RequestId => self.request_id = scalar(),
            Mark::ProgressToken => self.progress_token = scalar(),
            Mark::MetaProgressToken => self.meta.progress_token = scalar(),
            Mark::MetaProtocolVersion => self.meta.protocol_version = text(),
            Mark::MetaClientCapabilities => self.meta.client_capabilities = found.kind == Kind::Object,
            Mark::MetaLogLevel => self.meta.log_level = text(),
            Mark::TaskId => self.task_id = name(),
            Mark::RelatedTask => self.note(MadeKind::Task, found),
            Mark::LinkUri => self.note(MadeKind::Link, found),
            Mark::ElicitationId | Mark::ElicitationMessage | Mark::ParamsMessage | Mark::MetaMember => {}
        }
    }
}

#[cfg(test)]
mod tests;
