//! What comes back: from a server it is edited as it passes, and whatever is no MCP answer becomes a JSON-RPC error.
//!
//! A response is never paused for editing: bytes that cannot go out yet are taken out of it and come back with a later chunk.

use crate::headers::Headers;
use crate::stream::{Sent, Stream};
use crate::{ended, host, reply, resolver};
use protocol::answer::{Editor, Rules, flaw};
use protocol::cors;
use protocol::era::Era;
use protocol::error::{Refusal, code, status_hint};
use protocol::http::{Media, header};
use protocol::resolve::{Destination, Target};
use protocol::sse;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, BufferType, MapType};
use std::rc::Rc;
use std::time::Duration;

/// A JSON answer up to this size is looked at whole before any of it goes out.
const HELD: usize = 64 << 10;
/// Headers of a server that are none of the client's business.
const PRIVATE: [&str; 4] = [header::SESSION_ID, "www-authenticate", "set-cookie", "server"];
const RESPONSE: BufferType = BufferType::HttpResponseBody;

/// What the broker is sent in a session whose call is too long to be kept.
const NOTHING: &[u8] = br#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#;

/// How an answer is treated.
#[derive(Debug, Default)]
pub(crate) enum Answer {
    /// It passes.
    #[default]
    Pass,
    /// It is edited.
    Edit(Box<Edit>),
    /// The broker is carrying the call on; what the server sent is dropped.
    Repeating,
    /// The broker is opening a new session; then the client is told to repeat the call itself.
    Reopening(String),
}

/// The state of an edited answer.
#[derive(Debug)]
pub(crate) struct Edit {
    destination: Rc<Destination>,
    editor: Editor,
    /// The server's HTTP status.
    status: u16,
    media: Media,
    /// Bytes still to come, where the server said how many.
    left: Option<usize>,
    /// The answer is whole: all of it has gone out.
    ended: bool,
    /// The broker has been told that the server's lists changed.
    told: bool,
    /// JSON that has not gone out; `None` once it is too large for that.
    held: Option<Vec<u8>>,
}

impl Stream {
    pub(crate) fn on_answer_headers(&mut self, end: bool) -> Action {
        self.stop_clock();
        self.tell_browser();
        if self.refused() {
            return Action::Continue;
        }
        match std::mem::replace(&mut self.sent, Sent::Nowhere) {
            Sent::Nowhere => self.never_sent(),
            Sent::Broker => self.broker_answers(),
            Sent::Answer(_) => self.posted(),
            Sent::Call(destination) => self.server_answers(&destination, end),
        }
    }

    /// Envoy answered before the request was on its way.
    fn never_sent(&mut self) -> Action {
        if self.is_foreign() {
            return Action::Continue;
        }
        let status = status(&Headers::read(MapType::HttpResponseHeaders));
        let what = match status {
            408 => "The request did not come in time.",
            413 => "The request is larger than the gateway holds.",
            _ => "The request could not be read.",
        };
        self.refuse(&Refusal::transport(status, code::TRANSPORT, what))
    }

    fn broker_answers(&mut self) -> Action {
        let headers = Headers::read(MapType::HttpResponseHeaders);
        let status = status(&headers);
        if status == 200
            && self.is_delete()
            && let (Some(shared), Some(session)) = (&self.shared, self.session())
        {
            ended::end(&shared.settings, session);
            shared.ended.set(ended::generation(&shared.settings));
        }
        if matches!(status, 401 | 403) && !from_upstream() {
            let what = "The request is not allowed: a policy of the proxy refuses it.";
            return self.refuse(&Refusal::transport(status, code::TRANSPORT, what));
        }
        if status >= 500 && !from_upstream() {
            return self.refuse(&Refusal::upstream(self.era(), "The gateway's broker cannot be reached: try again."));
        }
        Action::Continue
    }

    /// Tells the client that its answer has been taken.
    pub(crate) fn accept(&mut self) {
        self.done();
        reply::send(202, vec![], None);
    }

    /// A client's answer has been posted to the server that asked: the client is told 202, whatever the server thinks of it.
    fn posted(&mut self) -> Action {
        let headers = Headers::read(MapType::HttpResponseHeaders);
        if status(&headers) >= 300 {
            self.accept();
            return Action::Pause;
        }
        self.clean(&headers, |_| false);
        Action::Continue
    }

    fn server_answers(&mut self, destination: &Rc<Destination>, end: bool) -> Action {
        let headers = Headers::read(MapType::HttpResponseHeaders);
        let status = status(&headers);
        if status >= 400 && !from_upstream() {
            return self.unreachable(destination);
        }
        if headers.get(header::UNROUTED).is_some() {
            if let (Some(shared), Some(key)) = (&self.shared, &self.key) {
                shared.cache.borrow_mut().remove(&shared.settings, key);
            }
            return self.unreachable(destination);
        }
        if Self::session_lost(destination, status) {
            return self.repeat(destination);
        }
        let server = &destination.server;
        let media = Media::parse(headers.get("content-type"));
        let Some(media) = media.filter(|media| !end && (status == 200 || *media == Media::Json)) else {
            let what = headers.get("content-type").unwrap_or("no content").to_owned();
            let hint = status_hint(status);
            let message = format!("Server {server} answered with HTTP {status} and {what} instead of JSON-RPC{hint}.");
            let refusal = Refusal::upstream(self.era(), message).with_retry_after(headers.get("retry-after"));
            return self.refuse(&refusal);
        };
        let encoded = headers.get("content-encoding").is_some_and(|e| !e.eq_ignore_ascii_case("identity"));
        if encoded {
            let message = format!("Server {server} compressed its answer although it was not asked to.");
            return self.refuse(&Refusal::upstream(self.era(), message));
        }
        if status != 200 && !(self.era() == Era::Modern && matches!(status, 400 | 404)) {
            headers.set(":status", "200");
        }
        self.clean(&headers, |name| name == "content-length");
        let length = headers.get("content-length").and_then(|length| length.parse().ok());
        self.edit_answer(destination, status, media, length);
        Action::Continue
    }

    fn edit_answer(&mut self, destination: &Rc<Destination>, status: u16, media: Media, left: Option<usize>) {
        let servers = self.shared.as_ref().and_then(|shared| shared.servers());
        let rules =
            servers.as_ref().and_then(|servers| servers.get(&destination.server)).map(|(_, rules)| rules.clone());
        let mut rules = rules.unwrap_or_else(|| Rules::new(&destination.server, "", &[]));
        rules.web_uris = destination.web_uris.clone();
        let mut editor = Editor::new(media, rules);
        if let Some(id) = self.reader().envelope().id.clone() {
            editor = editor.expect(id);
        }
        let held = (media == Media::Json).then(Vec::new);
        let destination = destination.clone();
        self.answer =
            Answer::Edit(Box::new(Edit { destination, editor, status, media, left, ended: false, told: false, held }));
    }

    /// Removes what is not for the client, and what `more` picks. Pages are told by the gateway alone what they may do.
    fn clean(&self, headers: &Headers, more: impl Fn(&str) -> bool) {
        headers.remove(|name| {
            PRIVATE.contains(&name)
                || name.starts_with(header::INTERNAL_PREFIX)
                || name.starts_with(cors::PREFIX)
                || more(name)
        });
        self.tell_browser();
    }

    fn unreachable(&mut self, destination: &Destination) -> Action {
        let details = host::property(&["response", "code_details"]).unwrap_or_default();
        let what = match details.as_str() {
            // What Envoy's own filter for policies gives as its reason.
            policy if policy.starts_with("rbac_access_denied") => "may not be called: a policy of the proxy refuses it",
            late if late.contains("timeout") => "did not answer in time",
            _ => "cannot be reached",
        };
        let message = format!("Server {} {what}.", destination.server);
        self.refuse(&Refusal::upstream(self.era(), message))
    }

    /// Whether the server may have refused the session: 404 says so, and some servers say 400. The broker finds out.
    fn session_lost(destination: &Destination, status: u16) -> bool {
        destination.session.is_some() && matches!(status, 400 | 404)
    }

    /// Has the broker open a new session and carry the call on.
    fn repeat(&mut self, destination: &Destination) -> Action {
        let server = &destination.server;
        let Some(shared) = self.shared.clone() else { return Action::Continue };
        if let Some(key) = &self.key {
            shared.cache.borrow_mut().remove(&shared.settings, key);
        }
        let body = self.original.take().filter(|body| body.len() as u64 == self.reader().position());
        let plugin = &shared.settings.plugin;
        let lost = format!("{server} {}", destination.session.as_deref().unwrap_or_default());
        let mut headers = vec![
            (":method", "POST"),
            (":path", "/mcp"),
            (":authority", plugin.broker_authority.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            (header::KEY, plugin.key.as_str()),
            (header::SESSION_ID, self.session().unwrap_or_default()),
            (header::LOST_SESSION, lost.as_str()),
        ];
        let servers = shared.servers();
        // The session is this caller's alone.
        let shown = servers
            .iter()
            .flat_map(|servers| servers.forward_headers(Era::Legacy, &Target::Server(server.as_str().into())));
        headers.extend(shown.filter_map(|name| Some((name, self.headers.get(name)?))));
        // As long as the call may take; the broker keeps the server's own limits.
        let timeout = Duration::from_secs(3600);
        let sent = body.as_deref().unwrap_or(NOTHING);
        if hostcalls::dispatch_http_call(&plugin.broker_cluster, headers, Some(sent), vec![], timeout).is_err() {
            return self.refuse(&Refusal::upstream(self.era(), "The gateway's broker cannot be reached: try again."));
        }
        self.answer = if body.is_some() {
            Answer::Repeating
        } else {
            Answer::Reopening(format!("Server {server} had forgotten the session, a new one is open: repeat the call."))
        };
        Action::Pause
    }

    /// The broker has carried the call on.
    pub(crate) fn on_repeated(&mut self, body_size: usize) {
        let status = host::call_header(":status").and_then(|s| s.parse().ok()).unwrap_or(0);
        let media = host::call_header("content-type").unwrap_or_default();
        let body = host::body(BufferType::HttpCallResponseBody, 0, body_size);
        if status == 0 || status >= 500 || Media::parse(Some(&media)).is_none() {
            self.refuse(&Refusal::upstream(self.era(), "The gateway's broker cannot be reached: try again."));
            return;
        }
        if let Answer::Reopening(message) = &self.answer {
            let refusal = match status {
                404 => Refusal::unknown_session(),
                _ => Refusal::upstream(self.era(), message.clone()),
            };
            self.refuse(&refusal);
            return;
        }
        self.done();
        reply::send(status, vec![("content-type", &media)], Some(&body));
    }

    pub(crate) fn on_answer_body(&mut self, size: usize, end: bool) -> Action {
        if self.refused() {
            return Action::Continue;
        }
        let era = self.era();
        let session = self.headers.get(header::SESSION_ID).filter(|_| era == Era::Legacy);
        match &mut self.answer {
            Answer::Pass => return Action::Continue,
            Answer::Repeating | Answer::Reopening(_) => return Action::Pause,
            Answer::Edit(edit) if edit.ended => return Action::Continue,
            Answer::Edit(edit) => {
                let id = self.reader.envelope().id.as_ref();
                edit.chunk(size, end, |refusal| refusal.body(id), era);
                if let (true, Some(shared), Some(session)) = (edit.lists_changed(), &self.shared, session) {
                    resolver::tell_changed(shared, session, &edit.destination.server);
                }
            }
        }
        Action::Continue
    }
}

impl Edit {
    /// Whether the server has said that its lists changed, for the first time in this answer.
    fn lists_changed(&mut self) -> bool {
        self.editor.list_changed() && !std::mem::replace(&mut self.told, true)
    }

    fn chunk(&mut self, size: usize, end: bool, error: impl Fn(&Refusal) -> String, era: Era) {
        let chunk = host::body(RESPONSE, 0, size);
        self.left = self.left.map(|left| left.saturating_sub(chunk.len()));
        // Envoy tells the end separately from the last bytes; with as many as were announced it has come.
        let end = end || self.left == Some(0);
        self.ended = end;
        let mut out = Vec::with_capacity(chunk.len() + 64);
        self.editor.push(&chunk, &mut out);
        if end {
            self.editor.finish(&mut out);
        }
        let refusal = |flaw: &str| {
            let server = &self.destination.server;
            let message = match self.status {
                200..=299 => format!("Server {server} ended its answer without answering the request{flaw}."),
                // JSON for all that calls the server over HTTP, as gateways and frameworks give it.
                status => {
                    let hint = status_hint(status);
                    format!("Server {server} answered with HTTP {status} and JSON that is no JSON-RPC answer{hint}.")
                }
            };
            error(&Refusal::answer(era, code::INTERNAL, message))
        };
        match (&mut self.held, self.media) {
            (Some(held), _) => {
                let all = joined(std::mem::take(held), out);
                out = match () {
                    () if end && !self.editor.answered() => refusal(flaw(&all)).into_bytes(),
                    () if end || all.len() > HELD => {
                        self.held = None;
                        all
                    }
                    () => {
                        *held = all;
                        Vec::new()
                    }
                };
            }
            // The client will ask for the rest.
            (None, Media::Sse) if era == Era::Legacy && self.editor.resumable() => {}
            (None, Media::Sse) if end && !self.editor.answered() => {
                self.editor.void(&mut out);
                out.extend_from_slice(sse::frame(&refusal("")).as_bytes());
            }
            _ => {}
        }
        if out != chunk {
            host::set_body(RESPONSE, size, &out);
        }
    }
}

fn joined(mut head: Vec<u8>, tail: Vec<u8>) -> Vec<u8> {
    if head.is_empty() {
        return tail;
    }
    head.extend_from_slice(&tail);
    head
}

fn status(headers: &Headers) -> u16 {
    headers.get(":status").and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Whether a response is the upstream's own, not one that Envoy made.
fn from_upstream() -> bool {
    host::property(&["response", "code_details"]).as_deref() == Some("via_upstream")
}
