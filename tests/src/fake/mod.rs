//! MCP servers in the test's own process: they record every byte they get, and do what the test says.
//!
//! ```text
//! let server = Fake::legacy().tool("echo", Exchange::ok).tool("html", async |x| x.http(200, "text/html", "").await).start();
//! server.calls()      // what arrived, byte for byte
//! ```

mod builder;
mod callers;
mod exchange;
mod lists;
mod recorded;
mod serve;
mod tls;

pub use builder::Builder;
pub use exchange::{Exchange, Sender};
pub use recorded::Recorded;
pub use tls::Identity;

use builder::Plan;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// A hand on a running server. The server ends with [`Fake::stop`], or with the test's process.
#[derive(Clone)]
pub struct Fake {
    inner: Arc<Inner>,
}

struct Inner {
    plan: Plan,
    identity: Option<Identity>,
    address: SocketAddr,
    state: Mutex<State>,
    /// Whether long bodies are read to their end.
    reads_on: watch::Sender<bool>,
    runtime: Mutex<Option<Runtime>>,
}

#[derive(Default)]
struct State {
    sessions: BTreeMap<String, Option<mpsc::UnboundedSender<Bytes>>>,
    opened: usize,
    ended: Vec<String>,
    seen: Vec<Recorded>,
    cut: usize,
    read: usize,
    lists: BTreeMap<&'static str, Vec<serde_json::Value>>,
    /// Callers that are answered with 401.
    refused: BTreeSet<String>,
    /// How many streams are still refused with 409.
    busy: usize,
    /// Tools that only one caller has.
    grown: Vec<(String, serde_json::Value)>,
}

impl State {
    /// Whether the stream that is asked for is to be taken for read already.
    fn has_reader(&mut self) -> bool {
        let left = self.busy.checked_sub(1);
        self.busy = left.unwrap_or_default();
        left.is_some()
    }
}

impl Fake {
    /// A server of the revisions before 2026-07-28, with sessions and a GET stream, that answers in JSON.
    pub fn legacy() -> Builder {
        Builder::new(false)
    }

    /// A server of 2026-07-28 only.
    pub fn modern() -> Builder {
        Builder::new(true)
    }

    fn new(plan: Plan, identity: Option<&Identity>) -> Self {
        let runtime = serve::runtime();
        let (listener, address) = serve::bind(&runtime, SocketAddr::new(plan.address, 0)).expect("binding a port");
        let state = Mutex::new(State { lists: plan.lists.clone(), ..State::default() });
        let reads_on = watch::channel(true).0;
        let inner =
            Arc::new(Inner { plan, identity: identity.cloned(), address, state, reads_on, runtime: Mutex::default() });
        let fake = Self { inner };
        serve::serve(&runtime, listener, fake.clone());
        *fake.runtime() = Some(runtime);
        fake
    }

    /// Its endpoint.
    pub fn url(&self) -> String {
        match &self.inner.identity {
            Some(identity) => format!("https://{}:{}/mcp", identity.host(), self.inner.address.port()),
            None => format!("http://{}/mcp", self.inner.address),
        }
    }

    /// Its host and port.
    pub fn authority(&self) -> String {
        self.inner.address.to_string()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.inner.address.port()
    }

    /// Ends, with all connections and sessions.
    pub fn stop(&self) {
        if let Some(runtime) = self.runtime().take() {
            runtime.shutdown_background();
        }
        self.forget();
    }

    /// Comes back on the same port, after [`Fake::stop`].
    pub async fn restart(&self) {
        let (runtime, listener) = crate::until("the port is free again", || {
            let runtime = serve::runtime();
            match serve::bind(&runtime, self.inner.address) {
                Ok((listener, _)) => Some((runtime, listener)),
                Err(_) => {
                    runtime.shutdown_background();
                    None
                }
            }
        })
        .await;
        serve::serve(&runtime, listener, self.clone());
        *self.runtime() = Some(runtime);
    }

    /// Forgets all sessions.
    pub fn forget(&self) {
        self.state().sessions.clear();
    }

    /// Takes the next streams that it is asked for (GET) to have a reader already: 409.
    pub fn is_read(&self, times: usize) {
        self.state().busy = times;
    }

    /// Everything that arrived, in the order in which it ended.
    pub fn seen(&self) -> Vec<Recorded> {
        self.state().seen.clone()
    }

    /// Every message with this JSON-RPC method; for `GET` and `DELETE` requests with that HTTP method.
    pub fn all(&self, method: &str) -> Vec<Recorded> {
        self.state().seen.iter().filter(|r| r.is(method)).cloned().collect()
    }

    /// Every `tools/call`.
    pub fn calls(&self) -> Vec<Recorded> {
        self.all("tools/call")
    }

    /// How often a client of the gateway opened a session; the broker's own does not count.
    pub fn sessions_of_clients(&self) -> usize {
        self.all("initialize").iter().filter(|r| r.text().contains(r#""name":"test""#)).count()
    }

    /// Ids of sessions that were ended.
    pub fn ended(&self) -> Vec<String> {
        self.state().ended.clone()
    }

    /// Requests whose bodies were cut off.
    pub fn cut(&self) -> usize {
        self.state().cut
    }

    /// Bytes of bodies read so far.
    pub fn read(&self) -> usize {
        self.state().read
    }

    /// Stops reading bodies after their first 64 KiB, or reads them on.
    pub fn read_on(&self, on: bool) {
        self.inner.reads_on.send_replace(on);
    }

    /// Changes its tools, without telling anybody.
    pub fn set_tools(&self, names: &[&str]) {
        self.state().lists.insert("tools", names.iter().map(|name| lists::tool(name)).collect());
    }

    /// Sends a message on the GET stream of a session; `false` if it has none.
    pub fn say(&self, session: &str, message: &str) -> bool {
        let frame = Bytes::from(format!("event: message\ndata: {message}\n\n"));
        let state = self.state();
        let Some(Some(stream)) = state.sessions.get(session) else { return false };
        stream.send(frame).is_ok()
    }

    /// Sends a message on every GET stream.
    pub fn say_all(&self, message: &str) {
        let sessions: Vec<_> = self.state().sessions.keys().cloned().collect();
        for session in sessions {
            self.say(&session, message);
        }
    }

    /// Waits for what a client says to the request with this raw id.
    pub async fn answer(&self, id: &str) -> Recorded {
        crate::until(&format!("a client answers request {id}"), || {
            self.state().seen.iter().find(|r| r.is_answer() && r.id.as_deref() == Some(id)).cloned()
        })
        .await
    }

    /// Waits for a notification with this method.
    pub async fn notified(&self, method: &str) -> Recorded {
        crate::until(&format!("{method} arrives"), || self.all(method).pop()).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runtime(&self) -> MutexGuard<'_, Option<Runtime>> {
        self.inner.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
