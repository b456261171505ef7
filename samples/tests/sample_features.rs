//! `sample-features` as a client sees it.

mod common;

use common::{Sample, text};
use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ClientRequest, ElicitRequestParams,
        ElicitResult, ElicitationAction, GetPromptRequestParams, Implementation, ProgressNotificationParam,
        ReadResourceRequestParams, ResourceContents, ServerNotification, SubscriptionFilter,
    },
    service::{NotificationContext, PeerRequestOptions, RequestContext, RunningService},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const BINARY: &str = env!("CARGO_BIN_EXE_sample-features");

/// A client that answers every question with "blue" and hands on what it is told.
#[derive(Clone)]
struct Client {
    told: mpsc::UnboundedSender<String>,
}

impl Client {
    fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (told, hears) = mpsc::unbounded_channel();
        (Self { told }, hears)
    }
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().enable_elicitation().build();
        ClientConfig::new(capabilities, Implementation::new("test", "1"))
    }

    async fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"answer": "blue"})))
    }

    async fn on_progress(&self, progress: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        let _ = self.told.send(format!("progress {}", progress.progress));
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        let _ = self.told.send("tools/list_changed".to_owned());
    }
}

type Connection = RunningService<RoleClient, Client>;

async fn call(client: &Connection, name: &'static str, arguments: Value) -> CallToolResult {
    client.call_tool(params(name, &arguments)).await.unwrap()
}

fn params(name: &'static str, arguments: &Value) -> CallToolRequestParams {
    CallToolRequestParams::new(name).with_arguments(arguments.as_object().unwrap().clone())
}

async fn read(client: &Connection, uri: &str) -> String {
    let request = ReadResourceRequestParams::new(uri);
    let contents = client.read_resource(request).await.unwrap().contents;
    match &contents[0] {
        ResourceContents::TextResourceContents { text, .. } => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn prompts_resources_and_input_work_in_both_eras() {
    let sample = Sample::start(BINARY, &["--page-size", "2"]).await;
    let (client, _hears) = Client::new();
    for client in [sample.legacy(client.clone()).await.unwrap(), sample.modern(client).await.unwrap()] {
        assert_eq!(client.list_all_tools().await.unwrap().len(), 6);
        assert_eq!(client.list_all_resources().await.unwrap().len(), 5);
        let templates = client.list_all_resource_templates().await.unwrap();
        assert_eq!(templates[0].uri_template, "note://{name}");
        assert!(read(&client, "note://rust").await.contains("rust"));
        assert!(client.read_resource(ReadResourceRequestParams::new("note://a/b")).await.is_err());

        let prompt = &client.list_all_prompts().await.unwrap()[0];
        let arguments = prompt.arguments.as_ref().unwrap();
        assert_eq!((arguments[0].name.as_str(), arguments[0].required), ("note", Some(true)));
        let request = GetPromptRequestParams::new("summarize")
            .with_arguments(json!({"note": "welcome"}).as_object().unwrap().clone());
        assert_eq!(client.get_prompt(request).await.unwrap().messages.len(), 2);

        let shared = call(&client, "share_note", json!({"name": "welcome"})).await;
        assert_eq!(shared.content[1].as_resource_link().unwrap().uri, "note://welcome");
        assert!(shared.content[2].as_resource().is_some());

        let answered = call(&client, "ask_user", json!({"question": "Colour?"})).await;
        assert_eq!(text(&answered), r#"accepted: {"answer":"blue"}"#);
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn without_elicitation_nobody_is_asked() {
    let sample = Sample::start(BINARY, &[]).await;
    let ask = params("ask_user", &json!({}));
    let legacy = sample.legacy(()).await.unwrap();
    assert_eq!(legacy.call_tool(ask.clone()).await.unwrap().is_error, Some(true));
    let modern = sample.modern(()).await.unwrap();
    let refused = modern.call_tool(ask).await.unwrap_err().to_string();
    assert!(refused.contains("-32021"), "{refused}");
}

#[tokio::test]
async fn progress_is_reported_and_a_cancelled_task_stops() {
    let sample = Sample::start(BINARY, &[]).await;
    let (client, mut hears) = Client::new();
    let client = sample.legacy(client).await.unwrap();
    let done = call(&client, "slow_task", json!({"steps": 3, "delay_ms": 1})).await;
    assert_eq!(text(&done), "completed 3 steps");
    for step in 1..=3 {
        assert_eq!(hears.recv().await.unwrap(), format!("progress {step}"));
    }

    let slow = ClientRequest::CallToolRequest(rmcp::model::Request::new(params(
        "slow_task",
        &json!({"steps": 1000, "delay_ms": 10}),
    )));
    let handle = client.send_cancellable_request(slow, PeerRequestOptions::default()).await.unwrap();
    assert_eq!(hears.recv().await.unwrap(), "progress 1");
    handle.cancel(None).await.unwrap();
    let expected = json!({"started": 2, "completed": 1, "cancelled": 1});
    let seen = async {
        loop {
            let counts: Value = serde_json::from_str(&read(&client, "status://slow-task").await).unwrap();
            if counts == expected {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), seen).await.unwrap();
}

#[tokio::test]
async fn a_signal_ends_the_server_though_streams_are_open() {
    let mut sample = Sample::start(BINARY, &[]).await;
    let (client, _hears) = Client::new();
    let legacy = sample.legacy(client.clone()).await.unwrap();
    let modern = sample.modern(client).await.unwrap();
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let _subscription = modern.listen(filter).await.unwrap();
    assert!(sample.terminate().await.success());
    drop((legacy, modern));
}

#[tokio::test]
async fn an_added_tool_is_announced_to_every_session() {
    let sample = Sample::start(BINARY, &[]).await;
    let (adder, _) = Client::new();
    let (watcher, mut watcher_hears) = Client::new();
    let (modern_watcher, _) = Client::new();
    let adder = sample.legacy(adder).await.unwrap();
    let watcher = sample.legacy(watcher).await.unwrap();
    let modern_watcher = sample.modern(modern_watcher).await.unwrap();
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut subscription = modern_watcher.listen(filter).await.unwrap();

    call(&adder, "add_tool", json!({"name": "late", "reply": "here"})).await;
    assert_eq!(watcher_hears.recv().await.unwrap(), "tools/list_changed");
    assert!(matches!(subscription.next().await.unwrap(), Some(ServerNotification::ToolListChangedNotification(_))));
    for client in [&watcher, &modern_watcher] {
        assert_eq!(text(&call(client, "late", json!({})).await), "here");
        assert!(client.list_all_tools().await.unwrap().iter().any(|tool| tool.name == "late"));
    }
}
