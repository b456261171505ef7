//! What a server sends, edited on its way to the client.
//!
//! An [`Editor`] takes an answer in chunks cut anywhere (one JSON message, or a stream of events) and gives out the same
//! bytes, except that
//!
//! * ids, progress tokens and event ids that the server made carry its name ([`crate::naming::tag`]), so that the client's
//!   answers find their way back;
//! * URIs of a prefixed server carry its key, names in lists its prefix ([`crate::naming`]).
//!
//! An event that would be a second answer to the same request, or is nested too deep to be read, gets a type that clients pass over.
//!
//! Nothing is held but the few bytes of a value that is being changed, and a message's `id` until the next member tells
//! whether it is a request's.

mod editor;
mod event;
mod message;
mod rules;
mod tree;

pub use editor::Editor;
pub use rules::{Content, Rules};

use crate::http::Media;

/// Edits one whole message.
pub fn edit(message: &[u8], rules: &Rules) -> Vec<u8> {
    let mut editor = Editor::new(Media::Json, rules.clone());
    let mut out = Vec::with_capacity(message.len() + 64);
    editor.push(message, &mut out);
    editor.finish(&mut out);
    out
}

/// What keeps a JSON answer from being read as one message, to be put behind a sentence; empty where that is not known.
pub fn flaw(answer: &[u8]) -> &'static str {
    if answer.starts_with("\u{feff}".as_bytes()) {
        return ": its answer begins with a byte order mark, which JSON does not allow (RFC 8259, 8.1)";
    }
    match answer.trim_ascii_start().first() {
        Some(b'[') => ": its answer is a batch, where one message has to stand",
        Some(b'{') => "",
        Some(_) => ": its answer is no JSON-RPC message",
        None => ": its answer is empty",
    }
}

#[cfg(test)]
mod tests;
