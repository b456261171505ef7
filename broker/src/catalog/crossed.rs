//! What a server offers to clients of the era that it does not speak.

use super::kind::Kind;
use super::offer::List;
use super::{to_legacy, to_modern};
use protocol::era::Era;

/// A list that a server gave in the era `from`, as clients of the other era see it.
pub fn crossed(from: Era, kind: Kind, list: &List) -> List {
    match from {
        Era::Legacy => to_modern::list(kind, list),
        Era::Modern => to_legacy::list(kind, list),
    }
}
