//! Where a message goes: which server, and with which session.

use super::{Phase, Stream};
use crate::cache::{Key, Known};
use crate::root::Shared;
use crate::{host, resolver};
use protocol::caller::Shown;
use protocol::era::Era;
use protocol::error::Refusal;
use protocol::http::{encode_value, header};
use protocol::naming::Tagged;
use protocol::request::{Cut, cut};
use protocol::resolve::Target;
use protocol::route::CallKind;
use proxy_wasm::types::{Action, BufferType};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long the broker may take to say where an unprefixed name leads.
pub(super) const LOOKUP: Duration = Duration::from_secs(60);

/// How the message is changed for its server.
struct Edit {
    server: Arc<str>,
    cut: Cut,
    /// What stands in the place of the cut.
    replacement: String,
    /// Modern: what is called, as the server knows it.
    name: Option<String>,
}

impl Stream {
    pub(super) fn call(&mut self, kind: CallKind, size: usize) -> Action {
        let Some(shared) = self.shared.clone() else { return self.pass_on(size) };
        let Some(servers) = shared.servers() else { return self.pass_on(size) };
        let era = self.era();
        let session = self.session().filter(|_| era == Era::Legacy).map(Rc::from);
        // What needs to be folded, and what the broker refuses anyway, does not need the fast path.
        if !self.accepts().both() || (era == Era::Legacy && session.is_none()) {
            return self.pass_on(size);
        }
        let Some(called) = kind.target(self.reader.envelope()) else { return self.pass_on(size) };
        let (target, edit, timeout) = match servers.by_prefix(kind, &called.text) {
            Some((server, added)) => {
                let own_name = || {
                    let mut name = called.text.clone();
                    name.replace_range(added.clone(), "");
                    name
                };
                let edit = cut(called, &added).map(|cut| Edit {
                    server: server.name.clone(),
                    cut,
                    replacement: String::new(),
                    name: (era == Era::Modern).then(own_name),
                });
                (Target::Server(server.name.clone()), edit, Duration::from_millis(server.timeout_ms))
            }
            None => (unprefixed(kind, &called.text), None, LOOKUP),
        };
        self.find(&shared, Key::new(era, session, target), edit, timeout, size)
    }

    /// Takes the prefix out, and finds out where to go.
    fn find(&mut self, shared: &Shared, key: Key, edit: Option<Edit>, timeout: Duration, size: usize) -> Action {
        match edit {
            None => self.give_back(size, None),
            Some(Edit { server, cut, replacement, name }) => {
                self.cut_for = Some(server);
                self.give_back(size, Some((&cut, replacement.as_bytes())));
                if let Some(name) = name {
                    self.headers.set(header::NAME, &encode_value(&name));
                }
            }
        }
        self.look_up(shared, key, timeout)
    }

    /// Finds out where to go: from the cache, or from the broker.
    pub(super) fn look_up(&mut self, shared: &Shared, mut key: Key, timeout: Duration) -> Action {
        let shown = match self.shown(shared, &key) {
            Ok(shown) => shown,
            // As in `resolved`.
            Err(_) if self.expected.is_some() => return self.send_to_broker(),
            Err(refusal) => return self.refuse(&refusal),
        };
        key.caller = shown.principal(shared.settings.plugin.key.as_bytes());
        let mut cache = shared.cache.borrow_mut();
        let known = cache.get(&shared.settings, &key, shared.ended.get(), shared.epoch.get(), shared.seconds());
        drop(cache);
        match known {
            Known::Fresh(way) => {
                self.key = Some(key);
                return self.go(&way);
            }
            Known::Stale(way) => self.stale = Some(way),
            Known::Nothing => {}
        }
        self.key = Some(key.clone());
        self.phase = Phase::Waiting;
        if resolver::ask(shared, &key, shown, timeout, self.me.clone()) {
            // Back-pressure, where `Pause` would have a long body refused.
            return Action::StopIterationAndWatermark;
        }
        self.unavailable()
    }

    /// What the client shows of itself to the servers that may be asked.
    fn shown(&self, shared: &Shared, key: &Key) -> Result<Shown, Refusal> {
        let mut shown = Shown::default();
        let Some(servers) = shared.servers() else { return Ok(shown) };
        for name in servers.forward_headers(key.era, &key.target) {
            if self.headers.repeated(name) {
                return Err(Refusal::repeated(name));
            }
            if let Some(value) = self.headers.exact(name) {
                shown.add(name, &value)?;
            }
        }
        Ok(shown)
    }

    pub(super) fn answer_to(&mut self, to: &Tagged, id: Range<u64>, size: usize) -> Action {
        let (Some(shared), Some(session)) = (self.shared.clone(), self.session().map(Rc::from)) else {
            return self.pass_on(size);
        };
        let Some(servers) = shared.servers() else { return self.pass_on(size) };
        let Some((server, _)) = servers.get(&to.server) else { return self.pass_on(size) };
        let timeout = Duration::from_millis(server.timeout_ms);
        self.answering = true;
        let edit = Edit { server: server.name.clone(), cut: Cut { span: id }, replacement: to.raw.clone(), name: None };
        let target = Target::Server(server.name.clone());
        self.find(&shared, Key::new(Era::Legacy, Some(session), target), Some(edit), timeout, size)
    }

    /// Gives the body so far back to Envoy, of which it shows the last `size` bytes, and sends it to the broker.
    pub(super) fn pass_on(&mut self, size: usize) -> Action {
        self.give_back(size, None);
        self.send_to_broker()
    }

    /// Gives the body so far back to Envoy, of which it shows the last `size` bytes, with `edit` made: the bytes of a cut, and
    /// what stands in their place.
    fn give_back(&mut self, size: usize, edit: Option<(&Cut, &[u8])>) {
        if self.original.is_none() {
            return;
        }
        self.splice(size, edit);
        if let Some((cut, replacement)) = edit {
            let length = self.headers.get("content-length").and_then(|length| length.parse::<u64>().ok());
            if let Some(length) = length {
                let length = (length + replacement.len() as u64).saturating_sub(cut.len());
                self.headers.set("content-length", &length.to_string());
            }
        }
        self.keep_short();
    }

    /// Gives the body so far back to Envoy as [`Self::give_back`] does, with the headers as they are.
    pub(super) fn splice(&mut self, size: usize, edit: Option<(&Cut, &[u8])>) {
        let restored = edit.and_then(|_| self.restored());
        let Some(body) = restored.as_ref().or(self.original.as_ref()) else { return };
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
        let (start, end, replacement) = match edit {
            Some((cut, replacement)) => (at(cut.span.start), at(cut.span.end), replacement),
            None => (0, 0, &b""[..]),
        };
        let (head, tail) = (body.get(..start).unwrap_or_default(), body.get(end..).unwrap_or_default());
        if body.len() > size || restored.is_some() {
            // More than the beginning changes, or part of it has been taken out of Envoy's buffer.
            host::set_body(BufferType::HttpRequestBody, size, &[head, replacement, tail].concat());
        } else if edit.is_some() {
            // A host can replace the beginning of a body only.
            host::set_body(BufferType::HttpRequestBody, end, &[head, replacement].concat());
        }
    }
}

/// What the broker is asked about a name or URI that has no prefix.
pub(super) fn unprefixed(kind: CallKind, text: &str) -> Target {
    match kind {
        CallKind::Tool => Target::Tool(text.to_owned()),
        CallKind::Prompt => Target::Prompt(text.to_owned()),
        CallKind::Resource => Target::Resource(text.to_owned()),
    }
}
