//! What of all that the servers offer a request is about: everything, or a virtual server.
//!
//! Whoever asks for a virtual server sees what it names, and anything else is unknown to them. It is the client that asks, so
//! this selects, and permits nothing.

use super::App;
use crate::catalog::{Catalog, Item, Kind, template_matches};
use crate::resolve;
use axum::http::HeaderMap;
use protocol::config::{VirtualServer, is_selected};
use protocol::era::Era;
use protocol::error::{Refusal, code};
use protocol::http::header as names;
use protocol::route::CallKind;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a request may see and use. By default everything.
#[derive(Clone, Default)]
pub(super) struct Scope(Option<Arc<VirtualServer>>);

impl Scope {
    /// As a request's headers have it.
    pub(super) fn of(app: &App, era: Era, headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(names::VIRTUAL_SERVER).iter();
        let Some(value) = values.next() else { return Ok(Self::default()) };
        let unknown = |message: String| Refusal::answer(era, code::INVALID_PARAMS, message);
        let name = value.to_str().unwrap_or_default().trim();
        if values.next().is_some() {
            return Err(unknown("Header X-Mcp-Virtualserver stands there twice.".to_owned()));
        }
        let found = app.gateway().virtual_servers.iter().find(|virtual_server| virtual_server.name == name).cloned();
        let found = found.ok_or_else(|| {
            unknown(format!("There is no virtual server `{name}`: correct the header X-Mcp-Virtualserver."))
        })?;
        Ok(Self(Some(Arc::new(found))))
    }

    /// Whether it is a virtual server's.
    pub(super) fn is_narrow(&self) -> bool {
        self.0.is_some()
    }

    /// What the virtual server is for.
    pub(super) fn description(&self) -> Option<&str> {
        self.0.as_ref()?.description.as_deref()
    }

    /// Whether something of this name, URI or template is in it.
    pub(super) fn has(&self, kind: Kind, name: &str) -> bool {
        let Some(virtual_server) = &self.0 else { return true };
        match kind {
            Kind::Tools => is_selected(&virtual_server.tools, name),
            Kind::Prompts => is_selected(&virtual_server.prompts, name),
            Kind::Resources | Kind::Templates => {
                let selected = &virtual_server.resources;
                is_selected(selected, name) || selected.iter().any(|entry| template_matches(entry, name))
            }
        }
    }

    /// Refuses what is not in it as if it were not there.
    pub(super) fn check(&self, era: Era, kind: CallKind, name: &str) -> Result<(), Refusal> {
        let list = match kind {
            CallKind::Tool => Kind::Tools,
            CallKind::Prompt => Kind::Prompts,
            CallKind::Resource => Kind::Resources,
        };
        if self.has(list, name) { Ok(()) } else { Err(resolve::unknown(era, kind, name)) }
    }

    /// What of a list is in it.
    pub(super) fn shown(&self, kind: Kind, items: Arc<[Item]>) -> Arc<[Item]> {
        if !self.is_narrow() {
            return items;
        }
        items.iter().filter(|item| self.has(kind, &item.name)).cloned().collect()
    }

    /// The servers that have something in it. `None`: all.
    pub(super) fn servers(&self, era: Era, catalog: &Catalog) -> Option<BTreeSet<Arc<str>>> {
        self.0.as_ref()?;
        let lists = Kind::ALL.into_iter().flat_map(|kind| self.shown(kind, catalog.list(era, kind)).to_vec());
        Some(lists.map(|item| item.server).collect())
    }
}
