//! JSON read as it arrives, without building a tree.
//!
//! [`Scanner`] is a push parser: it takes a message in chunks cut anywhere, checks that it is JSON, and reports the few
//! values that a tree of [`Node`]s says are of interest, with the place where their bytes stand. Everything that the gateway
//! changes in a message is a splice at such a place; all other bytes pass as they came.
//!
//! Memory is bounded whatever arrives: one bit a nesting level, a hash a member of the few objects whose members have to
//! be unique, and [`MAX_CAPTURE`] bytes of one scalar.

mod node;
mod number;
mod object;
mod scanner;
mod strings;
mod utf8;

pub use node::{Mark, Node};
pub use object::{Change, Object, edit_items, items};
pub use scanner::{Found, Kind, MAX_CAPTURE, MAX_DEPTH, MAX_MEMBERS, ScanError, Scanner};
pub use strings::{compact, quote, raw_offset, unquote};

/// Whether one whole message is what a [`Scanner`] reads.
pub fn check(message: &[u8]) -> Result<(), ScanError> {
    static ANYTHING: Node = Node::NONE;
    let mut scanner = Scanner::new(&ANYTHING);
    scanner.push(message, &mut |_| {})?;
    scanner.finish()
}

#[cfg(test)]
pub(crate) use scanner::tests::any_json;
