//! What is changed, and how.

use super::tree;
use crate::config::Editing;
use crate::json::{Found, Kind, Mark, Node, raw_offset, unquote};
use crate::naming::{UriKey, tag};
use std::sync::Arc;

/// What kind of messages an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Answers to calls, and everything that a server sends on its own.
    Messages,
    /// The result of a `*/list` request.
    List,
}

/// How one server's messages become the client's.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The server's name.
    pub server: Arc<str>,
    /// In front of names in lists; empty for none.
    pub prefix: Arc<str>,
    /// On URIs; `None` for a server without prefix.
    pub key: Option<UriKey>,
    /// See [`crate::resolve::Destination::web_uris`].
    pub web_uris: Arc<[String]>,
    /// Members of `_meta` that hold a URI, beside those of MCP Apps.
    pub uri_meta_keys: Arc<[String]>,
    /// Whether the server's name stands before the message of its elicitations.
    pub label_elicitations: bool,
    /// What is edited.
    pub content: Content,
}

impl Rules {
    /// The rules for a server's messages.
    pub fn new(server: &str, prefix: &str, web_uris: &[String]) -> Self {
        Self {
            server: server.into(),
            prefix: prefix.into(),
            key: UriKey::of(prefix),
            web_uris: web_uris.into(),
            uri_meta_keys: Arc::default(),
            label_elicitations: false,
            content: Content::Messages,
        }
    }

    /// The same with what the operator wants changed.
    #[must_use]
    pub fn with_editing(mut self, editing: &Editing) -> Self {
        self.uri_meta_keys = editing.uri_meta_keys.as_slice().into();
        self.label_elicitations = editing.label_elicitations;
        self
    }

    /// The same for the results of `*/list` requests.
    #[must_use]
    pub fn for_list(mut self) -> Self {
        self.content = Content::List;
        self
    }

    pub(super) fn tree(&self) -> &'static Node {
        match self.content {
            Content::Messages => &tree::MESSAGE,
            Content::List => &tree::LIST,
        }
    }

    /// What stands in the place of a value; `None` if it stays as it is.
    pub(super) fn replacement(&self, found: &Found<'_>) -> Option<Vec<u8>> {
        match found.mark {
            Mark::MetaProgressToken | Mark::RequestId | Mark::ElicitationId if !found.truncated => {
                Some(tag(&self.server, found.raw))
            }
            Mark::TaskId if found.kind == Kind::String && !found.truncated => Some(tag(&self.server, found.raw)),
            Mark::ElicitationMessage if found.kind == Kind::String => self.labelled(found.raw),
            Mark::MetaMember if found.kind == Kind::String && self.holds_uri(found.name) => self.uri(found),
            Mark::Name if found.kind == Kind::String => insert(found.raw, 0, &self.prefix),
            Mark::Uri | Mark::LinkUri if found.kind == Kind::String => self.uri(found),
            _ => None,
        }
    }

    /// The message of an elicitation with the server's name before it; `None` if it stays as it is.
    pub(super) fn labelled(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.label_elicitations.then(|| insert(message, 0, &format!("[{}] ", self.server))).flatten()
    }

    fn holds_uri(&self, name: &[u8]) -> bool {
        unquote(name).is_some_and(|name| self.uri_meta_keys.iter().any(|key| **key == *name))
    }

    fn uri(&self, found: &Found<'_>) -> Option<Vec<u8>> {
        let key = self.key.as_ref()?;
        let uri = if found.truncated { beginning(found.raw) } else { unquote(found.raw)?.into_owned() };
        if found.mark == Mark::LinkUri && is_web(&uri) && !self.lists(&uri) {
            // A client may fetch such a link itself.
            return None;
        }
        let insertion = key.insertion(&uri);
        insert(found.raw, insertion.at, &insertion.text)
    }

    fn lists(&self, uri: &str) -> bool {
        self.web_uris.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => uri.starts_with(beginning),
            None => uri == known,
        })
    }
}

/// Puts `text` before the byte `at` of the decoded string.
fn insert(raw: &[u8], at: usize, text: &str) -> Option<Vec<u8>> {
    let (head, tail) = raw.split_at_checked(raw_offset(raw, at)?)?;
    Some([head, text.as_bytes(), tail].concat())
}

/// The decoded beginning of a string that was cut: enough to see its scheme.
fn beginning(raw: &[u8]) -> String {
    (0..16).map_while(|n| raw_offset(raw, n)).filter_map(|at| raw.get(at).map(|b| *b as char)).collect()
}

fn is_web(uri: &str) -> bool {
    ["http://", "https://"].iter().any(|s| uri.get(..s.len()).is_some_and(|head| head.eq_ignore_ascii_case(s)))
}
