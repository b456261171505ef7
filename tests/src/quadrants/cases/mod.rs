//! The features, each as steps that a client takes, and what has to be seen then.

mod input;
mod notices;
mod prompts;
mod resources;
mod tools;

use super::{Place, Seen, Verdict};
use serde_json::{Value, json};

/// A feature of MCP, in use.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, as a row of the table.
    pub name: &'static str,
    /// The steps that a client takes, and the answers that it gives; `tests/fixtures/quadrants/README.md` describes them.
    pub plan: fn(&Place) -> Value,
    /// Whether it has seen what it has to.
    pub judge: fn(&Place, &Seen) -> Verdict,
}

/// All of them, in the order of the table.
pub fn all() -> Vec<Case> {
    [tools::CASES, prompts::CASES, resources::CASES, notices::CASES, input::CASES].concat()
}

/// A plan without answers.
fn steps<const N: usize>(steps: [Value; N]) -> Value {
    json!({ "steps": steps.as_slice() })
}

/// A list of the server is what it offers.
fn lists(place: &Place, seen: &Seen, what: &str) -> Verdict {
    let own = place.own(what, &seen.result(0)?["items"]);
    super::seen::contains(&own, &place.list(what))
}
