//! What a server wants to know during one call.

use protocol::era::Asked;
use protocol::json::Object;
use protocol::jsonrpc::Id;
use std::collections::BTreeMap;

/// A request of the server that has no answer yet.
pub(super) struct Pending {
    /// Made by the gateway: the legacy era has none.
    pub(super) key: String,
    pub(super) asked: Asked,
    /// Of the server's request.
    pub(super) id: Id,
    /// For `inputRequests`, raw JSON.
    pub(super) request: String,
    /// As the server sent it.
    pub(super) message: String,
}

/// The requests of one call.
#[derive(Default)]
pub(super) struct Questions {
    pub(super) pending: Vec<Pending>,
    made: usize,
    /// By name: capabilities that the client would have needed, raw JSON.
    lacking: BTreeMap<String, String>,
}

impl Questions {
    /// Adds a request of the server.
    pub(super) fn add(&mut self, asked: Asked, id: Id, request: String, message: String) {
        self.made += 1;
        self.pending.push(Pending { key: self.made.to_string(), asked, id, request, message });
    }

    /// The server no longer waits for an answer.
    pub(super) fn withdraw(&mut self, id: &Id) {
        self.pending.retain(|pending| pending.id != *id);
    }

    /// Takes the request with this key away, which is being answered.
    pub(super) fn take(&mut self, key: &str) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.key == key)?;
        Some(self.pending.remove(at))
    }

    /// Notes that the client would have had to declare `required`, raw JSON.
    pub(super) fn note_lacking(&mut self, required: &str) {
        let required = Object::read(required);
        for (name, value) in required.iter().flat_map(Object::members) {
            self.lacking.insert(name.to_owned(), value.to_owned());
        }
    }

    /// What the client would have had to declare (`ClientCapabilities`, raw JSON), if anything.
    pub(super) fn lacking(&self) -> Option<String> {
        let all: Vec<_> = self.lacking.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        (!all.is_empty()).then(|| format!("{{{}}}", all.join(",")))
    }
}
