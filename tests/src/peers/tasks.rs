//! A server of crates.io `rmcp` whose tool runs as a task (`io.modelcontextprotocol/tasks`), in the process of the test.

use axum::Router;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, CreateTaskResult, GetTaskParams,
    GetTaskResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig,
    UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::borrow::Cow;

type Context = RequestContext<RoleServer>;

/// Starts one on a port of the system's choice, for 2026-07-28 only, and returns its URL. It ends with the test.
///
/// Its tool `research` asks for an `interpretation`, and results in that and a link to `doc://found`; with the argument
/// `slow` it does neither.
///
/// # Panics
///
/// When no port is to be had.
pub async fn rust_with_tasks() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_stateless_protocol_metadata_required(true);
    let tasks = TaskManager::new();
    let service: StreamableHttpService<Handler, LocalSessionManager> =
        StreamableHttpService::new(move || Ok(Handler(tasks.clone())), Default::default(), config);
    tokio::spawn(axum::serve(listener, Router::new().route_service("/mcp", service)).into_future());
    url
}

struct Handler(TaskManager);

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tasks().build())
            .with_protocol_version(ProtocolVersion::V_2026_07_28)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&[ProtocolVersion::V_2026_07_28])
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListToolsResult, ErrorData> {
        message(
            json!({ "tools": [{ "name": "research", "inputSchema": { "type": "object" } }], "resultType": "complete" }),
        )
    }

    async fn call_tool(&self, request: CallToolRequestParams, _: Context) -> Result<CallToolResponse, ErrorData> {
        let slow = json!(request.arguments)["slow"] == true;
        let options = TaskOptions::new().with_poll_interval_ms(20);
        let task = self.0.spawn(options, move |task| Box::pin(research(task, slow)));
        Ok(CreateTaskResult::new(task).into())
    }

    async fn get_task(&self, request: GetTaskParams, _: Context) -> Result<GetTaskResult, ErrorData> {
        self.0.get_task(&request.task_id).map(GetTaskResult::new)
    }

    async fn update_task(&self, request: UpdateTaskParams, _: Context) -> Result<(), ErrorData> {
        self.0.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Context) -> Result<(), ErrorData> {
        self.0.cancel_task(&request.task_id)
    }
}

async fn research(task: TaskContext, slow: bool) -> Result<CallToolResult, TaskExit> {
    if slow {
        task.cancelled().await;
        return Err(TaskExit::Cancelled);
    }
    let form = json!({ "type": "object", "properties": { "interpretation": { "type": "string" } } });
    let params = json!({ "mode": "form", "message": "Which python?", "requestedSchema": form });
    let question = message(json!({ "method": "elicitation/create", "params": params }))?;
    let answer = task.request_input("kind", question).await?;
    let found = json!({ "type": "resource_link", "uri": "doc://found", "name": "found" });
    let text = json!({ "type": "text", "text": answer["content"]["interpretation"] });
    Ok(message(json!({ "content": [text, found], "resultType": "complete" }))?)
}

/// A message of the SDK, from its JSON.
fn message<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}
