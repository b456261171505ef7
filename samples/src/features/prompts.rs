//! The prompt `summarize`: arguments, and an embedded resource in a message.

use rmcp::{
    ErrorData,
    handler::server::wrapper::Parameters,
    model::{ContentBlock, GetPromptResult, PromptMessage, Role},
    prompt, prompt_router,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{FeaturesServer, resources};

/// The values of the argument `style`.
pub(super) const STYLES: [&str; 3] = ["short", "detailed", "as a poem"];

#[derive(Deserialize, JsonSchema)]
pub(crate) struct SummarizeArguments {
    /// The name of the note to summarize.
    note: String,
    /// The style of the summary; short when absent.
    style: Option<String>,
}

#[prompt_router(router = "prompts_router", vis = "pub(super)")]
impl FeaturesServer {
    #[prompt(name = "summarize", title = "Summarize a note", description = "Asks for a summary of a note.")]
    async fn summarize(
        &self,
        Parameters(SummarizeArguments { note, style }): Parameters<SummarizeArguments>,
    ) -> Result<GetPromptResult, ErrorData> {
        let contents = resources::note_contents(&note).ok_or_else(|| {
            ErrorData::invalid_params(format!("params.arguments.note: there is no note {note:?}"), None)
        })?;
        let style = style.as_deref().unwrap_or(STYLES[0]);
        let request = format!("Summarize the note {note}. Style: {style}.");
        Ok(GetPromptResult::new(vec![
            PromptMessage::new_text(Role::User, request),
            PromptMessage::new(Role::User, ContentBlock::resource(contents)),
        ])
        .with_description(format!("A summary of the note {note}")))
    }
}
