//! The tool `share_note`: a result with a resource link and an embedded resource.

use rmcp::{
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock},
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{FeaturesServer, resources};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct ShareNoteArguments {
    /// The name of the note: ASCII letters, digits, - and _.
    name: String,
}

#[tool_router(router = share_note_router, vis = "pub(super)")]
impl FeaturesServer {
    #[tool(
        title = "Share a note",
        description = "Returns a note in two ways: as a link to its resource, and embedded.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn share_note(&self, Parameters(ShareNoteArguments { name }): Parameters<ShareNoteArguments>) -> CallToolResult {
        match resources::note_contents(&name) {
            Some(contents) => CallToolResult::success(vec![
                ContentBlock::text(format!("The note {name}:")),
                ContentBlock::resource_link(resources::note(&name)),
                ContentBlock::resource(contents),
            ]),
            None => CallToolResult::error(vec![ContentBlock::text(format!(
                "name: {name:?} has other characters than ASCII letters, digits, - and _, or is too long"
            ))]),
        }
    }
}
