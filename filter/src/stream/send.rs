//! A message on its way: to a server, to the broker, or nowhere.

use super::{Phase, Sent, Stream};
use crate::cache::Way;
use crate::host;
use crate::resolver::Decided;
use crate::root::TICK;
use protocol::era::Era;
use protocol::error::Refusal;
use protocol::http::header;
use protocol::resolve::Destination;
use proxy_wasm::hostcalls;
use proxy_wasm::types::Action;
use std::rc::Rc;
use std::time::Duration;

impl Stream {
    pub(super) fn go(&mut self, way: &Way) -> Action {
        match way {
            Way::Server(destination) => self.send_to_server(destination),
            Way::Broker => self.send_to_broker(),
        }
    }

    /// The broker has answered, or it cannot be asked. Called in this stream's context.
    pub(crate) fn resolved(&mut self, decided: Option<&Decided>) {
        if self.phase != Phase::Waiting {
            return;
        }
        let action = match decided {
            Some(Ok(way)) => self.go(way),
            // Only the body has the id to answer with. The broker waits for it, and says the same.
            Some(Err(_)) if self.expected.is_some() => self.send_to_broker(),
            Some(Err(refusal)) => self.refuse(refusal),
            None => self.unavailable(),
        };
        if action == Action::Continue {
            host::check("resuming a request", hostcalls::resume_http_request());
        }
    }

    pub(super) fn unavailable(&mut self) -> Action {
        match self.stale.take() {
            Some(way) => self.go(&way),
            None if self.expected.is_some() => self.send_to_broker(),
            None => {
                let message = "The gateway's broker cannot be reached, so the call could not be routed: try again.";
                self.refuse(&Refusal::upstream(self.era(), message))
            }
        }
    }

    pub(super) fn send_to_broker(&mut self) -> Action {
        if let Some(shared) = self.shared.clone() {
            self.headers.set(header::KEY, &shared.settings.plugin.key);
        }
        if let Some(server) = &self.cut_for {
            self.headers.set(header::SERVER, server);
        }
        self.sent = Sent::Broker;
        self.release()
    }

    fn send_to_server(&mut self, destination: &Rc<Destination>) -> Action {
        self.address(destination);
        self.sent = if self.answering { Sent::Answer(destination.clone()) } else { Sent::Call(destination.clone()) };
        if self.expected.is_some() {
            return self.release_headers();
        }
        if self.checked {
            self.start_clock();
        }
        self.release()
    }

    /// The headers that take the request to the server, and those that it is to see. Its own `Host` is the route's to set.
    fn address(&self, destination: &Destination) {
        let era = self.era();
        self.headers.remove(|name| {
            let forwarded = destination.forward_headers.iter().any(|forwarded| forwarded == name);
            !(forwarded || may_reach_servers(name, era))
                || (name == header::SESSION_ID && destination.session.is_none())
        });
        self.headers.set(":authority", &destination.route.authority);
        if let Some(server) = &destination.route.server_header {
            self.headers.set(header::SERVER, server);
        }
        self.headers.set(":path", &destination.path);
        self.headers.set("accept", "application/json, text/event-stream");
        self.headers.set(header::PROTOCOL_VERSION, &destination.protocol_version);
        if let Some(session) = &destination.session {
            self.headers.set(header::SESSION_ID, session);
        }
        for (name, value) in &destination.headers {
            self.headers.set(name, value);
        }
    }

    /// The server has all of the message: from now on it has its time to begin an answer.
    pub(super) fn start_clock(&mut self) {
        let Some(shared) = &self.shared else { return };
        let (Sent::Call(destination) | Sent::Answer(destination)) = &self.sent else { return };
        let Some(servers) = shared.servers() else { return };
        let Some((server, _)) = servers.get(&destination.server) else { return };
        // The clock stood still since the last tick.
        let until = shared.now.get() + TICK + Duration::from_millis(server.timeout_ms);
        self.deadline = Some(shared.deadlines.borrow_mut().add(until, self.me.clone()));
    }

    /// The server has begun to answer, or never will.
    pub(crate) fn stop_clock(&mut self) {
        if let (Some(shared), Some(place)) = (&self.shared, self.deadline.take()) {
            shared.deadlines.borrow_mut().remove(place, &self.me);
        }
    }

    /// Whether the server has not begun to answer.
    pub(crate) fn waits(&self) -> bool {
        self.phase == Phase::Released && matches!(self.sent, Sent::Call(_) | Sent::Answer(_))
    }

    /// The server has taken too long. Called in this stream's context.
    pub(crate) fn too_late(&mut self) {
        match &self.sent {
            Sent::Call(destination) => {
                let message = format!("Server {} did not answer in time.", destination.server);
                self.refuse(&Refusal::upstream(self.era(), message));
            }
            Sent::Answer(_) => self.accept(),
            Sent::Broker | Sent::Nowhere => {}
        }
    }

    fn release(&mut self) -> Action {
        self.phase = Phase::Released;
        Action::Continue
    }
}

/// Whether servers get a header of a client although nobody said so. Whatever else a client sends may be a credential, and is meant
/// for the gateway: the broker, too, sends on no more than traces and `Mcp-Param-*` of these. Of what proxies tell in `X-Forwarded-*`
/// only the way of the request is for servers, not who made it: some put the user's certificate there, or an access token. What legacy
/// clients say in the headers of the modern era (`Mcp-Name`) means nothing, and nobody has compared it with the body.
fn may_reach_servers(name: &str, era: Era) -> bool {
    if name.starts_with("mcp-") {
        return era == Era::Modern || matches!(name, header::SESSION_ID | header::PROTOCOL_VERSION);
    }
    let by_prefix = [":", "content-", "sec-", header::GATEWAY_PREFIX, header::STEERING_PREFIX, "x-b3-"];
    by_prefix.iter().any(|prefix| name.starts_with(prefix))
        || matches!(
            name,
            "accept"
                | "accept-language"
                | "b3"
                | "baggage"
                | "te"
                | "traceparent"
                | "tracestate"
                | "transfer-encoding"
                | "user-agent"
                | "via"
                | "x-forwarded-for"
                | "x-forwarded-host"
                | "x-forwarded-port"
                | "x-forwarded-proto"
                | "x-request-id"
        )
}
