//! Other bytes in the place of some values of a message.

use bytes::Bytes;
use protocol::answer::Rules;
use protocol::naming::untag;
use protocol::request::{Envelope, Raw};
use std::ops::Range;

/// What is to stand in the place of values. Values do not overlap.
#[derive(Default)]
pub(super) struct Splice(Vec<(Range<u64>, Vec<u8>)>);

impl Splice {
    /// Puts `with` in the place of a value.
    pub(super) fn replace(&mut self, span: &Range<u64>, with: &[u8]) {
        self.0.push((span.clone(), with.to_vec()));
    }

    /// Gives a value back the form in which its server made it, and tells which server that was. `None`, with nothing changed, for a
    /// value that no server made.
    pub(super) fn untag(&mut self, value: &Raw) -> Option<String> {
        let made = untag(&value.bytes)?;
        self.replace(&value.span, made.raw.as_bytes());
        Some(made.server)
    }

    /// Gives what the message repeats of a server's own, and does not go by, back the form in which that server made it.
    pub(super) fn restore(&mut self, envelope: &Envelope, rules: &Rules) {
        for made in &envelope.made {
            if let Some(own) = made.own(&rules.server, rules.key.as_ref()) {
                self.replace(&made.raw.span, &own);
            }
        }
    }

    /// The message with all of it in place. `None` if a place is not in it.
    pub(super) fn apply(mut self, message: &Bytes) -> Option<Bytes> {
        if self.0.is_empty() {
            return Some(message.clone());
        }
        self.0.sort_by_key(|(span, _)| span.start);
        let mut out = Vec::with_capacity(message.len());
        let mut at = 0;
        for (span, with) in self.0 {
            let (start, end) = (usize::try_from(span.start).ok()?, usize::try_from(span.end).ok()?);
            out.extend_from_slice(message.get(at..start)?);
            out.extend_from_slice(&with);
            at = end;
        }
        out.extend_from_slice(message.get(at..)?);
        Some(out.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_gets_its_bytes() {
        let message = Bytes::from_static(b"0123456789");
        let mut splice = Splice::default();
        splice.replace(&(7..9), b"");
        splice.replace(&(1..2), b"one");
        assert_eq!(splice.apply(&message).unwrap(), "0one234569");
        let mut outside = Splice::default();
        outside.replace(&(9..12), b"x");
        assert_eq!(outside.apply(&message), None);
        assert_eq!(Splice::default().apply(&message), Some(message));
    }
}
