//! Server-sent events (HTML Living Standard, 9.2) as they arrive.
//!
//! [`Lines`] cuts a stream into line fragments without holding lines; [`Decoder`] makes events of it, for whoever reads a
//! stream; the answer editor ([`crate::answer`]) edits one in passing.

mod decoder;
mod lines;

pub use decoder::{Decoder, Event, TooLong};
pub use lines::{Lines, Part};

/// One message as an event.
pub fn frame(data: &str) -> String {
    // A line end inside JSON is white space between tokens; a further `data:` line brings it back.
    let mut out = String::with_capacity(data.len() + 32);
    out.push_str("event: message\n");
    for line in data.lines() {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
    out
}
