//! Header mode: Envoy does not let headers wait for the body, so a request is routed by what its headers say.
//!
//! A modern call names its target in headers, too, and goes to the server that has it. Its body is held up to the name, which has to
//! be the same; there the prefix is taken out, and the rest streams as in body mode. Everything else goes to the broker.

use super::find::{LOOKUP, unprefixed};
use super::{Phase, Stream, head};
use crate::cache::Key;
use crate::host;
use crate::root::Shared;
use protocol::era::Era;
use protocol::http::{decode_value, encode_value, header};
use protocol::request::{MessageKind, cut_padded};
use protocol::resolve::Target;
use protocol::route::{CallKind, Early, check_version, early, no_batches};
use proxy_wasm::types::{Action, BufferType};
use std::ops::Range;
use std::time::Duration;

/// What the headers of a call name.
pub(super) struct Expected {
    kind: CallKind,
    name: String,
    /// What the server does not know of the name.
    added: Range<usize>,
}

impl Stream {
    /// Sends a request on its way by its headers alone.
    pub(super) fn route_by_headers(&mut self, shared: &Shared) -> Action {
        let Some((kind, name)) = self.named_in_headers() else {
            self.original = None;
            return self.send_to_broker();
        };
        let Some(servers) = shared.servers() else {
            self.original = None;
            return self.send_to_broker();
        };
        let (target, added, timeout) = match servers.by_prefix(kind, &name) {
            Some((server, added)) => {
                (Target::Server(server.name.clone()), added, Duration::from_millis(server.timeout_ms))
            }
            None => (unprefixed(kind, &name), 0..0, LOOKUP),
        };
        self.expected = Some(Expected { kind, name, added });
        let action = self.look_up(shared, Key::new(Era::Modern, None, target), timeout);
        // A callback for headers has its own word for it: Envoy keeps the body back by itself.
        if self.phase == Phase::Waiting { Action::Pause } else { action }
    }

    /// The call that the headers name, if it can take the fast path.
    fn named_in_headers(&self) -> Option<(CallKind, String)> {
        if self.era() != Era::Modern || !self.accepts().both() {
            return None;
        }
        let head = head(&self.headers);
        check_version(head.protocol_version).ok()?;
        let kind = CallKind::of(head.mcp_method?)?;
        Some((kind, decode_value(head.mcp_name?)?.into_owned()))
    }

    /// Lets the headers go to the server: they speak of the message as it will be without the prefix.
    pub(super) fn release_headers(&mut self) -> Action {
        if let Some(Expected { name, added, .. }) = &self.expected
            && !added.is_empty()
        {
            let mut own = name.clone();
            own.replace_range(added.clone(), "");
            self.headers.set(header::NAME, &encode_value(&own));
            if let Some(length) = self.announced {
                self.headers.set("content-length", &length.saturating_sub(added.len() as u64).to_string());
            }
        }
        self.phase = Phase::Matching;
        Action::Continue
    }

    /// Lets the body go from the name on, if that is what the headers name.
    pub(super) fn match_body(&mut self, size: usize, whole: bool) -> Action {
        let Some(expected) = &self.expected else { return Action::Continue };
        let call = match early(self.reader.envelope(), whole) {
            Early::Unknown => return self.hold(size),
            Early::Call(call) if call.target.raw.span.end > self.held_limit() => return self.too_long(),
            Early::Call(call) => Some(call),
            Early::Broker | Early::Answer { .. } => None,
        };
        let same = call.filter(|call| call.kind == expected.kind && call.target.text == expected.name);
        let Some((cut, replacement)) = same.and_then(|call| cut_padded(call.target, &expected.added)) else {
            self.original = None;
            self.phase = Phase::Contradicted;
            return self.contradict(size, whole);
        };
        self.splice(size, (!cut.is_empty()).then_some((&cut, &replacement)));
        // A modern server forgets no session, so the call is never repeated.
        self.original = None;
        self.phase = Phase::Released;
        if whole {
            self.start_clock();
        }
        Action::Continue
    }

    /// Drops the body of a message that is not what its headers say, up to its end: that tells what has to be answered. What
    /// [`protocol::route::verify`] refuses does not come here.
    pub(super) fn contradict(&mut self, size: usize, whole: bool) -> Action {
        if !whole {
            host::set_body(BufferType::HttpRequestBody, size, b"");
            return Action::Pause;
        }
        if let Ok(MessageKind::Notification) = self.reader.envelope().kind() {
            // Nothing is routed by it, whatever its headers say.
            self.accept();
            return Action::Pause;
        }
        self.refuse(&no_batches())
    }
}
