//! One round of questions: from `input_required` to what the next attempt brings.

use super::Crossing;
use super::attempt::Client;
use super::questions::{Answer, Waiting};
use crate::upstream::random_id;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use protocol::era::from_legacy::Retry;
use protocol::era::to_legacy::{Asked, InputRequired, Question, question};
use protocol::json::{Object, quote};
use protocol::sse;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Between attempts that only see whether the server has got on: the first pause, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

const ACCEPTED: &str = r#"{"action":"accept"}"#;
const CANCELLED: &str = r#"{"action":"cancel"}"#;

/// Why a call has no answer of its server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The error that the client gave to a question, raw JSON.
    ByClient(String),
    /// Why, after "Server …".
    Failed(String),
}

/// What a call remembers of its rounds.
pub(super) struct Rounds<'a> {
    crossing: &'a Crossing,
    client: &'a Client,
    asked: u32,
    /// Pages that the client has opened: they are not shown twice. By URL, the id that the client knows it by.
    opened: HashMap<String, String>,
    /// Since nothing but waiting was done: until when, and the pauses.
    waiting: Option<(Instant, ExponentialBackoff)>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(crossing: &'a Crossing, client: &'a Client) -> Self {
        Self { crossing, client, asked: 0, opened: HashMap::new(), waiting: None }
    }

    /// Asks the client what the server wants to know, and gives what the next attempt brings.
    pub(super) async fn next(&mut self, input: InputRequired) -> Result<Retry, End> {
        let InputRequired { requests, state } = input;
        if requests.is_empty() && state.is_none() {
            return Err(End::Failed("asked for input without saying for what".to_owned()));
        }
        let inner = &self.crossing.0;
        let questions: Vec<(String, Question)> = requests
            .into_iter()
            .map(|(key, request)| Ok((key, question(&request, inner.revision, &inner.capabilities)?)))
            .collect::<Result<_, String>>()
            .map_err(End::Failed)?;
        let still = |url: &String| questions.iter().any(|(_, question)| question.url.as_ref() == Some(url));
        let done: Vec<String> = self.opened.keys().filter(|url| !still(url)).cloned().collect();
        for url in done {
            self.complete(&url).await;
        }
        let (open, new): (Vec<_>, Vec<_>) =
            questions.into_iter().partition(|(_, q)| q.url.as_ref().is_some_and(|url| self.opened.contains_key(url)));
        let mut responses: Vec<_> = open.into_iter().map(|(key, _)| (key, ACCEPTED.to_owned())).collect();
        if new.is_empty() {
            self.pause().await?;
        } else {
            self.waiting = None;
            responses.extend(self.ask(new).await?);
        }
        Ok(Retry { responses, state })
    }

    /// Tells the client that what it was shown pages for is done.
    pub(super) async fn complete_all(&mut self) {
        for url in self.opened.keys().cloned().collect::<Vec<_>>() {
            self.complete(&url).await;
        }
    }

    async fn complete(&mut self, url: &str) {
        let Some(id) = self.opened.remove(url) else { return };
        self.send(&format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/elicitation/complete\",\"params\":{{\"elicitationId\":{}}}}}",
            quote(&id)
        ))
        .await;
    }

    async fn ask(&mut self, questions: Vec<(String, Question)>) -> Result<Vec<(String, String)>, End> {
        let inner = &self.crossing.0;
        self.asked += 1;
        if self.asked > inner.rounds {
            return Err(End::Failed(format!("asked the client more than {} times (limits.inputRounds)", inner.rounds)));
        }
        let mut asked = Vec::with_capacity(questions.len());
        for (key, question) in questions {
            let waiting = inner.questions.ask();
            let elicitation = random_id();
            self.send(&question.message(&waiting.id.to_string(), &elicitation)).await;
            asked.push((key, question, elicitation, waiting));
        }
        let deadline = Instant::now() + inner.patience;
        let mut responses = Vec::with_capacity(asked.len());
        let mut failed = None;
        while let Some((key, question, elicitation, mut waiting)) = asked.pop() {
            let end = match timeout_at(deadline, waiting.answer()).await {
                Ok(Some(Answer::Result(result))) => {
                    self.note(&question, elicitation, &result);
                    responses.push((key, result));
                    continue;
                }
                Ok(Some(Answer::Error(_)) | None) if question.asked == Asked::Elicitation => {
                    responses.push((key, CANCELLED.to_owned()));
                    continue;
                }
                // Without an answer the server would ask for ever, and there is no form for an error.
                Ok(Some(Answer::Error(error))) => End::ByClient(error),
                Ok(None) => End::Failed("cannot be given an answer: the client gave none".to_owned()),
                Err(_) => {
                    asked.push((key, question, elicitation, waiting));
                    let seconds = inner.patience.as_secs();
                    End::Failed(format!("asked the client, which did not answer within {seconds} s (limits.input)"))
                }
            };
            failed = Some(end);
            break;
        }
        if let Some(end) = failed {
            for (_, _, _, waiting) in asked.iter().filter(|(_, _, _, waiting)| waiting.is_open()) {
                self.withdraw(waiting).await;
            }
            return Err(end);
        }
        responses.reverse();
        Ok(responses)
    }

    /// Remembers a page that the client has opened.
    fn note(&mut self, question: &Question, elicitation: String, result: &str) {
        let action = Object::read(result).and_then(|result| result.text("action"));
        if let Some(url) = question.url.as_ref().filter(|_| action.as_deref() == Some("accept")) {
            self.opened.insert(url.clone(), elicitation);
            self.waiting = None;
        }
    }

    /// Waits before the server is asked whether it has got on.
    async fn pause(&mut self) -> Result<(), End> {
        let patience = self.crossing.0.patience;
        let pauses = || {
            ExponentialBuilder::default()
                .with_min_delay(FIRST_PAUSE)
                .with_max_delay(LONGEST_PAUSE)
                .without_max_times()
                .build()
        };
        let (until, pauses) = self.waiting.get_or_insert_with(|| (Instant::now() + patience, pauses()));
        if Instant::now() >= *until {
            return Err(End::Failed(format!("was not done within {} s (limits.input)", patience.as_secs())));
        }
        sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        Ok(())
    }

    async fn withdraw(&self, waiting: &Waiting) {
        let message = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{},\"reason\":\"No longer needed.\"}}}}",
            waiting.id
        );
        // The client may read nothing at all.
        let _ = timeout(FIRST_PAUSE, self.send(&message)).await;
    }

    async fn send(&self, message: &str) {
        // Nobody reads any more: then no answer comes, either.
        let _ = self.client.send(Ok(Bytes::from(sse::frame(message)))).await;
    }
}
