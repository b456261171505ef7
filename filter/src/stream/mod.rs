//! One request: from its headers to the place where it goes.
//!
//! Headers are held until the body has told what is called, and released at that byte; what follows is checked as it streams.
//! Every callback goes by [`Phase`], so that a body that arrives while the broker is being asked waits too.

mod browsers;
mod by_headers;
mod find;
mod own;
mod send;

use crate::answer::Answer;
use crate::cache::{Key, Way};
use crate::headers::Headers;
use crate::root::Shared;
use crate::{host, reply};
use by_headers::Expected;
use protocol::config::FilterMode;
use protocol::era::Era;
use protocol::error::{Refusal, code};
use protocol::http::{Accepts, header, is_internal_host, path, until};
use protocol::request::Reader;
use protocol::resolve::Destination;
use protocol::route::{Admitted, Early, Head, Verb, admit, check_version, early, verify};
use proxy_wasm::traits;
use proxy_wasm::types::{Action, BufferType, MapType};
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// Most bytes of a request that are kept, should its server have forgotten the session.
const REPEATABLE: usize = 64 << 10;

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// None of the gateway's requests: it passes.
    Foreign,
    /// Headers are held, until the body tells where it goes.
    Reading,
    /// The broker is being asked.
    Waiting,
    /// Header mode: on its way to the server that its headers name; its body has not come to the name yet.
    Matching,
    /// Header mode: its body names something else than its headers; nothing more of it goes out.
    Contradicted,
    /// On its way; its body is checked as it streams.
    Released,
    /// Answered by the filter.
    Refused,
}

/// What of the gateway's a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The MCP endpoint.
    Endpoint,
    /// HTTP+SSE.
    Sse,
}

/// Where a request was sent.
#[derive(Debug)]
pub(crate) enum Sent {
    Nowhere,
    /// To the broker; a `DELETE` ends the session there.
    Broker,
    /// A call, to its server.
    Call(Rc<Destination>),
    /// A client's answer, to the server that asked.
    Answer(Rc<Destination>),
}

/// A request and its answer.
pub(crate) struct Stream {
    id: u32,
    me: Weak<RefCell<Stream>>,
    pub(crate) shared: Option<Rc<Shared>>,
    phase: Phase,
    /// As the client sent them.
    pub(crate) headers: Headers,
    admitted: Option<Admitted>,
    /// It comes from a page of another origin that may use the gateway.
    of_page: bool,
    /// `Content-Length` as the client sent it.
    announced: Option<u64>,
    /// The body is whole, and as it has to be.
    checked: bool,
    pub(crate) reader: Reader,
    /// The body as the client sent it: until it is released, all of it; then while it is short enough to be repeated.
    pub(crate) original: Option<Vec<u8>>,
    /// What the broker is asked.
    pub(crate) key: Option<Key>,
    /// A decision that is used if the broker does not answer.
    stale: Option<Way>,
    /// The server whose prefix has been taken out of the body, and whose values are its own again there.
    cut_for: Option<Arc<str>>,
    /// The last bytes of the body, of a value that has not ended and may have to be edited.
    open: Vec<u8>,
    /// The message answers a server's request.
    answering: bool,
    /// Header mode: what the body has to name.
    expected: Option<Expected>,
    pub(crate) sent: Sent,
    /// Where in [`Shared::deadlines`] the request stands.
    deadline: Option<usize>,
    pub(crate) answer: Answer,
}

impl Stream {
    pub(crate) fn new(id: u32, me: Weak<RefCell<Stream>>, shared: Option<Rc<Shared>>) -> Self {
        Self {
            id,
            me,
            shared,
            phase: Phase::Foreign,
            headers: Headers::none(),
            admitted: None,
            of_page: false,
            announced: None,
            checked: false,
            reader: Reader::default(),
            original: Some(Vec::new()),
            key: None,
            stale: None,
            cut_for: None,
            open: Vec::new(),
            answering: false,
            expected: None,
            sent: Sent::Nowhere,
            deadline: None,
            answer: Answer::default(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn era(&self) -> Era {
        self.admitted.map_or(Era::Legacy, |a| a.era)
    }

    pub(crate) fn accepts(&self) -> Accepts {
        self.admitted.map_or(Accepts::BOTH, |a| a.accepts)
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.headers.get(header::SESSION_ID)
    }

    pub(crate) fn is_delete(&self) -> bool {
        self.admitted.is_some_and(|a| a.verb == Verb::Delete)
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Marks the request as answered by the filter.
    pub(crate) fn done(&mut self) {
        self.phase = Phase::Refused;
    }

    pub(crate) fn is_foreign(&self) -> bool {
        self.phase == Phase::Foreign
    }

    pub(crate) fn refused(&self) -> bool {
        self.phase == Phase::Refused
    }

    /// Answers the request with an error.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) -> Action {
        self.phase = Phase::Refused;
        reply::refuse(refusal, self.reader.envelope().id.as_ref(), self.accepts());
        Action::Pause
    }

    fn on_headers(&mut self, end: bool) -> Action {
        self.headers = Headers::read(MapType::HttpRequestHeaders);
        // Routes to servers are the filter's alone to take.
        if self.headers.get(":authority").is_some_and(is_internal_host) {
            return self.refuse_early(&Refusal::transport(404, code::TRANSPORT, "There is no such host here."));
        }
        let shared = self.shared.clone();
        let Some(place) = self.place(shared.as_deref()) else {
            self.headers.remove(|name| name.starts_with(header::GATEWAY_PREFIX));
            return Action::Continue;
        };
        let mut narrow = false;
        self.headers.remove(|name| {
            let of_client = name == header::VIRTUAL_SERVER;
            narrow |= of_client;
            (name.starts_with(header::INTERNAL_PREFIX) && !of_client) || name.starts_with(header::STEERING_PREFIX)
        });
        let Some(shared) = shared else {
            self.phase = Phase::Reading;
            return self.refuse(&Refusal::upstream(Era::Legacy, "The gateway has no configuration yet."));
        };
        if self.is_preflight(&shared) {
            return self.answer_preflight();
        }
        if place == Place::Sse {
            // The broker checks and answers all of it.
            self.headers.set(header::KEY, &shared.settings.plugin.key);
            self.sent = Sent::Broker;
            return Action::Continue;
        }
        self.phase = Phase::Reading;
        let repeated = header::SINGLE.into_iter().find(|name| self.headers.repeated(name));
        let admitted = match repeated {
            Some(name) => Err(Refusal::repeated(name)),
            None => admit(&head(&self.headers), &shared.settings.plugin.access),
        };
        match admitted {
            Err(refusal) => return self.refuse_early(&refusal),
            Ok(admitted) => self.admitted = Some(admitted),
        }
        self.announced = self.headers.get("content-length").and_then(|length| length.parse().ok());
        match self.admitted.map(|a| a.verb) {
            Some(Verb::Post) if end => {
                self.refuse(&Refusal::transport(400, code::PARSE, "The body is empty: send a JSON-RPC message."))
            }
            // Only the broker knows what a virtual server has.
            Some(Verb::Post) if narrow => {
                self.original = None;
                self.send_to_broker()
            }
            Some(Verb::Post) if shared.settings.plugin.mode == FilterMode::Header => self.route_by_headers(&shared),
            Some(Verb::Post) => Action::Pause,
            _ => self.send_to_broker(),
        }
    }

    /// Refuses a request before it has been admitted.
    fn refuse_early(&mut self, refusal: &Refusal) -> Action {
        // Known only now, and needed for the form of the answer.
        let accepts = Accepts::parse(self.headers.get("accept"));
        self.admitted = Some(Admitted { verb: Verb::Post, era: Era::Legacy, accepts });
        self.refuse(refusal)
    }

    /// What of the gateway's the request is for; `None` if it is none of its business.
    fn place(&self, shared: Option<&Shared>) -> Option<Place> {
        let path = until(self.headers.get(":path")?, b'?');
        let endpoint = shared.map(|shared| &shared.settings.plugin.endpoint);
        let place = match path {
            path::SSE | path::SSE_MESSAGE => Place::Sse,
            _ if path == endpoint.map_or(path::MCP, |endpoint| endpoint.path.as_str()) => Place::Endpoint,
            _ => return None,
        };
        // Other traffic may come to the same path of another host.
        let own = endpoint
            .and_then(|endpoint| endpoint.route_prefix.as_deref())
            .is_none_or(|prefix| host::property(&["xds", "route_name"]).is_some_and(|route| route.starts_with(prefix)));
        own.then_some(place)
    }

    fn on_body(&mut self, size: usize, end: bool) -> Action {
        match self.phase {
            Phase::Foreign => return Action::Continue,
            Phase::Refused => return Action::Pause,
            _ => {}
        }
        if size == 0 && self.checked {
            return if self.phase == Phase::Waiting { Action::StopIterationAndWatermark } else { Action::Continue };
        }
        let bytes = host::body(BufferType::HttpRequestBody, 0, size);
        let read = self.reader.push(&bytes);
        // With its announced length the server has all of it, whatever comes of the end that Envoy tells separately.
        let whole = end || self.announced == Some(self.reader.position());
        if let Err(refusal) = read.and_then(|()| if whole { self.check_whole() } else { Ok(()) }) {
            return self.refuse(&refusal);
        }
        self.checked = whole;
        if matches!(self.phase, Phase::Waiting | Phase::Released) {
            self.restore(&bytes);
        }
        self.keep(bytes);
        if whole && self.phase == Phase::Released {
            self.start_clock();
        }
        match self.phase {
            Phase::Reading => self.decide(size, whole),
            Phase::Waiting => Action::StopIterationAndWatermark,
            Phase::Matching => self.match_body(size, whole),
            Phase::Contradicted => self.contradict(size, whole),
            _ => Action::Continue,
        }
    }

    /// The body has ended with trailers.
    fn on_trailers(&mut self) -> Action {
        match self.phase {
            Phase::Foreign => return Action::Continue,
            Phase::Refused => return Action::Pause,
            _ => {}
        }
        if let Err(refusal) = self.check_whole() {
            return self.refuse(&refusal);
        }
        match self.phase {
            Phase::Reading => self.decide(0, true),
            Phase::Waiting => Action::Pause,
            Phase::Matching => self.match_body(0, true),
            Phase::Contradicted => self.contradict(0, true),
            _ => Action::Continue,
        }
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        let Some(original) = &mut self.original else { return };
        if !matches!(self.phase, Phase::Reading | Phase::Matching) && original.len() + bytes.len() > REPEATABLE {
            self.original = None;
        } else if original.is_empty() {
            *original = bytes;
        } else {
            original.extend_from_slice(&bytes);
        }
    }

    /// From here on the body is kept only to be repeated.
    fn keep_short(&mut self) {
        self.original.take_if(|original| original.len() > REPEATABLE);
    }

    fn check_whole(&self) -> Result<(), Refusal> {
        self.reader.finish()?;
        let envelope = self.reader.envelope();
        if envelope.batch {
            return Ok(());
        }
        verify(self.era(), &head(&self.headers), envelope).map(|_| ())
    }

    /// Sends the request on its way, if its bytes so far tell where.
    fn decide(&mut self, size: usize, whole: bool) -> Action {
        if let Err(refusal) = check_version(self.headers.get(header::PROTOCOL_VERSION)) {
            let answerable = whole || self.reader.envelope().id.is_some();
            return if answerable { self.refuse(&refusal) } else { self.hold(size) };
        }
        match early(self.reader.envelope(), whole) {
            Early::Unknown => self.hold(size),
            Early::Broker => self.pass_on(size),
            // However much of it came at once: what depends on the sizes of chunks cannot be relied on.
            Early::Call(call) if call.target.raw.span.end > self.held_limit() => self.too_long(),
            Early::Call(call) => {
                let kind = call.kind;
                self.call(kind, size)
            }
            Early::Answer { to, id } => self.answer_to(&to, id, size),
        }
    }

    /// Takes what has come out of Envoy's buffer, which has a limit of its own, and waits for more.
    fn hold(&mut self, size: usize) -> Action {
        if self.reader.position() > self.held_limit() {
            return self.too_long();
        }
        host::set_body(BufferType::HttpRequestBody, size, b"");
        Action::Pause
    }

    fn held_limit(&self) -> u64 {
        self.shared.as_ref().map_or(0, |s| u64::from(s.settings.plugin.limits.held_body_bytes))
    }

    fn too_long(&mut self) -> Action {
        let message = format!(
            "The first {} bytes of the body do not name what is called, and more are not held: \
             put \"method\" and \"name\" (or \"uri\") before \"arguments\", or raise limits.heldBody.",
            self.held_limit()
        );
        self.refuse(&Refusal::transport(413, code::TRANSPORT, message))
    }
}

fn head(headers: &Headers) -> Head<'_> {
    Head {
        method: headers.get(":method").unwrap_or_default(),
        authority: headers.get(":authority"),
        origin: headers.get("origin"),
        content_type: headers.get("content-type"),
        content_encoding: headers.get("content-encoding"),
        accept: headers.get("accept"),
        protocol_version: headers.get(header::PROTOCOL_VERSION),
        session: headers.get(header::SESSION_ID),
        mcp_method: headers.get(header::METHOD),
        mcp_name: headers.get(header::NAME),
    }
}

/// What Envoy calls: hands every callback to the stream.
pub(crate) struct Context {
    stream: Rc<RefCell<Stream>>,
}

impl Context {
    pub(crate) fn new(id: u32, shared: Option<Rc<Shared>>) -> Self {
        Self { stream: Rc::new_cyclic(|me| RefCell::new(Stream::new(id, me.clone(), shared))) }
    }
}

impl traits::Context for Context {
    fn on_http_call_response(&mut self, _token: u32, _headers: usize, body_size: usize, _trailers: usize) {
        self.stream.borrow_mut().on_repeated(body_size);
    }
}

impl traits::HttpContext for Context {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        self.stream.borrow_mut().on_headers(end)
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        self.stream.borrow_mut().on_body(size, end)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.stream.borrow_mut().on_trailers()
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        self.stream.borrow_mut().on_answer_headers(end)
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        self.stream.borrow_mut().on_answer_body(size, end)
    }
}
