//! What a modern server says, as a legacy client can read it.
//!
//! In two steps: the messages of the modern era become those of the newest legacy revision (results, errors, tools,
//! questions), and whatever a client of an older one cannot read becomes what it can ([`revision`]). The second step is
//! also for servers of the legacy era that settled a newer revision than the client did.

mod error;
mod input;
mod result;
pub mod revision;
mod schema;
mod tool;

pub use super::Asked;
pub use error::error;
pub use input::{Question, question};
pub use result::{InputRequired, Outcome, Structured, outcome, result};
pub use tool::tool;
