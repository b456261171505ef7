//! Clients that call all the time, do what the protocol asks of them, and count.

use super::Site;
use crate::client::{Http, Modern, Reply, Session};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long clients wait before they make a call again that has failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Clients of both eras that call a tool, each one call after the other.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Outcome>,
}

/// What became of calls.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Calls that were answered with a result.
    pub answered: usize,
    /// What was said of the others.
    pub lost: Vec<String>,
    /// Calls that were answered only when they were made again.
    pub repeated: usize,
    /// Sessions that had to be opened anew, as the protocol allows the gateway to ask for.
    pub reopened: usize,
    /// What was said to the tries of the call that is being made.
    failed: Vec<String>,
}

impl Load {
    /// Starts `each` clients of either era. Legacy ones call the first tool, modern ones the second.
    pub async fn start(site: &Site<'_>, tools: (&str, &str), each: usize) -> Self {
        Self::trying(site, tools, each, 1).await
    }

    /// The same with clients that make a call again, after a moment, that has failed: twice at most.
    pub async fn repeating(site: &Site<'_>, tools: (&str, &str), each: usize) -> Self {
        Self::trying(site, tools, each, 3).await
    }

    async fn trying(site: &Site<'_>, (old, new): (&str, &str), each: usize, tries: usize) -> Self {
        let (stop, mut clients) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for _ in 0..each {
            let http = Http::new().with_host(&site.host);
            let client = Modern { http: http.clone(), url: site.url() };
            clients.spawn(modern(client, new.to_owned(), tries, stop.clone()));
            let session = Session::open_with(&http, &site.url(), "2025-11-25", &json!({})).await;
            clients.spawn(legacy(session, old.to_owned(), tries, stop.clone()));
        }
        Self { stop, clients }
    }

    /// Ends the clients, and adds up what they saw.
    pub async fn stop(mut self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Outcome::default();
        while let Some(outcome) = self.clients.join_next().await {
            let outcome = outcome.expect("a client that calls");
            all.answered += outcome.answered;
            all.repeated += outcome.repeated;
            all.reopened += outcome.reopened;
            all.lost.extend(outcome.lost);
        }
        all
    }
}

impl Outcome {
    /// Prints the counts, and insists on no call having been lost.
    ///
    /// # Panics
    ///
    /// When a call was.
    pub fn nothing_lost(&self, while_: &str) {
        let text = format!(
            "{while_}: {} calls answered, {} of them when repeated, {} lost, {} sessions reopened\n",
            self.answered,
            self.repeated,
            self.lost.len(),
            self.reopened
        );
        std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
        assert!(self.lost.is_empty(), "{text}{:#?}", self.lost.iter().take(5).collect::<Vec<_>>());
        assert!(self.answered > 0, "nobody called");
    }

    /// Counts a try of a call, of which there may be so many.
    fn count(&mut self, reply: Option<&Reply>, tries: usize) {
        let said = match reply {
            Some(reply) if reply.status == 200 && reply.text().contains("\"result\"") => {
                self.answered += 1;
                self.repeated += usize::from(!self.failed.is_empty());
                self.failed.clear();
                return;
            }
            Some(reply) => format!("{} {}", reply.status, reply.text()),
            None => "no answer".to_owned(),
        };
        self.failed.push(said);
        if self.failed.len() == tries {
            self.lost.push(std::mem::take(&mut self.failed).join("; then "));
        }
    }

    /// What clients do before they make a call again.
    async fn pause(&self) {
        if !self.failed.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether a call is to be made: another one, or the last one again.
    fn goes_on(&self, stop: &AtomicBool) -> bool {
        !stop.load(Ordering::Relaxed) || !self.failed.is_empty()
    }
}

async fn modern(client: Modern, tool: String, tries: usize, stop: Arc<AtomicBool>) -> Outcome {
    let mut outcome = Outcome::default();
    let message = Modern::message("tools/call", json!({ "name": tool, "arguments": {} }));
    while outcome.goes_on(&stop) {
        let reply = client.post("tools/call", &tool).try_send(message.clone()).await;
        outcome.count(reply.as_ref(), tries);
        outcome.pause().await;
    }
    outcome
}

async fn legacy(mut session: Session, tool: String, tries: usize, stop: Arc<AtomicBool>) -> Outcome {
    let mut outcome = Outcome::default();
    while outcome.goes_on(&stop) {
        let message = json!({
            "jsonrpc": "2.0", "id": session.next_id(), "method": "tools/call",
            "params": { "name": tool, "arguments": {} },
        });
        let reply = session.post().try_send(message.to_string()).await;
        if reply.as_ref().is_some_and(|reply| reply.status == 404) {
            session = Session::open_with(&session.http.clone(), &session.url.clone(), "2025-11-25", &json!({})).await;
            outcome.reopened += 1;
            continue;
        }
        outcome.count(reply.as_ref(), tries);
        outcome.pause().await;
    }
    outcome
}
