//! How a fake server behaves: what it speaks, what it has, and what it does wrong.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How the server behaves, and what it has.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    pub(crate) legacy: bool,
    pub(crate) modern: bool,
    pub(crate) sse: bool,
    pub(crate) sessions: bool,
    /// What GET gives; 200 for a stream.
    pub(crate) get: u16,
    pub(crate) list_changed: bool,
    pub(crate) page: usize,
    pub(crate) endless: bool,
    pub(crate) asks_first: bool,
    pub(crate) never_lists: bool,
    pub(crate) late_stream: bool,
    pub(crate) lost_status: u16,
    pub(crate) answer: Answer,
    pub(crate) revision: &'static str,
    pub(crate) ttl_ms: u64,
    pub(crate) lists: BTreeMap<&'static str, Vec<Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Mcp,
    Html,
    Never,
    WrongId,
}

/// A legacy server with sessions, a GET stream and changing lists, that answers in JSON.
pub(crate) fn legacy() -> Manners {
    Manners {
        legacy: true,
        modern: false,
        sse: false,
        sessions: true,
        get: 200,
        list_changed: true,
        page: 100,
        endless: false,
        asks_first: false,
        never_lists: false,
        late_stream: false,
        lost_status: 404,
        answer: Answer::Mcp,
        revision: "2025-11-25",
        ttl_ms: 0,
        lists: BTreeMap::new(),
    }
}

/// A modern server that refuses `initialize` as rmcp does: HTTP 200, an event stream, a session id, and -32022 inside.
pub(crate) fn modern() -> Manners {
    Manners { legacy: false, modern: true, sse: true, ..legacy() }
}

/// A server of both eras.
pub(crate) fn dual() -> Manners {
    Manners { modern: true, ..legacy() }
}

impl Manners {
    pub(crate) fn tools(mut self, names: &[&str]) -> Self {
        self.lists.insert("tools", names.iter().map(|n| tool(n)).collect());
        self
    }

    pub(crate) fn prompts(mut self, names: &[&str]) -> Self {
        self.lists.insert("prompts", names.iter().map(|n| json!({"name": n})).collect());
        self
    }

    pub(crate) fn resources(mut self, uris: &[&str]) -> Self {
        self.lists.insert("resources", uris.iter().map(|u| json!({"uri": u, "name": "r"})).collect());
        self
    }

    /// Answers as event streams.
    pub(crate) fn in_events(mut self) -> Self {
        self.sse = true;
        self
    }

    /// Neither session ids nor a GET stream.
    pub(crate) fn stateless(mut self) -> Self {
        (self.sessions, self.get, self.list_changed) = (false, 405, false);
        self
    }

    /// Answers GET with this status instead of a stream.
    pub(crate) fn get_is(mut self, status: u16) -> Self {
        self.get = status;
        self
    }

    pub(crate) fn pages_of(mut self, items: usize) -> Self {
        self.page = items;
        self
    }

    /// Every page points to the same next one.
    pub(crate) fn endless(mut self) -> Self {
        self.endless = true;
        self
    }

    /// Asks for a ping and for roots on the stream of `tools/list`, and waits for both answers.
    pub(crate) fn asks_first(mut self) -> Self {
        (self.asks_first, self.sse) = (true, true);
        self
    }

    /// Leaves `tools/list` without an answer.
    pub(crate) fn never_lists(mut self) -> Self {
        self.never_lists = true;
        self
    }

    /// Begins the answer to GET with its first event only.
    pub(crate) fn late_stream(mut self) -> Self {
        self.late_stream = true;
        self
    }

    /// Answers 400 instead of 404 to an unknown session.
    pub(crate) fn lost_is_400(mut self) -> Self {
        self.lost_status = 400;
        self
    }

    pub(crate) fn html(mut self) -> Self {
        self.answer = Answer::Html;
        self
    }

    pub(crate) fn never_answers(mut self) -> Self {
        self.answer = Answer::Never;
        self
    }

    pub(crate) fn answers_with_another_id(mut self) -> Self {
        self.answer = Answer::WrongId;
        self
    }

    pub(crate) fn settles(mut self, revision: &'static str) -> Self {
        self.revision = revision;
        self
    }

    pub(crate) fn ttl_ms(mut self, ttl: u64) -> Self {
        self.ttl_ms = ttl;
        self
    }
}

impl Default for Manners {
    fn default() -> Self {
        legacy()
    }
}

pub(crate) fn tool(name: &str) -> Value {
    json!({"name": name, "inputSchema": {"type": "object"}})
}
