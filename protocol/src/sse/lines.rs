//! A stream cut into lines, fragment by fragment.

/// What a piece of the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Bytes of the current line.
    Text(&'a [u8]),
    /// The end of the current line: CR, LF, or a CR whose LF is still to come.
    End(&'a [u8]),
    /// The LF of a CR LF whose CR was the end of the line already.
    Lf,
}

/// Cuts chunks at line ends: CR, LF or CR LF.
#[derive(Debug, Default)]
pub struct Lines {
    after_cr: bool,
}

impl Lines {
    /// The first part of `chunk`, and what is left of it. `None` if it is empty.
    pub fn split<'a>(&mut self, chunk: &'a [u8]) -> Option<(Part<'a>, &'a [u8])> {
        let (&first, tail) = chunk.split_first()?;
        if std::mem::replace(&mut self.after_cr, false) && first == b'\n' {
            return Some((Part::Lf, tail));
        }
        let (text, rest) = chunk.split_at_checked(memchr::memchr2(b'\r', b'\n', chunk).unwrap_or(chunk.len()))?;
        if !text.is_empty() {
            return Some((Part::Text(text), rest));
        }
        self.after_cr = first == b'\r';
        let (end, rest) = chunk.split_at_checked(1)?;
        Some((Part::End(end), rest))
    }
}
