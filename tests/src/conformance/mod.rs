//! The official conformance suites, that `tests/fixtures/` installs, and the servers that they are run against.
//!
//! * [`suite`]: runs one and reads its outcome;
//! * [`table`]: the outcomes of every scenario, side by side;
//! * [`judge`]: what has to be true of them.

mod fixture;
pub mod judge;
mod outcome;
pub mod suite;
mod table;

pub use fixture::Fixture;
pub(crate) use fixture::{folder, node};
pub use outcome::Outcome;
pub use suite::Suite;
pub use table::{Row, Table, Tested, Way};
