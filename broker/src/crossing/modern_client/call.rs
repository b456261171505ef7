//! One call, from its first request to its answer, over as many rounds as the server has questions.

use super::attempt::{Messages, send};
use super::pool::{Key, Lease};
use super::questions::Questions;
use super::round::Round;
use super::session::Running;
use super::state::{Awaited, Subject, handle};
use super::{Inner, outcome};
use crate::session::failed;
use crate::upstream::{UpstreamError, random_id};
use bytes::Bytes;
use futures::StreamExt as _;
use protocol::era::from_modern::Said;
use protocol::era::to_modern::{Notice, Question, input_required, notice, question};
use protocol::era::{Asked, Era};
use protocol::error::{Refusal, code};
use protocol::json::{Object, quote};
use protocol::jsonrpc::Id;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// Notifications that are kept while no client is there to read them.
const KEPT: usize = 64;
/// How long a call that has its answer waits for what the server told before it.
const LINGER: Duration = Duration::from_millis(20);
/// Why a question is refused that came too late.
const OVER: &str = "The call that this belonged to is over.";
/// After a user has been to a page: between attempts, first and last.
const PAGE_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What is asked, of whom, and for whom.
pub(super) struct Request {
    pub(super) key: Key,
    pub(super) subject: Subject,
    /// As the client sent it, without the prefix.
    pub(super) body: Bytes,
    /// The server may ask or log: it has to be clear for whom.
    pub(super) alone: bool,
    /// Pages that the user has been to before.
    pub(super) visited: Option<Visited>,
}

/// Pages that the user has been to, so that the call is worth another attempt.
pub(super) struct Visited {
    /// Under which the session was parked.
    pub(super) handle: u128,
    /// Elicitation and address.
    pub(super) pages: Vec<(String, String)>,
    /// How often the user was asked.
    pub(super) round: u32,
}

/// A call that is running.
pub(super) struct Call {
    inner: Arc<Inner>,
    request: Request,
    lease: Option<Lease>,
    running: Option<Running>,
    messages: Messages,
    id: String,
    questions: Questions,
    /// When the client is asked what there is to ask.
    ask_at: Option<Instant>,
    /// Until when the server's answer has to begin, if it has not.
    begin_by: Option<Instant>,
    rounds: u32,
    kept: VecDeque<String>,
    dropped: usize,
    /// What the client is told in the end, in the server's words.
    outcome: Option<Result<String, UpstreamError>>,
    reopened: bool,
    pages_until: Instant,
    pages_pause: Duration,
}

/// Whether a client is there.
enum Phase {
    Here(Round),
    /// It was asked, and is to come back with this handle until then.
    Away {
        handle: u128,
        retry: oneshot::Receiver<Round>,
        until: Instant,
        capabilities: String,
    },
}

/// What happened.
enum Step {
    Message(String),
    Ended(UpstreamError),
    Ask,
    Left,
    Back(Option<Round>),
    Late,
    Ending,
}

impl Call {
    pub(super) fn new(inner: Arc<Inner>, request: Request) -> Self {
        let rounds = request.visited.as_ref().map_or(0, |visited| visited.round);
        let pages_until = Instant::now() + inner.patience();
        Self {
            inner,
            request,
            lease: None,
            running: None,
            messages: futures::stream::pending().boxed(),
            id: String::new(),
            questions: Questions::default(),
            ask_at: None,
            begin_by: None,
            rounds,
            kept: VecDeque::new(),
            dropped: 0,
            outcome: None,
            reopened: false,
            pages_until,
            pages_pause: PAGE_PAUSES.0,
        }
    }

    /// Runs until the client has its answer, or nobody wants it.
    pub(super) async fn run(mut self, round: Round) {
        if let Err(refusal) = self.begin(&round).await {
            return round.refuse(&refusal).await;
        }
        let mut phase = Phase::Here(round);
        loop {
            if let Phase::Here(round) = &phase
                && let Some(outcome) = self.outcome.take()
            {
                match self.wait_for_pages(round, &outcome).await {
                    Some(true) => continue,
                    Some(false) => return self.abandon("The client is gone.").await,
                    None => return self.deliver(round, &outcome).await,
                }
            }
            match self.next(&mut phase).await {
                Step::Message(message) => self.hear(&message, &phase).await,
                Step::Ended(error) => self.broken_off(error, &phase).await,
                Step::Ask => {
                    let Phase::Here(round) = phase else { return };
                    match self.ask(round).await {
                        Some(away) => phase = away,
                        None => return self.abandon("The client is gone.").await,
                    }
                }
                Step::Left => return self.abandon("The client is gone.").await,
                Step::Back(Some(round)) => {
                    self.go_on(&round).await;
                    phase = Phase::Here(round);
                }
                // The client came back and went away at the same time.
                Step::Back(None) => return self.abandon("The client is gone.").await,
                Step::Late => {
                    let Phase::Away { handle, until, .. } = &mut phase else { return };
                    if self.inner.held.stop(*handle) {
                        return self.abandon("The client did not answer in time.").await;
                    }
                    // It comes back at this very moment.
                    *until = Instant::now() + Duration::from_secs(1);
                }
                Step::Ending => {
                    if let Phase::Here(round) = &phase {
                        round.refuse(&Refusal::upstream(Era::Modern, "The gateway is shutting down.")).await;
                    }
                    return self.abandon("The gateway is shutting down.").await;
                }
            }
        }
    }

    async fn next(&mut self, phase: &mut Phase) -> Step {
        let over = self.outcome.is_some();
        let ask_at = self.ask_at.filter(|_| matches!(phase, Phase::Here(_)));
        let asking = async {
            match ask_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        // While it waits for the client that is no fault of the server's.
        let waits = self.ask_at.is_some() || !self.questions.pending.is_empty() || matches!(phase, Phase::Away { .. });
        let begin_by = self.begin_by.filter(|_| !waits && !over);
        let beginning = async {
            match begin_by {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let timeout_ms = self.request.key.server.config().timeout_ms;
        let client = async {
            match phase {
                Phase::Here(round) => {
                    round.left().await;
                    Step::Left
                }
                Phase::Away { retry, until, .. } => tokio::select! {
                    round = retry => Step::Back(round.ok()),
                    () = sleep_until(*until) => Step::Late,
                },
            }
        };
        let running = &mut self.running;
        let heard = async {
            match running {
                Some(running) => running.heard.recv().await,
                None => None,
            }
        };
        tokio::select! {
            message = self.messages.next(), if !over => match message {
                Some(Ok(message)) => {
                    self.begin_by = None;
                    Step::Message(message)
                }
                Some(Err(error)) => Step::Ended(error),
                None => Step::Ended(UpstreamError::Closed),
            },
            Some(message) = heard, if !over => Step::Message(message),
            () = asking => Step::Ask,
            () = beginning => Step::Ended(UpstreamError::Timeout(timeout_ms)),
            step = client => step,
            () = self.inner.ending.cancelled() => Step::Ending,
        }
    }

    /// Finds a session and sends the request.
    async fn begin(&mut self, round: &Round) -> Result<(), Refusal> {
        let (pool, most) = (&self.inner.pool, self.inner.limits().pooled_sessions);
        let parked = self.request.visited.as_ref().and_then(|visited| pool.take_parked(visited.handle));
        let lease = match parked.filter(|_| !self.reopened) {
            Some(parked) => parked,
            None if self.request.alone => pool.lease(&self.request.key, most).await?,
            None => pool.share(&self.request.key, most).await?,
        };
        if let Some(level) = round.level {
            lease.session.set_level(level).await;
        }
        self.lease = Some(lease);
        self.send();
        Ok(())
    }

    /// Sends the request in the session.
    fn send(&mut self) {
        let Some(lease) = &self.lease else { return };
        self.id = random_id();
        let text = String::from_utf8_lossy(&self.request.body);
        let Some(said) = Said::read(&text) else { return };
        self.begin_by = Some(Instant::now() + lease.session.patience());
        self.running = Some(lease.session.begin(&self.id));
        self.messages = send(Arc::clone(&lease.session), Id::own(&self.id), said.request(&self.id, &self.id));
    }

    /// Takes a message of the server.
    async fn hear(&mut self, message: &str, phase: &Phase) {
        match notice(message) {
            Some(Notice::Withdrawn(id)) => {
                if let Some(id) = Id::from_raw(id.as_bytes()) {
                    self.questions.withdraw(&id);
                }
                if self.questions.pending.is_empty() {
                    self.ask_at = None;
                }
            }
            Some(Notice::Visited(id)) => self.inner.pool.visits.note(self.request.subject.at(), &id),
            Some(Notice::Elsewhere) => {}
            Some(_) => match phase {
                Phase::Here(round) => Self::show(&self.id, message, round).await,
                Phase::Away { .. } if self.kept.len() < KEPT => self.kept.push_back(message.to_owned()),
                Phase::Away { .. } => self.dropped += 1,
            },
            None if crate::bridge::answers(message.as_bytes(), &Id::own(&self.id)) => {
                if let Phase::Here(round) = phase {
                    self.linger(round).await;
                }
                self.over(Ok(message.to_owned()));
            }
            None => self.hear_question(message, phase),
        }
    }

    /// What a server told before its answer, but beside the stream of the call, may come after it.
    async fn linger(&mut self, round: &Round) {
        let beside = self.lease.as_ref().is_some_and(|lease| lease.session.is_listening());
        let (Some(running), true) = (&mut self.running, beside && (round.level.is_some() || round.token.is_some()))
        else {
            return;
        };
        let end = Instant::now() + LINGER;
        while let Ok(Some(message)) = tokio::time::timeout_at(end, running.heard.recv()).await {
            match (notice(&message), &self.lease) {
                (Some(_), _) => Self::show(&self.id, &message, round).await,
                (None, Some(lease)) => lease.session.refuse(&message, code::INTERNAL, OVER),
                (None, None) => {}
            }
        }
    }

    /// Shows a notification to the client, if it is one that it asked for.
    async fn show(id: &str, message: &str, round: &Round) {
        match notice(message) {
            Some(Notice::Progress(token)) if token == quote(id) => {
                if let Some(shown) = round.token.as_ref().and_then(|token| Notice::with_token(message, token)) {
                    round.send(&shown).await;
                }
            }
            Some(Notice::Log(level)) if round.level.is_some_and(|least| level >= least) => round.send(message).await,
            Some(Notice::Other) => round.send(message).await,
            _ => {}
        }
    }

    fn hear_question(&mut self, message: &str, phase: &Phase) {
        let Some(lease) = &self.lease else { return };
        let Some(id) = Object::read(message).and_then(|m| Id::from_raw(m.get("id")?.as_bytes())) else { return };
        let capabilities = match phase {
            Phase::Here(round) => &round.capabilities,
            Phase::Away { capabilities, .. } => capabilities,
        };
        match question(message, capabilities) {
            Question::Ask(..) if !self.may_ask() => {
                let why =
                    "Clients of MCP 2026-07-28 can be asked only during tools/call, prompts/get and resources/read.";
                lease.session.refuse(message, code::INTERNAL, why);
            }
            Question::Ask(..) if self.rounds >= self.inner.limits().input_rounds => {
                let why =
                    "The client has been asked as often during this call as the gateway allows (limits.inputRounds).";
                lease.session.refuse(message, code::INTERNAL, why);
            }
            Question::Ask(asked, request) => {
                self.questions.add(asked, id, request, message.to_owned());
                self.ask_at.get_or_insert(Instant::now() + Duration::from_millis(self.inner.limits().input_batch_ms));
            }
            Question::Undeclared(required) => {
                self.questions.note_lacking(&required);
                lease.session.refuse(
                    message,
                    code::METHOD_NOT_FOUND,
                    "The client did not declare that it can be asked this.",
                );
            }
            Question::Unknown => {
                let why = "The gateway has no form of this for a client of MCP 2026-07-28.";
                lease.session.refuse(message, code::METHOD_NOT_FOUND, why);
            }
        }
    }

    fn may_ask(&self) -> bool {
        matches!(self.request.subject.method.as_str(), "tools/call" | "prompts/get" | "resources/read")
    }

    /// The server's messages end before its answer. One that did not know the session has not seen the request, which is
    /// then sent in another, once.
    async fn broken_off(&mut self, error: UpstreamError, phase: &Phase) {
        let may_repeat = error == UpstreamError::SessionLost && !self.reopened;
        if let (true, Phase::Here(round)) = (may_repeat, phase) {
            self.reopened = true;
            self.running = None;
            self.lease = None;
            self.messages = futures::stream::pending().boxed();
            match self.begin(round).await {
                Ok(()) => return,
                Err(refusal) => return self.over(Ok(refusal.body(Some(&Id::own(&self.id))))),
            }
        }
        if let Some(lease) = &mut self.lease {
            lease.spoil();
        }
        self.over(Err(error));
    }

    /// There is an answer. The session is given back: nothing of this call comes in it any more.
    fn over(&mut self, outcome: Result<String, UpstreamError>) {
        self.outcome = Some(outcome);
        self.running = None;
        self.ask_at = None;
        self.messages = futures::stream::pending().boxed();
        if let Some(lease) = &self.lease {
            for pending in self.questions.pending.drain(..) {
                lease.session.refuse(&pending.message, code::INTERNAL, OVER);
            }
        }
    }

    /// Ends the client's round with the questions of the server. `None` if the client is gone.
    async fn ask(&mut self, round: Round) -> Option<Phase> {
        self.ask_at = None;
        self.rounds += 1;
        let handle = handle();
        let asked: Vec<(String, Asked)> =
            self.questions.pending.iter().map(|pending| (pending.key.clone(), pending.asked)).collect();
        let retry = self.inner.held.wait(handle, asked);
        let patience = self.inner.patience();
        let awaited = self.inner.states.awaited(handle);
        let state = self.inner.states.seal(&self.request.subject, awaited, self.rounds, patience);
        let requests = self.questions.pending.iter().map(|pending| (pending.key.as_str(), pending.request.as_str()));
        let info = self.server_info();
        let result = input_required(requests, &state, info.as_ref().map(|info| info.get()));
        if !round.end(200, &outcome::response(&round.id, &result)).await {
            self.inner.held.stop(handle);
            return None;
        }
        let until = Instant::now() + patience;
        Some(Phase::Away { handle, retry, until, capabilities: round.capabilities })
    }

    /// The client is back.
    async fn go_on(&mut self, round: &Round) {
        let Some(session) = self.lease.as_ref().map(|lease| Arc::clone(&lease.session)) else { return };
        if let Some(level) = round.level.filter(|_| self.outcome.is_none()) {
            session.set_level(level).await;
        }
        if self.begin_by.is_some() {
            self.begin_by = Some(Instant::now() + session.patience());
        }
        for answer in &round.answers {
            let Some(pending) = self.questions.take(&answer.key) else { continue };
            let response = outcome::response(&pending.id, &answer.result);
            let session = Arc::clone(&session);
            self.inner.tasks.spawn(async move { session.tell(response).await });
        }
        for message in std::mem::take(&mut self.kept) {
            Self::show(&self.id, &message, round).await;
        }
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            tracing::warn!(server = self.request.subject.server, dropped, "messages came while no client was there");
        }
        // What is missing is asked for again, with what has come up meanwhile.
        if !self.questions.pending.is_empty() {
            self.ask_at = Some(Instant::now());
        }
    }

    /// Nobody wants the answer any more: the server is told, and what it asked is answered.
    async fn abandon(mut self, why: &str) {
        if self.outcome.is_some() {
            return;
        }
        let Some(lease) = &mut self.lease else { return };
        lease.spoil();
        let session = Arc::clone(&lease.session);
        for pending in self.questions.pending.drain(..) {
            let refusal = Refusal::transport(200, code::INTERNAL, why.to_owned());
            session.tell(refusal.body(Some(&pending.id))).await;
        }
        let params = format!("{{\"requestId\":{},\"reason\":{}}}", quote(&self.id), quote(why));
        session
            .tell(format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{params}}}"))
            .await;
    }

    /// If the server still waits for the user to be done with pages that the user has agreed to visit: waits for that, and
    /// tries again. `Some(false)` if the client is gone, `None` if the outcome is to be delivered.
    async fn wait_for_pages(&mut self, round: &Round, outcome: &Result<String, UpstreamError>) -> Option<bool> {
        let visited = self.request.visited.as_ref()?;
        let wanted = outcome::pages(outcome.as_ref().ok()?)?;
        let known = |url: &String| visited.pages.iter().any(|(_, known)| known == url);
        if !wanted.iter().all(|page| known(&page.url)) || Instant::now() >= self.pages_until {
            return None;
        }
        let ids: Vec<_> = wanted.into_iter().map(|page| page.elicitation_id).collect();
        let again = (Instant::now() + self.pages_pause).min(self.pages_until);
        self.pages_pause = (self.pages_pause * 2).min(PAGE_PAUSES.1);
        tokio::select! {
            () = self.inner.pool.visits.all(self.request.subject.at(), &ids) => {}
            () = sleep_until(again) => {}
            () = round.left() => return Some(false),
            () = self.inner.ending.cancelled() => return None,
        }
        self.send();
        Some(true)
    }

    /// `serverInfo` of the server that is called.
    fn server_info(&self) -> Option<Arc<RawValue>> {
        self.lease.as_ref()?.session.session.server_info.clone()
    }

    /// Ends the client's round with the outcome.
    async fn deliver(mut self, round: &Round, outcome: &Result<String, UpstreamError>) {
        let server = &self.request.subject.server;
        let message = match outcome {
            Ok(message) => message,
            Err(error) => return round.refuse(&failed(Era::Modern, server, error)).await,
        };
        let info = self.server_info();
        let info = info.as_ref().map(|info| info.get());
        if let Some((state, pages)) = self.park(round, message) {
            let requests: Vec<_> = pages.iter().enumerate().map(|(at, page)| ((at + 1).to_string(), page)).collect();
            let requests = requests.iter().map(|(key, page)| (key.as_str(), page.as_str()));
            round.end(200, &outcome::response(&round.id, &input_required(requests, &state, info))).await;
            return;
        }
        if self.may_ask() && outcome::pages(message).is_some() && !shows_pages(&round.capabilities) {
            self.questions.note_lacking(r#"{"elicitation":{"url":{}}}"#);
        }
        let lacking = self.questions.lacking();
        let (status, response) = outcome::modern(&self.request.subject, message, &round.id, info, lacking.as_deref());
        // Whoever comes next may have the session before the client has its answer.
        self.lease = None;
        round.end(status, &response).await;
    }

    /// If the server wants the user to visit pages first and the client can show them: keeps the session for the next
    /// attempt. Gives the state and the requests for `inputRequests`.
    fn park(&mut self, round: &Round, message: &str) -> Option<(String, Vec<String>)> {
        let pages = outcome::pages(message).filter(|_| self.may_ask() && shows_pages(&round.capabilities))?;
        if self.rounds >= self.inner.limits().input_rounds {
            return None;
        }
        let handle = handle();
        let patience = self.inner.patience();
        let known = pages.iter().map(|page| (page.elicitation_id.clone(), page.url.clone())).collect();
        let awaited = Awaited::Pages { handle, pages: known };
        let state = self.inner.states.seal(&self.request.subject, awaited, self.rounds + 1, patience);
        if let Some(lease) = self.lease.take().filter(|lease| !lease.is_shared()) {
            self.inner.pool.park(handle, lease, std::time::Instant::now() + patience);
        }
        Some((state, pages.into_iter().map(|page| page.request).collect()))
    }
}

/// Whether a client with these capabilities (raw JSON) can be asked to visit a page.
fn shows_pages(capabilities: &str) -> bool {
    let elicitation = Object::read(capabilities).and_then(|declared| Object::read(declared.get("elicitation")?));
    elicitation.is_some_and(|elicitation| elicitation.get("url").is_some())
}
