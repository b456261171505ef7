//! What does not pass, and why. Whatever is listed and passes is an error, so that the lists stay true.

use super::{ClientSdk, Seen, ServerSdk};
use crate::peers::Era;

/// An SDK cannot do it: seen at the server itself, without a gateway.
#[derive(Debug, Clone, Copy)]
pub struct Lack {
    /// The case.
    pub case: &'static str,
    /// Who cannot.
    pub who: Who,
    /// Why.
    pub reason: &'static str,
}

/// An SDK on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A client in one era.
    Client(ClientSdk, Era),
    /// A server.
    Server(ServerSdk),
}

/// A cell of the table that does not pass through the gateway.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The case.
    pub case: &'static str,
    /// The client; any without.
    pub client: Option<ClientSdk>,
    /// The client's era.
    pub from: Era,
    /// The server; any of the era without.
    pub server: Option<ServerSdk>,
    /// The server's era.
    pub to: Era,
    /// What happens instead.
    pub instead: Instead,
    /// Why.
    pub reason: &'static str,
}

/// What happens instead of passing.
#[derive(Debug, Clone, Copy)]
pub enum Instead {
    /// The other era has no form for it: an error says so, with these words in it.
    Refused(&'static str),
    /// It should pass, and does not yet.
    Fails,
}

/// What SDKs cannot do.
pub const LACKS: &[Lack] = &[];

/// What does not pass through the gateway.
pub const EXCEPTIONS: &[Exception] = &[];

/// The reason why this client or this server cannot do it.
pub fn lack(case: &str, client: ClientSdk, from: Era, server: ServerSdk) -> Option<&'static Lack> {
    let who = [Who::Client(client, from), Who::Server(server)];
    LACKS.iter().find(|lack| lack.case == case && who.contains(&lack.who))
}

/// What is known of a cell.
pub fn exception(case: &str, client: ClientSdk, from: Era, server: ServerSdk) -> Option<&'static Exception> {
    EXCEPTIONS.iter().find(|known| {
        known.case == case
            && (known.from, known.to) == (from, server.era())
            && known.client.is_none_or(|only| only == client)
            && known.server.is_none_or(|only| only == server)
    })
}

/// Whether a step was refused with an error that has these words in it.
pub fn refuses(seen: &Seen, words: &str) -> bool {
    let mut messages = seen.steps.iter().filter_map(|step| step["error"]["message"].as_str());
    messages.any(|message| message.contains(words))
}
