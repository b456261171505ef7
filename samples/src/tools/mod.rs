//! The server of plain tools: each is a pure function of its arguments, apart from the clock of `get_timestamp`.

mod base64_encode;
mod get_timestamp;
mod json_validate;
mod sha256_hash;
mod url_encode;

use std::{borrow::Cow, sync::Arc};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::router::tool::ToolRouter,
    model::{DiscoverResult, Implementation, ProtocolVersion, ServerCapabilities, ServerConfig},
    service::RequestContext,
    tool_handler,
};

use crate::era::Era;

/// An MCP server with the tools `base64_encode`, `get_timestamp`, `json_validate`, `sha256_hash` and `url_encode`.
#[derive(Clone, Debug)]
pub struct ToolsServer {
    era: Era,
    router: Arc<ToolRouter<Self>>,
}

impl ToolsServer {
    /// A server that speaks the revisions of `era`.
    #[must_use]
    pub fn new(era: Era) -> Self {
        let router = Self::base64_encode_router()
            + Self::get_timestamp_router()
            + Self::json_validate_router()
            + Self::sha256_hash_router()
            + Self::url_encode_router();
        Self { era, router: Arc::new(router) }
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for ToolsServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_protocol_version(self.era.preferred())
            .with_server_info(Implementation::new("sample-tools", env!("CARGO_PKG_VERSION")))
            .with_instructions("Encodes, hashes and validates text, and tells the time.")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.era.versions()
    }

    async fn discover(&self, _context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        self.era.discover(self.get_info())
    }
}
