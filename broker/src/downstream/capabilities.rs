//! What clients are told that the gateway can do.

use super::App;
use protocol::era::{Era, Revision};

/// Settled for a legacy session's life while servers come and go, so all of it is declared always: a list may be empty.
const ALWAYS: &str = concat!(
    r#""tools":{"listChanged":true},"prompts":{"listChanged":true},"#,
    r#""resources":{"listChanged":true,"subscribe":true},"logging":{},"completions":{}"#
);

/// `capabilities` for legacy clients: what is always there, and what the servers declare beyond it, as far as the revision has it.
pub(super) fn legacy(app: &App, revision: Revision) -> String {
    let view = app.registry.view();
    let extensions = view.extensions(Era::Legacy);
    let tasks = if revision.has_tasks() { &extensions.tasks } else { "" };
    format!("{{{ALWAYS}{tasks}{}}}", extensions.members)
}

/// The same for modern clients.
pub(super) fn modern(app: &App) -> String {
    format!("{{{ALWAYS}{}}}", app.registry.view().extensions(Era::Modern).members)
}
