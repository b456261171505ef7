//! What a legacy server says, as a modern client can read it.

mod error;
mod notice;
mod question;
mod result;
mod tool;

pub use error::{Page, error, missing_capability, pages};
pub use notice::{Level, Notice, notice};
pub use question::{Question, input_required, question};
pub use result::{is_failure, result};
pub use tool::tool;
