//! One entry of `virtualServers`.

use super::Context;
use super::fields::{Field, Fields};
use super::node::{Place, Value};
use super::server::legal;
use protocol::config::VirtualServer;

/// Bytes of the longest name: those of a namespace and of a name in Kubernetes, and the `/` between.
const NAME_BYTES: usize = 63 + 1 + 253;
/// Bytes of the longest description.
const DESCRIPTION_BYTES: usize = 4096;

/// Reads `virtualServers`. What is wrong in it has been reported.
pub(super) fn read(field: &Field<'_>, context: &mut Context<'_>) -> Vec<VirtualServer> {
    let mut all: Vec<(VirtualServer, Place)> = Vec::new();
    for entry in field.items(&mut context.report) {
        let Some(virtual_server) = one(&entry, context) else { continue };
        if let Some((_, place)) = all.iter().find(|(other, _)| other.name == virtual_server.name) {
            let message = format!(
                "`{}` is the name of the virtual server in line {} too: give each its own",
                virtual_server.name, place.line
            );
            context.report.mistake(entry.place(), &format!("{}.name", entry.path), message);
        }
        all.push((virtual_server, entry.place()));
    }
    all.into_iter().map(|(virtual_server, _)| virtual_server).collect()
}

fn one(entry: &Field<'_>, context: &mut Context<'_>) -> Option<VirtualServer> {
    let mut fields = Fields::of(entry.node, &entry.path, &mut context.report)?;
    let name = fields.require("name", "everyday", &mut context.report).and_then(|field| name(&field, context));
    let description = fields.take("description").map(|field| description(&field, context));
    let mut list = |name| fields.take(name).map_or_else(|| Some(Vec::new()), |field| names(&field, context));
    let (tools, prompts, resources) = (list("tools"), list("prompts"), list("resources"));
    fields.finish(&mut context.report);
    let (tools, prompts, resources) = (tools?, prompts?, resources?);
    if tools.is_empty() && prompts.is_empty() && resources.is_empty() {
        let message =
            "selects nothing: name tools, prompts or resources as clients see them, or [\"*\"] for all of a kind";
        entry.mistake(&mut context.report, message);
        return None;
    }
    Some(VirtualServer { name: name?, description: description.flatten(), tools, prompts, resources })
}

fn name(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let name = field.text(&mut context.report)?;
    let parts: Vec<_> = name.split('/').collect();
    let is_legal = |part: &&str| !part.is_empty() && part.chars().all(legal);
    if parts.len() > 2 || !parts.iter().all(is_legal) || name.len() > NAME_BYTES {
        let message = format!("is `{name}`: write NAME or NAMESPACE/NAME of the characters A-Z, a-z, 0-9, _, . and -");
        field.mistake(&mut context.report, message);
        return None;
    }
    Some(name.to_owned())
}

fn description(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let text = field.text(&mut context.report)?;
    if text.len() > DESCRIPTION_BYTES {
        field.mistake(&mut context.report, format!("has {} bytes: write {DESCRIPTION_BYTES} at most", text.len()));
        return None;
    }
    Some(text.to_owned())
}

/// `None` if there is a mistake in it.
fn names(field: &Field<'_>, context: &mut Context<'_>) -> Option<Vec<String>> {
    let items = field.items(&mut context.report);
    let mut names = Vec::new();
    for item in &items {
        match item.text(&mut context.report) {
            Some("") => item.mistake(&mut context.report, "is empty: write a name as clients see it"),
            Some(name) => names.push(name.to_owned()),
            None => {}
        }
    }
    (names.len() == items.len() && matches!(field.node.value, Value::List(_))).then_some(names)
}
