//! JSON read as it arrives, without building a tree.
mod strings;
pub use strings::{quote, raw_offset, unquote};
