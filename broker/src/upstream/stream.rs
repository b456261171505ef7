//! The stream on which a server tells of changes.

use super::client::Client;
use super::error::UpstreamError;
use super::leg::Leg;
use super::message::Incoming;
use super::probe::Hello;
use super::reply::EventStream;
use crate::catalog::Group;
use futures::StreamExt as _;
use protocol::era::Era;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// What a stream tells the supervisor.
#[derive(Debug)]
pub(super) struct Signal {
    /// The era of the stream's leg.
    pub(super) era: Era,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// It is open: from now on changes of these groups are told.
    Open(Vec<Group>),
    /// The list changed.
    Changed(Group),
    /// It ended, or could not be opened.
    Ended(Option<UpstreamError>),
    /// The server has none.
    None,
}

/// Opens the stream of a leg and reads it for as long as the handle lives. The last signal is `Ended` or `None`.
pub(super) fn spawn(client: Client, hello: Hello, signals: mpsc::Sender<Signal>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let era = hello.leg.era();
        let what = run(&client, &hello, &signals).await;
        let _ = signals.send(Signal { era, what }).await;
    }))
}

/// Whether a leg has a stream worth opening: a legacy one tells when the server goes away, too.
pub(super) fn is_wanted(hello: &Hello) -> bool {
    match hello.leg {
        Leg::Legacy(_) => true,
        Leg::Modern(_) => hello.capabilities.any_list_changed(),
    }
}

async fn run(client: &Client, hello: &Hello, signals: &mpsc::Sender<Signal>) -> What {
    let opened = match hello.leg {
        Leg::Legacy(_) => client.listen(&hello.leg).await,
        Leg::Modern(_) => match client.subscribe(&hello.leg, &filter(hello)).await {
            // The server declared it but does not have it.
            Err(UpstreamError::Rpc { .. }) => return What::None,
            opened => opened.map(Some),
        },
    };
    match opened {
        Ok(Some(events)) => What::Ended(read(client, hello, events, signals).await),
        Ok(None) => What::None,
        Err(error) => What::Ended(Some(error)),
    }
}

async fn read(
    client: &Client,
    hello: &Hello,
    mut events: EventStream,
    signals: &mpsc::Sender<Signal>,
) -> Option<UpstreamError> {
    let era = hello.leg.era();
    let tell = async |what| {
        let _ = signals.send(Signal { era, what }).await;
    };
    if era == Era::Legacy {
        tell(What::Open(declared(hello))).await;
    }
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => return Some(error),
        };
        match Incoming::read(&event.data) {
            Some(Incoming::Notification { method, params }) => {
                if method == "notifications/subscriptions/acknowledged" {
                    tell(What::Open(granted(params))).await;
                } else if let Some(group) = Group::of_notification(&method) {
                    tell(What::Changed(group)).await;
                }
            }
            Some(Incoming::Request { id, method }) => {
                if let Err(error) = client.answer_unasked(&hello.leg, id, &method).await {
                    return Some(error);
                }
            }
            // The answer to the subscription itself: the server ends it.
            Some(Incoming::Response { .. }) if era == Era::Modern => return None,
            _ => {}
        }
    }
    None
}

fn flag(group: Group) -> &'static str {
    match group {
        Group::Tools => "toolsListChanged",
        Group::Prompts => "promptsListChanged",
        Group::Resources => "resourcesListChanged",
    }
}

/// The groups whose changes the server declared to tell.
fn declared(hello: &Hello) -> Vec<Group> {
    let capabilities = &hello.capabilities;
    let listing = |group| match group {
        Group::Tools => capabilities.tools,
        Group::Prompts => capabilities.prompts,
        Group::Resources => capabilities.resources,
    };
    Group::ALL.into_iter().filter(|group| listing(*group).is_some_and(|l| l.list_changed)).collect()
}

/// `notifications` of `subscriptions/listen`.
fn filter(hello: &Hello) -> String {
    let flags: Vec<_> = declared(hello).into_iter().map(|group| format!("\"{}\":true", flag(group))).collect();
    format!("{{{}}}", flags.join(","))
}

/// The groups that an acknowledgement names.
fn granted(params: Option<&RawValue>) -> Vec<Group> {
    let params: Value = params.and_then(|p| serde_json::from_str(p.get()).ok()).unwrap_or_default();
    let is_set = |group: &Group| params["notifications"][flag(*group)] == true;
    Group::ALL.into_iter().filter(is_set).collect()
}
