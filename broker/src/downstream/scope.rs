//! What of all that the servers offer a request is about: everything, or a virtual server.
//!
//! Whoever asks for a virtual server sees what it names, and anything else is unknown to them. It is the client that asks, so
//! this selects, and permits nothing.

use super::App;
use crate::catalog::{Catalog, Group, Item, Kind, template_matches};
use crate::resolve;
use axum::http::HeaderMap;
use protocol::config::{Gateway, VirtualServer, is_selected};
use protocol::era::Era;
use protocol::error::{Refusal, code};
use protocol::http::header as names;
use protocol::route::CallKind;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

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
        Ok(Self::to(Arc::new(found)))
    }

    /// A virtual server.
    pub(super) fn to(virtual_server: Arc<VirtualServer>) -> Self {
        Self(Some(virtual_server))
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

    /// Follows it, for somebody who is to hear when it becomes another one.
    pub(super) fn follow(self, app: &App) -> Followed {
        Followed { scope: self, gateway: app.gateway.clone() }
    }
}

/// A scope that may change under a client.
pub(super) struct Followed {
    scope: Scope,
    gateway: watch::Receiver<Arc<Gateway>>,
}

impl Followed {
    /// Resolves when something else is selected, with the lists that differ. Never for those who see everything.
    pub(super) async fn changed(&mut self) -> Vec<Group> {
        loop {
            let Some(selected) = &self.scope.0 else { return std::future::pending().await };
            if self.gateway.changed().await.is_err() {
                return std::future::pending().await;
            }
            let now = {
                let gateway = self.gateway.borrow_and_update();
                gateway.virtual_servers.iter().find(|now| now.name == selected.name).cloned()
            };
            // What is not there any more selects nothing.
            let of = |kind: fn(&VirtualServer) -> &Vec<String>| now.as_ref().map(kind).cloned().unwrap_or_default();
            let (tools, prompts, resources) = (of(|v| &v.tools), of(|v| &v.prompts), of(|v| &v.resources));
            let differs = [tools != selected.tools, prompts != selected.prompts, resources != selected.resources];
            let (name, description) = (selected.name.clone(), selected.description.clone());
            self.scope = Scope::to(Arc::new(VirtualServer { name, description, tools, prompts, resources }));
            let groups: Vec<_> = Group::ALL.into_iter().zip(differs).filter(|(_, differs)| *differs).collect();
            if !groups.is_empty() {
                return groups.into_iter().map(|(group, _)| group).collect();
            }
        }
    }
}
