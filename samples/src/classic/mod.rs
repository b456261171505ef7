//! A server of protocol revision 2024-11-05, the first one: HTTP+SSE, and no capability that came later.

mod ask_model;
mod count_down;
mod endpoint;
mod word_count;

use std::{borrow::Cow, io, net::SocketAddr, sync::Arc};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::router::tool::ToolRouter,
    model::{DiscoverRequestMethod, DiscoverResult, Implementation, ProtocolVersion, ServerCapabilities, ServerConfig},
    service::RequestContext,
    tool_handler,
};

use crate::serve::until_signal;

/// The path of the stream.
const ENDPOINT: &str = "/sse";

/// An MCP server with the tools `ask_model`, `count_down` and `word_count`.
#[derive(Clone, Debug)]
pub struct ClassicServer {
    router: Arc<ToolRouter<Self>>,
}

impl Default for ClassicServer {
    fn default() -> Self {
        let router = Self::ask_model_router() + Self::count_down_router() + Self::word_count_router();
        Self { router: Arc::new(router) }
    }
}

/// Serves on `http://listen/sse` until SIGINT or SIGTERM.
///
/// The line `listening on http://ADDR:PORT/sse` goes to stdout once connections are accepted; port 0 lets the system choose.
///
/// # Errors
///
/// When `listen` cannot be bound, stdout is closed, or the signal handlers cannot be set.
pub async fn serve(server: ClassicServer, listen: SocketAddr) -> io::Result<()> {
    until_signal(listen, ENDPOINT, |ended| endpoint::router(server, ended)).await
}

#[tool_handler(router = self.router)]
impl ServerHandler for ClassicServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_protocol_version(ProtocolVersion::V_2024_11_05)
            .with_server_info(Implementation::new("sample-sse", env!("CARGO_PKG_VERSION")))
            .with_instructions("Counts, and asks the client's model.")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&[ProtocolVersion::V_2024_11_05])
    }

    async fn discover(&self, _context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        Err(ErrorData::method_not_found::<DiscoverRequestMethod>())
    }
}
