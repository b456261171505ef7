//! What is under way on a connection.

use super::from_server::{About, event};
use super::link::Link;
use super::queue::Queue;
use crate::upstream::error::UpstreamError;
use protocol::jsonrpc::Id;
use protocol::sse;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Requests under way at once.
const PENDING: usize = 4096;
/// Requests of the server that wait for an answer; who was asked longest ago is forgotten first.
const ASKED: usize = 256;
/// Progress tokens that are known for a while after their answer: a task goes on.
const RETIRED: usize = 256;
/// Requests of the server that wait for a first stream.
const EARLY: usize = 16;

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) session: u64,
    /// As the client gave it.
    pub(super) id: Id,
    /// Raw, as the client gave it.
    pub(super) token: Option<String>,
    pub(super) queue: Arc<Queue>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A client waits for it.
    Call,
    /// The broker waits for it.
    Own,
    /// `initialize`, which cannot be cancelled.
    Handshake,
    /// `subscriptions/listen`.
    Subscription,
}

/// A stream to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// That of a request.
    Call(u64),
    /// That of a session.
    Listen(u64),
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) link: Option<Link>,
    /// All of it is one session's.
    pub(super) exclusive: bool,
    pub(super) closed: Option<UpstreamError>,
    last: u64,
    pub(super) pending: BTreeMap<u64, Pending>,
    retired: VecDeque<(u64, u64, String)>,
    /// By session.
    pub(super) listens: HashMap<u64, Arc<Queue>>,
    /// The server's own requests, and where they were sent.
    pub(super) asked: VecDeque<(Id, Place)>,
    /// The sessions that are subscribed to a resource.
    pub(super) subscribers: BTreeMap<String, BTreeSet<u64>>,
    pub(super) early: Vec<String>,
    pub(super) early_is_over: bool,
}

impl State {
    pub(super) fn link(&self) -> Result<Link, UpstreamError> {
        self.link.clone().ok_or_else(|| self.closed.clone().unwrap_or(UpstreamError::Closed))
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Begins a request, which gets a number.
    pub(super) fn begin(&mut self, pending: Pending) -> Result<u64, UpstreamError> {
        self.link()?;
        if self.pending.len() >= PENDING {
            return Err(UpstreamError::Busy("requests under way", PENDING));
        }
        let number = self.next_number();
        self.pending.insert(number, pending);
        Ok(number)
    }

    /// Ends a request that has its answer.
    pub(super) fn finish(&mut self, number: u64) -> Option<Pending> {
        let pending = self.pending.remove(&number)?;
        if let Some(token) = &pending.token {
            if self.retired.len() >= RETIRED {
                self.retired.pop_front();
            }
            self.retired.push_back((number, pending.session, token.clone()));
        }
        Some(pending)
    }

    /// Takes away a session's request that has this id.
    pub(super) fn take(&mut self, session: u64, id: &Id) -> Option<(u64, Pending)> {
        let is_it = |pending: &Pending| pending.session == session && pending.id == *id;
        let number = self.pending.iter().find(|(_, pending)| is_it(pending)).map(|(number, _)| *number)?;
        self.pending.remove(&number).map(|pending| (number, pending))
    }

    pub(super) fn numbers_of(&self, session: u64) -> Vec<u64> {
        self.pending.iter().filter(|(_, pending)| pending.session == session).map(|(number, _)| *number).collect()
    }

    pub(super) fn only_pending(&self) -> Option<u64> {
        let mut numbers = self.pending.keys();
        numbers.next().copied().filter(|_| numbers.next().is_none())
    }

    /// Sends something of the gateway's own.
    pub(super) fn answer(&mut self, message: String) {
        if let Some(link) = &self.link {
            link.send_own(message.into());
        }
    }

    /// Where the server's next request goes.
    pub(super) fn place_of_requests(&self) -> Option<Place> {
        let (only, newest) = self.calls();
        let listen = || self.listens.keys().next().map(|session| Place::Listen(*session));
        if self.exclusive { only.map(Place::Call).or_else(listen).or(newest.map(Place::Call)) } else { None }
    }

    /// The only call that is under way, and the one begun last.
    fn calls(&self) -> (Option<u64>, Option<u64>) {
        let mut calls = self.pending.iter().filter(|(_, p)| p.kind == Kind::Call).map(|(number, _)| *number);
        let newest = calls.next_back();
        (newest.filter(|_| calls.next().is_none()), newest)
    }

    /// Adds an event to a stream. `false` if it cannot take it.
    pub(super) fn push(&self, place: Place, frame: String) -> bool {
        let queue = match place {
            Place::Call(number) => self.pending.get(&number).map(|pending| &pending.queue),
            Place::Listen(session) => self.listens.get(&session),
        };
        queue.is_some_and(|queue| queue.push(frame.into()))
    }

    pub(super) fn note_asked(&mut self, id: Id, place: Place) {
        if self.asked.len() >= ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((id, place));
    }

    /// Whether the server waits for an answer with this id; from now on it does not.
    pub(super) fn was_asked(&mut self, id: &Id) -> bool {
        self.take_asked(id).is_some()
    }

    fn take_asked(&mut self, id: &Id) -> Option<Place> {
        let at = self.asked.iter().position(|(asked, _)| asked == id)?;
        self.asked.remove(at).map(|(_, place)| place)
    }

    /// Keeps a request that came before anybody could be asked.
    pub(super) fn keep_early(&mut self, text: &str) -> bool {
        let keep = self.exclusive && !self.early_is_over && self.early.len() < EARLY;
        if keep {
            self.early.push(text.to_owned());
        }
        keep
    }

    /// Takes a notification where it belongs. `false` if that is nowhere.
    pub(super) fn tell(&mut self, text: &str, method: &str, about: &About) -> bool {
        if let Some(subscription) = &about.subscription {
            let Some(pending) = self.pending.get(&subscription.value) else { return false };
            return pending.queue.push(event(text, &[(subscription, pending.id.raw())]).into());
        }
        if let Some(token) = about.token.as_ref().filter(|_| method == "notifications/progress") {
            let (place, raw) = match self.pending.get(&token.value) {
                Some(pending) => (Place::Call(token.value), pending.token.clone()),
                None => {
                    let retired = self.retired.iter().find(|(number, ..)| *number == token.value);
                    let Some((_, session, raw)) = retired else { return false };
                    (Place::Listen(*session), Some(raw.clone()))
                }
            };
            return raw.is_some_and(|raw| self.push(place, event(text, &[(token, &raw)])));
        }
        if method == "notifications/cancelled" {
            return self.withdraw(text, about);
        }
        let (only, newest) = self.calls();
        let of_no_call = method.ends_with("/list_changed") || method == "notifications/resources/updated";
        if self.exclusive {
            let listen = self.listens.keys().next().map(|session| Place::Listen(*session));
            let places = if of_no_call { [None, listen] } else { [only.map(Place::Call), listen] };
            let mut places = places.into_iter().flatten().chain(newest.map(Place::Call));
            return places.any(|place| self.push(place, sse::frame(text)));
        }
        if !of_no_call {
            return only.is_some_and(|number| self.push(Place::Call(number), sse::frame(text)));
        }
        let readers: Vec<_> = match &about.uri {
            Some(uri) if method == "notifications/resources/updated" => self.subscribers_of(uri),
            _ => self.listens.keys().copied().collect(),
        };
        let told = readers.iter().filter(|session| self.push(Place::Listen(**session), sse::frame(text))).count();
        told > 0
    }

    /// The server no longer wants an answer to its request, or ends a subscription.
    fn withdraw(&mut self, text: &str, about: &About) -> bool {
        let Some(raw) = &about.request else { return false };
        if let Some(place) = Id::from_raw(raw.as_bytes()).and_then(|id| self.take_asked(&id)) {
            return self.push(place, sse::frame(text));
        }
        let Some(number) = raw.parse().ok() else { return false };
        let is_subscription = self.pending.get(&number).is_some_and(|pending| pending.kind == Kind::Subscription);
        is_subscription
            && self.pending.remove(&number).is_some_and(|pending| {
                pending.queue.end(Ok(None));
                true
            })
    }

    /// Notes a subscription.
    pub(super) fn subscribe(&mut self, session: u64, uri: &str) {
        self.subscribers.entry(uri.to_owned()).or_default().insert(session);
    }

    /// Ends a subscription of a session; whether no other has it.
    pub(super) fn unsubscribe(&mut self, session: u64, uri: &str) -> bool {
        let Some(sessions) = self.subscribers.get_mut(uri) else { return true };
        sessions.remove(&session);
        let last = sessions.is_empty();
        if last {
            self.subscribers.remove(uri);
        }
        last
    }

    /// Ends all subscriptions of a session; those that nobody else has.
    pub(super) fn unsubscribe_all(&mut self, session: u64) -> Vec<String> {
        let uris: Vec<_> =
            self.subscribers.iter().filter(|(_, s)| s.contains(&session)).map(|(uri, _)| uri.clone()).collect();
        uris.into_iter().filter(|uri| self.unsubscribe(session, uri)).collect()
    }

    /// The sessions that are subscribed to a resource, or to one that it is a part of.
    fn subscribers_of(&self, uri: &str) -> Vec<u64> {
        let covers = |subscribed: &str| {
            uri.strip_prefix(subscribed)
                .is_some_and(|rest| rest.is_empty() || subscribed.ends_with('/') || rest.starts_with(['/', '#', '?']))
        };
        let all = self.subscribers.iter().filter(|(subscribed, _)| covers(subscribed));
        all.flat_map(|(_, sessions)| sessions).copied().collect::<BTreeSet<_>>().into_iter().collect()
    }
}
