//! The tool `ask_model`: a request to the client (sampling), while a call of the client waits.
#![expect(deprecated, reason = "SEP-2577 deprecates sampling; clients of the first revision have it all the same")]

use rmcp::{
    ErrorData, RoleServer,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, CreateMessageRequestParams, SamplingMessage},
    service::RequestContext,
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ClassicServer;

const MAX_TOKENS: u32 = 200;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct AskModelArguments {
    /// What to ask.
    prompt: String,
}

#[tool_router(router = ask_model_router, vis = "pub(super)")]
impl ClassicServer {
    #[tool(description = "Asks the client's model, by sampling, and gives back what it says.")]
    async fn ask_model(
        &self,
        Parameters(AskModelArguments { prompt }): Parameters<AskModelArguments>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let able = context.peer.peer_info().is_some_and(|client| client.capabilities.sampling.is_some());
        if !able {
            let message = "this client does not offer sampling";
            return Ok(CallToolResult::error(vec![ContentBlock::text(message)]));
        }
        let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], MAX_TOKENS);
        let result = match context.peer.create_message(params).await {
            Ok(answer) => {
                let texts: Vec<_> = answer.message.content.iter().filter_map(|block| block.as_text()).collect();
                let text = texts.iter().map(|text| text.text.as_str()).collect::<Vec<_>>().join("\n");
                CallToolResult::success(vec![ContentBlock::text(format!("{}: {text}", answer.model))])
            }
            Err(_) => CallToolResult::error(vec![ContentBlock::text("the client did not answer the question")]),
        };
        Ok(result)
    }
}
