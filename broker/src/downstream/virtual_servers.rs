//! How virtual servers are, as `/status` tells it.

use super::App;
use super::scope::Scope;
use crate::catalog::{Catalog, Kind, template_matches};
use protocol::config::{VirtualServer, is_selected};
use protocol::era::Era;
use serde::Serialize;
use std::sync::Arc;

/// One of them.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct VirtualServerStatus {
    /// What clients name in `X-Mcp-Virtualserver`.
    name: String,
    /// Tools in it, of the era with the most; so are the others.
    tools: usize,
    prompts: usize,
    resources: usize,
    templates: usize,
    /// Names that it selects and no server lists, each after what it would be.
    unmatched: Vec<String>,
}

/// All of them, in the order of the configuration.
pub(super) fn all(app: &App) -> Vec<VirtualServerStatus> {
    let (gateway, view) = (app.gateway(), app.registry.view());
    gateway.virtual_servers.iter().map(|virtual_server| of(virtual_server, &view.catalog)).collect()
}

fn of(virtual_server: &VirtualServer, catalog: &Catalog) -> VirtualServerStatus {
    let scope = Scope::to(Arc::new(virtual_server.clone()));
    let eras = [Era::Legacy, Era::Modern];
    let count = |kind| eras.map(|era| scope.shown(kind, catalog.list(era, kind)).len()).into_iter().max().unwrap_or(0);
    let lists = |kind: Kind, fits: &dyn Fn(&str) -> bool| {
        eras.iter().any(|era| catalog.list(*era, kind).iter().any(|item| fits(&item.name)))
    };
    let VirtualServer { name, tools, prompts, resources, .. } = virtual_server;
    let listed = |kind, entry: &String| lists(kind, &|name| is_selected(std::slice::from_ref(entry), name));
    let resource = |entry: &String| {
        listed(Kind::Resources, entry)
            || listed(Kind::Templates, entry)
            || lists(Kind::Resources, &|uri| template_matches(entry, uri))
            || lists(Kind::Templates, &|template| template_matches(template, entry))
    };
    let missing = |kind: Kind, entries: &[String], is_there: &dyn Fn(&String) -> bool| -> Vec<String> {
        entries.iter().filter(|entry| !is_there(entry)).map(|entry| format!("{} {entry}", kind.noun())).collect()
    };
    VirtualServerStatus {
        name: name.clone(),
        tools: count(Kind::Tools),
        prompts: count(Kind::Prompts),
        resources: count(Kind::Resources),
        templates: count(Kind::Templates),
        unmatched: [
            missing(Kind::Tools, tools, &|entry| listed(Kind::Tools, entry)),
            missing(Kind::Prompts, prompts, &|entry| listed(Kind::Prompts, entry)),
            missing(Kind::Resources, resources, &resource),
        ]
        .concat(),
    }
}
