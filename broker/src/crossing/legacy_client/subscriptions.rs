//! The resources whose updates a client wants: `resources/subscribe` becomes part of one `subscriptions/listen`.

use super::Crossing;
use crate::upstream::{ANSWER_LIMIT, EventStream, Reply, UpstreamError};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::unfold;
use protocol::error::code;
use protocol::json::{Object, items, quote};
use protocol::sse;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Updates that wait for a client that reads slowly; more are dropped.
const QUEUE: usize = 256;
/// How long a server has to acknowledge.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between attempts to subscribe again, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
const UPDATED: &str = "notifications/resources/updated";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// What one session is subscribed to.
#[derive(Default)]
pub(super) struct Subscriptions {
    /// One change at a time.
    wanted: tokio::sync::Mutex<Wanted>,
    /// Where updates go: to the newest stream of the client.
    listener: Arc<Mutex<Option<mpsc::Sender<Bytes>>>>,
}

#[derive(Default)]
struct Wanted {
    uris: BTreeSet<String>,
    reader: Option<AbortOnDropHandle<()>>,
}

impl Subscriptions {
    /// See [`Crossing::listen`].
    pub(super) fn listen(&self) -> EventStream {
        let (sender, updates) = mpsc::channel(QUEUE);
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let events = unfold(updates, |mut updates| async move { Some((Ok(updates.recv().await?), updates)) });
        Reply::made(events).body.events(ANSWER_LIMIT)
    }
}

/// Subscribes to one more resource, by the server's own URI.
///
/// # Errors
/// The server does not grant it, or failed.
pub(super) async fn add(crossing: &Crossing, uri: String) -> Result<(), UpstreamError> {
    let mut wanted = crossing.0.subscriptions.wanted.lock().await;
    let mut uris = wanted.uris.clone();
    uris.insert(uri.clone());
    let (events, granted) = open(crossing, &uris).await?;
    if !granted.contains(&uri) {
        let name = crossing.0.server.name();
        let message = format!("Server {name} does not tell of updates of this resource.");
        return Err(UpstreamError::Rpc { code: code::INVALID_PARAMS, message, data: None });
    }
    // The stream before ends when the new one is open: no update is missed.
    wanted.reader = Some(read(crossing, uris.clone(), events));
    wanted.uris = uris;
    Ok(())
}

/// Ends one subscription. The server is told by a stream without it; if that fails, its updates still come.
pub(super) async fn remove(crossing: &Crossing, uri: &str) {
    let mut wanted = crossing.0.subscriptions.wanted.lock().await;
    if !wanted.uris.remove(uri) {
        return;
    }
    if wanted.uris.is_empty() {
        wanted.reader = None;
        return;
    }
    match open(crossing, &wanted.uris).await {
        Ok((events, _)) => wanted.reader = Some(read(crossing, wanted.uris.clone(), events)),
        Err(error) => {
            tracing::warn!(server = crossing.0.server.name(), %error, "a subscription could not be ended");
        }
    }
}

/// Opens a stream and waits until the server says what it grants.
async fn open(crossing: &Crossing, uris: &BTreeSet<String>) -> Result<(EventStream, BTreeSet<String>), UpstreamError> {
    let all: Vec<_> = uris.iter().map(|uri| quote(uri)).collect();
    let filter = format!("{{\"resourceSubscriptions\":[{}]}}", all.join(","));
    let opening = async {
        let mut events = crossing.0.server.client().subscribe(&crossing.leg(), &filter).await?;
        while let Some(event) = events.next().await {
            if let Some(granted) = granted(&event?.data) {
                return Ok((events, granted));
            }
        }
        Err(UpstreamError::Closed)
    };
    let late = UpstreamError::Timeout(u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX));
    timeout(PATIENCE, opening).await.unwrap_or(Err(late))
}

/// The resources that an acknowledgement names; `None` if the message is none.
fn granted(message: &str) -> Option<BTreeSet<String>> {
    let message = Object::read(message).filter(|message| message.text("method").as_deref() == Some(ACKNOWLEDGED))?;
    let filter = message.get("params").and_then(Object::read).and_then(|params| params.get("notifications"));
    let uris = filter.and_then(Object::read).and_then(|filter| filter.get("resourceSubscriptions")).and_then(items);
    Some(uris.unwrap_or_default().into_iter().filter_map(|uri| serde_json::from_str(uri).ok()).collect())
}

/// Reads a stream for as long as the handle lives, and opens it anew when it ends: every resource may have changed meanwhile.
fn read(crossing: &Crossing, uris: BTreeSet<String>, mut events: EventStream) -> AbortOnDropHandle<()> {
    let (crossing, listener) = (crossing.clone(), Arc::clone(&crossing.0.subscriptions.listener));
    let tell = move |message: &str| {
        let listener = listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = &*listener {
            let _ = listener.try_send(sse::frame(message).into());
        }
    };
    let ended = crossing.0.ended.clone();
    let reading = async move {
        let patient =
            || ExponentialBuilder::default().with_max_delay(LONGEST_PAUSE).with_jitter().without_max_times().build();
        let mut pauses = patient();
        loop {
            while let Some(Ok(event)) = events.next().await {
                pauses = patient();
                if let Some(update) = update(&event.data) {
                    tell(&update);
                }
            }
            sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
            if let Ok((again, _)) = open(&crossing, &uris).await {
                events = again;
                for uri in &uris {
                    let uri = quote(uri);
                    tell(&format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{UPDATED}\",\"params\":{{\"uri\":{uri}}}}}"));
                }
            }
        }
    };
    AbortOnDropHandle::new(tokio::spawn(async move {
        ended.run_until_cancelled(reading).await;
    }))
}

/// An update without what ties it to the subscription; `None` for any other message.
fn update(message: &str) -> Option<String> {
    let object = Object::read(message).filter(|object| object.text("method").as_deref() == Some(UPDATED))?;
    let params = Object::read(object.get("params")?)?;
    let Some(meta) = params.get("_meta").and_then(Object::read) else { return Some(message.to_owned()) };
    let meta = meta.without(&[SUBSCRIPTION]);
    let bare = Object::read(&meta).is_some_and(|meta| meta.members().next().is_none());
    let params = if bare { params.without(&["_meta"]) } else { params.with("_meta", &meta) };
    Some(object.with("params", &params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_lose_the_subscription_only() {
        let tagged = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"x","a":1.0},"uri":"\u0078:a"}}"#;
        let expected = tagged.replace(r#""io.modelcontextprotocol/subscriptionId":"x","#, "");
        assert_eq!(update(tagged).unwrap(), expected);
        let bare = tagged.replace(r#","a":1.0"#, "");
        let expected = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"\u0078:a"}}"#;
        assert_eq!(update(&bare).unwrap(), expected);
        assert_eq!(update(r#"{"method":"notifications/message","params":{}}"#), None);
    }

    #[test]
    fn an_acknowledgement_names_what_is_granted() {
        let message = r#"{"method":"notifications/subscriptions/acknowledged","params":{"notifications":{"resourceSubscriptions":["a:b"]}}}"#;
        assert_eq!(granted(message), Some(BTreeSet::from(["a:b".to_owned()])));
        assert_eq!(granted(r#"{"method":"notifications/subscriptions/acknowledged"}"#), Some(BTreeSet::new()));
        assert_eq!(granted("{}"), None);
    }
}
