//! Which server has a name or a URI.

use crate::caller::Caller;
use crate::catalog::Kind;
use crate::status::State;
use crate::upstream::{Registry, Server, View};
use protocol::answer::Rules;
use protocol::era::Era;
use protocol::error::{Refusal, code};
use protocol::json::quote;
use protocol::naming::Table;
use protocol::resolve::Target;
use protocol::route::CallKind;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// How long a call waits for a server of which nothing is known yet.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server that has a target.
#[derive(Debug)]
pub(crate) struct Owner {
    /// The server.
    pub(crate) server: Arc<Server>,
    /// The bytes of the decoded name that the server does not know.
    pub(crate) added: Range<usize>,
}

impl Owner {
    /// A name of this server as it knows it.
    pub(crate) fn own_name(&self, name: &str) -> String {
        let mut own = name.to_owned();
        own.replace_range(self.added.clone(), "");
        own
    }
}

/// The server that a client's name or URI belongs to, ready for use by the caller.
pub(crate) async fn owner(
    registry: &Registry,
    era: Era,
    caller: &Caller,
    kind: CallKind,
    name: &str,
) -> Result<Owner, Refusal> {
    let Owner { server, added } = lookup(&registry.view(), era, kind, name)?;
    Ok(Owner { server: usable(era, caller, &server).await?, added })
}

/// The server that a client's name or URI belongs to, usable or not.
pub(crate) fn lookup(view: &View, era: Era, kind: CallKind, name: &str) -> Result<Owner, Refusal> {
    let table = Table::new(view.servers.iter().map(|server| server.config().prefix.as_str()));
    let route = if kind == CallKind::Resource { table.by_uri(name) } else { table.by_name(name) };
    let owner = match route {
        Some(route) => view.servers.get(route.server).map(|s| Owner { server: Arc::clone(s), added: route.added }),
        None => view
            .catalog
            .owner(era, list_of(kind), name)
            .and_then(|server| view.get(&server))
            .map(|server| Owner { server, added: 0..0 }),
    };
    owner.ok_or_else(|| unknown(era, kind, name))
}

/// The server of a question of the filter.
pub(crate) async fn target(registry: &Registry, era: Era, caller: &Caller, target: &Target) -> Result<Owner, Refusal> {
    let (kind, name) = match target {
        Target::Server(name) => {
            let server = registry
                .get(name)
                .ok_or_else(|| Refusal::upstream(era, format!("Server {name} is not configured.")))?;
            return Ok(Owner { server: usable(era, caller, &server).await?, added: 0..0 });
        }
        Target::Tool(name) => (CallKind::Tool, name),
        Target::Prompt(name) => (CallKind::Prompt, name),
        Target::Resource(uri) => (CallKind::Resource, uri),
    };
    owner(registry, era, caller, kind, name).await
}

/// How a server's messages become the client's.
pub(crate) fn rules(registry: &Registry, server: &Server) -> Rules {
    let config = server.config();
    let view = registry.view();
    Rules::new(&config.name, &config.prefix, &view.web_uris(server)).with_editing(&view.editing)
}

/// A server as the caller sees it, if it can be used, in whatever era.
async fn usable(era: Era, caller: &Caller, server: &Arc<Server>) -> Result<Arc<Server>, Refusal> {
    let server = server.seen_by(era, caller)?;
    let unknown = || server.snapshot().eras().is_empty();
    // Opening a legacy session shows at once whether the server is there; a modern request is only routed.
    let down = || era == Era::Modern && matches!(server.snapshot().state, State::Down | State::PerCaller);
    if unknown() || down() {
        // It may be there by now, or about to answer for the first time.
        let _ = tokio::time::timeout(PATIENCE, server.refresh()).await;
    }
    if !unknown() && !down() {
        return Ok(server);
    }
    let (name, snapshot) = (server.name(), server.snapshot());
    let why = match (&snapshot.error, snapshot.state) {
        (Some(error), State::PerCaller) => format!("Server {name} {error}."),
        (Some(error), State::Down) => format!("Server {name} is down: it {error}."),
        _ => format!("Server {name} has not answered yet: try again."),
    };
    Err(Refusal::upstream(era, why))
}

fn list_of(kind: CallKind) -> Kind {
    match kind {
        CallKind::Tool => Kind::Tools,
        CallKind::Prompt => Kind::Prompts,
        CallKind::Resource => Kind::Resources,
    }
}

/// The error for a server that speaks only the legacy era, for modern clients.
pub(crate) fn legacy_only(server: &Server) -> Refusal {
    let message = format!("Server {} does not speak MCP 2026-07-28: connect with initialize.", server.name());
    Refusal::upstream(Era::Modern, message)
}

/// The error for a name that nobody has (*Tools*, *Prompts*, *Resources*: Error Handling).
pub(crate) fn unknown(era: Era, kind: CallKind, name: &str) -> Refusal {
    match (kind, era) {
        (CallKind::Tool, _) => Refusal::answer(era, code::INVALID_PARAMS, format!("Unknown tool: {name}")),
        (CallKind::Prompt, _) => Refusal::answer(era, code::INVALID_PARAMS, format!("Unknown prompt: {name}")),
        (CallKind::Resource, era) => {
            let code = if era == Era::Legacy { code::RESOURCE_NOT_FOUND } else { code::INVALID_PARAMS };
            Refusal::answer(era, code, format!("Resource not found: {name}"))
                .with_data(format!("{{\"uri\":{}}}", quote(name)))
        }
    }
}
