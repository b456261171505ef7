//! The file that desktop clients and IDEs keep their servers in: `{"mcpServers": {NAME: {url, type, headers}}}`.
//!
//! Fields that other programs put there are theirs, and are passed over.

use super::Context;
use super::fields::{Field, Fields};
use super::node::Node;
use super::server::{Declared, SSE, STDIO, headers, legal, url};
use std::collections::BTreeMap;

/// Bytes of a server's name: what is left of a prefix without its `_`.
const NAME_BYTES: usize = 63;

/// Reads the document's servers. What is wrong in it has been reported.
pub(super) fn read(document: &Node, context: &mut Context<'_>) -> Vec<Declared> {
    let Some(mut fields) = Fields::of(document, "", &mut context.report) else { return Vec::new() };
    let example = "{ \"demo\": { \"url\": \"http://127.0.0.1:9001/mcp\" } }";
    let Some(servers) = fields.require("mcpServers", example, &mut context.report) else { return Vec::new() };
    let entries = servers.entries(&mut context.report);
    entries.iter().filter_map(|(name, entry)| server(name, entry, context)).collect()
}

fn server(name: &str, entry: &Field<'_>, context: &mut Context<'_>) -> Option<Declared> {
    let mut fields = Fields::of(entry.node, &entry.path, &mut context.report)?;
    let disabled = fields.take("disabled").and_then(|field| field.truth(&mut context.report));
    if disabled == Some(true) {
        context.report.note(entry.place(), &entry.path, "is disabled and left out");
        return None;
    }
    if let Some(command) = fields.take("command") {
        command.mistake(&mut context.report, STDIO);
        return None;
    }
    if let Some(kind) = fields.take("type") {
        let choices = [("http", ""), ("streamable-http", ""), ("streamableHttp", ""), ("sse", SSE), ("stdio", STDIO)];
        let unsupported = kind.choice(&choices, &mut context.report)?;
        if !unsupported.is_empty() {
            kind.mistake(&mut context.report, unsupported);
            return None;
        }
    }
    let url_field = fields.require("url", "http://127.0.0.1:9001/mcp", &mut context.report)?;
    let url = url(&url_field, context);
    let headers = fields.take("headers").map_or_else(|| Some(BTreeMap::new()), |field| headers(&field, context));
    let name = named(name, entry, context)?;
    Some(Declared::plain(entry, url_field.place(), name, url?, headers?))
}

/// A name that the gateway can use, with a note where it had to be changed.
fn named(name: &str, entry: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    if name.is_empty() || name.len() > NAME_BYTES {
        entry.mistake(&mut context.report, format!("has a name of {} bytes: write 1 to {NAME_BYTES}", name.len()));
        return None;
    }
    let usable: String = name.chars().map(|c| if legal(c) { c } else { '_' }).collect();
    if usable != name {
        context.report.note(
            entry.place(),
            &entry.path,
            format!("is called `{usable}` here, and its tools `{usable}_…`"),
        );
    }
    Some(usable)
}
