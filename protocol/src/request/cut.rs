//! Taking the prefix out of a name, in place.

use super::Text;
use crate::json::raw_offset;
use std::ops::Range;

/// Bytes of a message that its server must not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Their place in the message.
    pub span: Range<u64>,
}

impl Cut {
    /// How many bytes the message loses.
    pub fn len(&self) -> u64 {
        self.span.end.saturating_sub(self.span.start)
    }

    /// Whether nothing is cut.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message without the bytes. `None` if they are not all in it.
    pub fn apply(&self, message: &[u8]) -> Option<Vec<u8>> {
        let (start, end) = (usize::try_from(self.span.start).ok()?, usize::try_from(self.span.end).ok()?);
        Some([message.get(..start)?, message.get(end..)?].concat())
    }
}

/// Where the decoded bytes `added` of `text` stand in the message. `None` if they are not whole characters of it.
pub fn cut(text: &Text, added: &Range<usize>) -> Option<Cut> {
    let at = |decoded| raw_offset(&text.raw.bytes, decoded).map(|offset| text.raw.span.start + offset as u64);
    Some(Cut { span: at(added.start)?..at(added.end)? })
}
