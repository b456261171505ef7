//! Where a message goes: which server, and with which session.

use super::{Phase, Stream};
use crate::cache::{Key, Known};
use crate::root::Shared;
use crate::{ended, host, resolver};
use protocol::era::Era;
use protocol::http::{Accepts, encode_value, header};
use protocol::naming::Tagged;
use protocol::request::{Cut, cut};
use protocol::resolve::{Outcome, Target};
use protocol::route::{Call, CallKind};
use proxy_wasm::types::{Action, BufferType};
use std::ops::Range;
use std::time::Duration;

/// How long the broker may take to say where an unprefixed name leads.
const LOOKUP: Duration = Duration::from_secs(60);

impl Stream {
    pub(super) fn call(&mut self, call: &Call, size: usize) -> Action {
        let Some(shared) = self.shared.clone() else { return self.send_to_broker() };
        let era = self.era();
        let session = self.session().filter(|_| era == Era::Legacy).map(str::to_owned);
        // What needs to be folded, and what the broker refuses anyway, does not need the fast path.
        if self.accepts() != Accepts::BOTH || (era == Era::Legacy && session.is_none()) {
            return self.send_to_broker();
        }
        let text = &call.target.text;
        let route = match call.kind {
            CallKind::Resource => shared.settings.table.by_uri(text),
            CallKind::Tool | CallKind::Prompt => shared.settings.table.by_name(text),
        };
        let server = route.as_ref().and_then(|route| shared.settings.plugin.servers.get(route.server));
        let (target, edit) = match (server, &route) {
            (Some(server), Some(route)) => {
                let mut name = text.clone();
                name.replace_range(route.added.clone(), "");
                let edit = cut(&call.target, &route.added).map(|cut| (server.name.clone(), cut, name));
                (Target::Server(server.name.clone()), edit)
            }
            _ => (unprefixed(call.kind, text), None),
        };
        let timeout = server.map_or(LOOKUP, |s| Duration::from_millis(s.timeout_ms));
        self.find(&shared, Key { era, session, target }, edit, timeout, size)
    }

    /// Takes the prefix out, and finds out where to go: from the cache, or from the broker.
    fn find(
        &mut self,
        shared: &Shared,
        key: Key,
        edit: Option<(String, Cut, String)>,
        timeout: Duration,
        size: usize,
    ) -> Action {
        let ended = key.session.as_deref().map_or(0, ended::mark);
        let known = shared.cache.borrow_mut().get(&key, ended, shared.epoch.get(), shared.now.get());
        if let Some((server, cut, name)) = edit {
            self.edit(size, &cut, b"");
            if self.era() == Era::Modern {
                self.headers.set(header::NAME, &encode_value(&name));
            }
            self.cut_for = Some(server);
        }
        self.key = Some(key.clone());
        match known {
            Known::Fresh(decision) => return self.carry_out(&decision.outcome),
            Known::Stale(decision) => {
                if let Outcome::Route(destination) = &decision.outcome {
                    self.stale = Some(destination.clone());
                }
            }
            Known::Nothing => {}
        }
        self.phase = Phase::Waiting;
        if resolver::ask(shared, &key, timeout, self.me.clone()) {
            // Back-pressure, where `Pause` would have a long body refused.
            return Action::StopIterationAndWatermark;
        }
        self.unavailable()
    }

    pub(super) fn answer_to(&mut self, to: &Tagged, id: Range<u64>, size: usize) -> Action {
        let (Some(shared), Some(session)) = (self.shared.clone(), self.session().map(str::to_owned)) else {
            return self.send_to_broker();
        };
        let Some(server) = shared.settings.server(&to.server) else { return self.send_to_broker() };
        let timeout = Duration::from_millis(server.timeout_ms);
        self.edit(size, &Cut { span: id }, to.raw.as_bytes());
        self.cut_for = Some(server.name.clone());
        self.answering = true;
        let target = Target::Server(server.name.clone());
        self.find(&shared, Key { era: Era::Legacy, session: Some(session), target }, None, timeout, size)
    }

    /// Puts `replacement` in the place of the bytes of `cut`, all of which Envoy shows.
    fn edit(&mut self, size: usize, cut: &Cut, replacement: &[u8]) {
        let end = usize::try_from(cut.span.end).unwrap_or(usize::MAX).min(size);
        let mut head = match &self.original {
            Some(original) => original.get(..end).unwrap_or_default().to_vec(),
            None => host::body(BufferType::HttpRequestBody, 0, end),
        };
        // A host can replace the beginning of a body only.
        head.truncate(usize::try_from(cut.span.start).unwrap_or(usize::MAX));
        head.extend_from_slice(replacement);
        host::set_body(BufferType::HttpRequestBody, end, &head);
        let length = self.headers.get("content-length").and_then(|length| length.parse::<u64>().ok());
        if let Some(length) = length {
            let length = (length + replacement.len() as u64).saturating_sub(cut.len());
            self.headers.set("content-length", &length.to_string());
        }
    }
}

fn unprefixed(kind: CallKind, text: &str) -> Target {
    match kind {
        CallKind::Tool => Target::Tool(text.to_owned()),
        CallKind::Prompt => Target::Prompt(text.to_owned()),
        CallKind::Resource => Target::Resource(text.to_owned()),
    }
}
