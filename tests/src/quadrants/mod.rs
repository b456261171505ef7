//! Every feature, by clients of either era at servers of either era, each of one era only.
//!
//! * [`cases`]: the features, as steps and what has to be seen;
//! * [`sdk`]: the clients and servers of `tests/fixtures/quadrants/`;
//! * [`table`]: the outcomes, as `docs/quadrants.md` shows them.

pub mod cases;
mod place;
pub mod sdk;
mod seen;
pub mod table;

pub use cases::Case;
pub use place::Place;
pub use sdk::{ClientSdk, Rmcp, ServerSdk};
pub use seen::{Seen, Verdict};
