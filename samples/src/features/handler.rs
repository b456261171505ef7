//! Which part of the server answers which method.

#![expect(
    deprecated,
    reason = "SEP-2577 deprecates logging in 2026-07-28; the servers that the gateway carries still use it"
)]

use std::borrow::Cow;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{prompt::PromptContext, tool::ToolCallContext},
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, DiscoverResult,
        GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
        SetLevelRequestParams, SubscriptionFilter,
    },
    service::{RequestContext, SubscriptionContext},
};

use super::{FeaturesServer, completion, paging::page, resources};

type Context = RequestContext<RoleServer>;
type Page = Option<PaginatedRequestParams>;

impl ServerHandler for FeaturesServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_resources()
            .enable_completions()
            .enable_logging()
            .build();
        ServerConfig::new(capabilities)
            .with_protocol_version(self.shared.era.preferred())
            .with_server_info(Implementation::new("sample-features", env!("CARGO_PKG_VERSION")))
            .with_instructions("Shows what MCP has beside tools. `add_tool` gives the server another tool.")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.shared.era.versions()
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: Context,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let result = self.negotiate_initialize(&request)?;
        self.shared.listeners.add_session(context.peer);
        Ok(result)
    }

    async fn discover(&self, _context: Context) -> Result<DiscoverResult, ErrorData> {
        self.shared.era.discover(self.get_info())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.shared.listeners.serve_subscription(&context).await;
        Ok(())
    }

    async fn list_tools(&self, request: Page, _context: Context) -> Result<ListToolsResult, ErrorData> {
        let mut tools = self.shared.tools.list_all();
        tools.extend(self.shared.added_tools.list());
        let (tools, next_cursor) = page(tools, request, self.shared.page_size)?;
        Ok(ListToolsResult { next_cursor, ..ListToolsResult::with_all_items(tools) })
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        if let Some(result) = self.shared.added_tools.call(&request.name) {
            return Ok(result.into());
        }
        self.shared.tools.call(ToolCallContext::new(self, request, context)).await
    }

    async fn list_prompts(&self, request: Page, _context: Context) -> Result<ListPromptsResult, ErrorData> {
        let (prompts, next_cursor) = page(self.shared.prompts.list_all(), request, self.shared.page_size)?;
        Ok(ListPromptsResult { next_cursor, ..ListPromptsResult::with_all_items(prompts) })
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let context = PromptContext::new(self, request.name, request.arguments, context);
        self.shared.prompts.get_prompt(context).await
    }

    async fn list_resources(&self, request: Page, _context: Context) -> Result<ListResourcesResult, ErrorData> {
        let (resources, next_cursor) = page(resources::list(), request, self.shared.page_size)?;
        Ok(ListResourcesResult { next_cursor, ..ListResourcesResult::with_all_items(resources) })
    }

    async fn list_resource_templates(
        &self,
        request: Page,
        _context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (templates, next_cursor) = page(resources::templates(), request, self.shared.page_size)?;
        Ok(ListResourceTemplatesResult { next_cursor, ..ListResourceTemplatesResult::with_all_items(templates) })
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(resources::read(&request.uri, &self.shared.slow_tasks)?.into())
    }

    async fn complete(&self, request: CompleteRequestParams, _context: Context) -> Result<CompleteResult, ErrorData> {
        completion::complete(&request)
    }

    async fn set_level(&self, request: SetLevelRequestParams, _context: Context) -> Result<(), ErrorData> {
        self.log_threshold.set(request.level);
        Ok(())
    }
}
