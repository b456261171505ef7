//! What a server made itself goes up as it made it, wherever it stands in the body: links that a model repeats, and tasks.
//!
//! A value that is shorter then is followed by spaces, so that the length that was announced holds.

use super::{Sent, Stream};
use crate::host;
use protocol::request::Made;
use proxy_wasm::types::BufferType;

impl Stream {
    /// Edits what follows the part of the body that has been released. A value that has not ended yet waits for its end.
    pub(super) fn restore(&mut self, chunk: &[u8]) {
        let (made, open) = (self.reader.take_made(), self.reader.open_scalar());
        if made.is_empty() && self.open.is_empty() && open.is_none() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.open);
        bytes.extend_from_slice(chunk);
        let start = self.reader.position().saturating_sub(bytes.len() as u64);
        self.overwrite(&mut bytes, start, &made);
        self.open = keep_open(&mut bytes, start, open);
        host::set_body(BufferType::HttpRequestBody, chunk.len(), &bytes);
    }

    /// The body so far as its server is to see it, but for the target. `None` if that is what has come.
    pub(super) fn restored(&mut self) -> Option<Vec<u8>> {
        let (made, open) = (self.reader.take_made(), self.reader.open_scalar());
        if made.is_empty() && open.is_none() {
            return None;
        }
        let mut bytes = self.original.clone()?;
        self.overwrite(&mut bytes, 0, &made);
        self.open = keep_open(&mut bytes, 0, open);
        Some(bytes)
    }

    /// Edits values in `bytes`, which begin at `start` of the body.
    fn overwrite(&self, bytes: &mut [u8], start: u64, made: &[Made]) {
        let Some(servers) = self.shared.as_ref().and_then(|shared| shared.servers()) else { return };
        let Some((_, rules)) = self.goes_to().and_then(|server| servers.get(server)) else { return };
        for made in made {
            let Some(own) = made.own(&rules.server, rules.key.as_ref()) else { continue };
            let at = |offset: u64| usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
            let Some(place) = bytes.get_mut(at(made.raw.span.start)..at(made.raw.span.end)) else { continue };
            let padded = own.into_iter().chain(std::iter::repeat(b' '));
            place.iter_mut().zip(padded).for_each(|(byte, own)| *byte = own);
        }
    }

    /// The server that the message has been edited for.
    fn goes_to(&self) -> Option<&str> {
        match (&self.cut_for, &self.sent) {
            (Some(server), _) => Some(server),
            (None, Sent::Call(destination)) if self.expected.is_some() => Some(&destination.server),
            _ => None,
        }
    }
}

/// Takes what begins at `open` off `bytes`, which begin at `start`.
fn keep_open(bytes: &mut Vec<u8>, start: u64, open: Option<u64>) -> Vec<u8> {
    let at = open.and_then(|open| usize::try_from(open.checked_sub(start)?).ok());
    at.filter(|at| *at <= bytes.len()).map(|at| bytes.split_off(at)).unwrap_or_default()
}
