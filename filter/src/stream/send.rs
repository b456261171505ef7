//! A message on its way: to a server, to the broker, or nowhere.

use super::{Phase, Sent, Stream};
use crate::cache::Way;
use crate::host;
use crate::resolver::Decided;
use protocol::config::PluginServer;
use protocol::error::Refusal;
use protocol::http::header;
use protocol::resolve::Destination;
use proxy_wasm::hostcalls;
use proxy_wasm::types::Action;
use std::rc::Rc;

/// Envoy's header for the time until an answer has to begin.
const FIRST_BYTE_TIMEOUT: &str = "x-envoy-upstream-rq-per-try-timeout-ms";

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
        if let Some(server) = self.cut_for.take() {
            self.headers.set(header::SERVER, &server);
        }
        self.sent = Sent::Broker;
        self.release()
    }

    fn send_to_server(&mut self, destination: &Rc<Destination>) -> Action {
        let shared = self.shared.clone();
        let server = shared.as_ref().and_then(|s| s.settings.server(&destination.server));
        // Not known here yet: the broker can do it.
        let Some(server) = server else { return self.send_to_broker() };
        self.address(server, destination);
        self.sent = if self.answering { Sent::Answer } else { Sent::Call(destination.clone()) };
        self.release()
    }

    /// The headers that the server is to see. Envoy chooses the route anew after each change.
    fn address(&mut self, server: &PluginServer, destination: &Destination) {
        self.headers.remove(|name| {
            let clients_own = ["authorization", "cookie", "origin", "accept-encoding", header::LAST_EVENT_ID];
            clients_own.contains(&name) || (name == header::SESSION_ID && destination.session.is_none())
        });
        self.headers.set(header::CLUSTER, &server.cluster);
        self.headers.set(":authority", &server.authority);
        self.headers.set(":path", &server.path);
        self.headers.set(FIRST_BYTE_TIMEOUT, &server.timeout_ms.to_string());
        self.headers.set("accept", "application/json, text/event-stream");
        self.headers.set(header::PROTOCOL_VERSION, &destination.protocol_version);
        if let Some(session) = &destination.session {
            self.headers.set(header::SESSION_ID, session);
        }
        for (name, value) in &server.headers {
            self.headers.set(name, value);
        }
    }

    fn release(&mut self) -> Action {
        self.phase = Phase::Released;
        Action::Continue
    }
}
