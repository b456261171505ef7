//! Pages in browsers, which may be of another origin ([`protocol::cors`]).

use super::{Phase, Stream};
use crate::root::Shared;
use crate::{host, reply};
use protocol::cors;
use protocol::http::origin_allowed;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, MapType};

impl Stream {
    /// Notes whether a page made the request that may use the gateway. Whether its browser asks only what the page may send.
    pub(super) fn is_preflight(&mut self, shared: &Shared) -> bool {
        let Some(origin) = self.headers.get("origin") else { return false };
        self.of_page = origin_allowed(origin, &shared.settings.plugin.access.allowed_origins);
        self.of_page
            && self.headers.get(":method") == Some("OPTIONS")
            && self.headers.get(cors::REQUEST_METHOD).is_some()
    }

    pub(super) fn answer_preflight(&mut self) -> Action {
        self.phase = Phase::Refused;
        // [`Self::tell_browser`] adds the rest.
        reply::send(204, cors::preflight(self.headers.get(cors::REQUEST_HEADERS)).to_vec(), None);
        Action::Pause
    }

    /// Has a page read the answer, whoever made that.
    pub(crate) fn tell_browser(&self) {
        let Some(origin) = self.headers.get("origin").filter(|_| self.of_page) else { return };
        for (name, value) in cors::answer(origin) {
            let set = hostcalls::set_map_value(MapType::HttpResponseHeaders, name, Some(value));
            host::check("setting a header", set);
        }
    }
}
