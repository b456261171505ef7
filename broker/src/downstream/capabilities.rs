//! What clients are told that the gateway can do.

use super::App;
use protocol::era::Era;

/// Settled for a legacy session's life while servers come and go, so all of it is declared always: a list may be empty.
const ALWAYS: &str = concat!(
    r#""tools":{"listChanged":true},"prompts":{"listChanged":true},"#,
    r#""resources":{"listChanged":true,"subscribe":true},"logging":{},"completions":{}"#
);

/// `capabilities` for clients of an era: what is always there, and what the servers declare beyond it.
pub(super) fn capabilities(app: &App, era: Era) -> String {
    format!("{{{ALWAYS}{}}}", app.registry.view().extensions(era).members)
}
