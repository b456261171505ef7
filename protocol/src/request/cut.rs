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

/// The same for a message that has to lose exactly as many bytes as `added` has, because its length has been announced: what to
/// cut, and what to put in its place. A prefix with escapes is longer as it stands; spaces behind the string make up for it.
pub fn cut_padded(text: &Text, added: &Range<usize>) -> Option<(Cut, Vec<u8>)> {
    let cut = cut(text, added)?;
    let spaces = usize::try_from(cut.len()).ok()?.checked_sub(added.len())?;
    if spaces == 0 {
        return Some((cut, Vec::new()));
    }
    let raw = &text.raw;
    let rest = usize::try_from(cut.span.end.checked_sub(raw.span.start)?).ok()?;
    let mut replacement = raw.bytes.get(rest..)?.to_vec();
    replacement.resize(replacement.len() + spaces, b' ');
    Some((Cut { span: cut.span.start..raw.span.end }, replacement))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::read;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_padded_cut_loses_as_many_bytes_as_the_prefix_has() {
        for (name, added, expected) in [
            (r#""http_x""#, 0..5, r#""x""#),
            (r#""\u0068ttp_\u0078""#, 0..5, r#""\u0078"     "#),
            (r#""h\u0074t\u0070_""#, 0..5, r#"""          "#),
            (r#""ui:\/\/\u0068.host""#, 5..7, r#""ui:\/\/host"     "#),
        ] {
            let message = format!(r#"{{"params":{{"name":{name},"z":1}}}}"#);
            let envelope = read(message.as_bytes()).unwrap();
            let (cut, replacement) = cut_padded(&envelope.name.unwrap(), &added).unwrap();
            let (start, end) = (usize::try_from(cut.span.start).unwrap(), usize::try_from(cut.span.end).unwrap());
            let out = [&message.as_bytes()[..start], &replacement, &message.as_bytes()[end..]].concat();
            assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"params":{{"name":{expected},"z":1}}}}"#));
        }
    }
}
