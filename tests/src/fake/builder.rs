//! What a server has, and how it behaves.

use super::callers::Callers;
use super::{Exchange, Fake, Identity, lists};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What a server does with one request.
pub(super) type Handler = Arc<dyn Fn(Exchange) -> BoxFuture<'static, ()> + Send + Sync>;

/// A server that is being put together.
#[derive(Clone)]
pub struct Builder(Plan);

#[derive(Clone)]
pub(super) struct Plan {
    pub(super) modern: bool,
    pub(super) sessions: bool,
    pub(super) lost: u16,
    pub(super) revision: Option<&'static str>,
    pub(super) address: IpAddr,
    pub(super) handlers: BTreeMap<(&'static str, String), Handler>,
    pub(super) lists: BTreeMap<&'static str, Vec<Value>>,
    pub(super) callers: Option<Callers>,
    pub(super) ttl_ms: u64,
}

impl Builder {
    pub(super) fn new(modern: bool) -> Self {
        let (handlers, lists) = (BTreeMap::new(), BTreeMap::new());
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self(Plan {
            modern,
            sessions: !modern,
            lost: 404,
            revision: None,
            address,
            handlers,
            lists,
            callers: None,
            ttl_ms: 0,
        })
    }

    /// Tells callers apart by this header: who shows VALUE has the tool and the prompt `of_VALUE` and the resource `own:///VALUE`
    /// beside what everybody has.
    #[must_use]
    pub fn by_caller(mut self, header: &'static str) -> Self {
        self.0.callers = Some(Callers { header, strangers: true });
        self
    }

    /// The same, and who does not show the header gets 401.
    #[must_use]
    pub fn only_callers(mut self, header: &'static str) -> Self {
        self.0.callers = Some(Callers { header, strangers: false });
        self
    }

    /// Says of its lists that they are fresh for so long (2026-07-28).
    #[must_use]
    pub fn fresh_for(mut self, milliseconds: u64) -> Self {
        self.0.ttl_ms = milliseconds;
        self
    }

    /// Neither session ids nor a GET stream.
    #[must_use]
    pub fn stateless(mut self) -> Self {
        self.0.sessions = false;
        self
    }

    /// An unknown session gets this HTTP status instead of 404.
    #[must_use]
    pub fn lost_is(mut self, status: u16) -> Self {
        self.0.lost = status;
        self
    }

    /// Settles on this revision, whatever the client asks for.
    #[must_use]
    pub fn settles(mut self, revision: &'static str) -> Self {
        self.0.revision = Some(revision);
        self
    }

    /// Listens at this address instead of the loopback's.
    #[must_use]
    pub fn at(mut self, address: IpAddr) -> Self {
        self.0.address = address;
        self
    }

    /// With a tool.
    #[must_use]
    pub fn tool<F>(self, name: &str, handler: impl Fn(Exchange) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.item("tools", "tools/call", name, lists::tool(name), handler)
    }

    /// With a prompt.
    #[must_use]
    pub fn prompt<F>(self, name: &str, handler: impl Fn(Exchange) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.item("prompts", "prompts/get", name, json!({ "name": name }), handler)
    }

    /// With a resource.
    #[must_use]
    pub fn resource<F>(self, uri: &str, handler: impl Fn(Exchange) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.item("resources", "resources/read", uri, json!({ "uri": uri, "name": uri }), handler)
    }

    fn item<F>(
        mut self,
        list: &'static str,
        method: &'static str,
        name: &str,
        listed: Value,
        handler: impl Fn(Exchange) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.lists.entry(list).or_default().push(listed);
        self.0.handlers.insert((method, name.to_owned()), Arc::new(move |exchange| handler(exchange).boxed()));
        self
    }

    /// Starts it on a port of the system's choice.
    pub fn start(self) -> Fake {
        Fake::new(self.0, None)
    }

    /// The same behind TLS.
    pub fn start_tls(self, identity: &Identity) -> Fake {
        Fake::new(self.0, Some(identity))
    }
}
