//! The file that desktop clients and IDEs keep their servers in:
//! `{"mcpServers": {NAME: {command, args, env, cwd} | {url, type, headers}}}`, where some say `servers`, and `serverUrl` or `httpUrl`.
//!
//! Fields that other programs put there are theirs, and are passed over.

use super::Context;
use super::fields::{Field, Fields};
use super::node::{Node, Value};
use super::server::{Declared, headers, legal, url};
use super::transport::{IDLE_SECONDS, MAX_PROCESSES, Reached, cwd, env, word};
use protocol::config::{Process, Sharing, Transport};
use std::collections::BTreeMap;

/// Bytes of a server's name: what is left of a prefix without its `_`.
const NAME_BYTES: usize = 63;

/// Reads the document's servers. What is wrong in it has been reported.
pub(super) fn read(document: &Node, context: &mut Context<'_>) -> Vec<Declared> {
    let Some(mut fields) = Fields::of(document, "", &mut context.report) else { return Vec::new() };
    let example = "{ \"demo\": { \"url\": \"http://127.0.0.1:9001/mcp\" } }";
    let Some(servers) = fields.take("mcpServers").or_else(|| fields.take("servers")) else {
        fields.missing("mcpServers", example, &mut context.report);
        return Vec::new();
    };
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
    let reached = reached(&mut fields, context);
    let headers = fields.take("headers").map_or_else(|| Some(BTreeMap::new()), |field| headers(&field, context));
    let name = named(name, entry, context)?;
    Some(Declared::plain(entry, name, reached?, headers?))
}

fn reached(fields: &mut Fields<'_>, context: &mut Context<'_>) -> Option<Reached> {
    let kind_field = fields.take("type");
    let choices = [
        ("http", Transport::StreamableHttp),
        ("streamable-http", Transport::StreamableHttp),
        ("streamableHttp", Transport::StreamableHttp),
        ("sse", Transport::Sse),
    ];
    let program_field = fields.take("command");
    let is_stdio = |field: &Field<'_>| matches!(&field.node.value, Value::String(text) if text == "stdio");
    if program_field.is_some() || kind_field.as_ref().is_some_and(is_stdio) {
        if let Some(kind) = kind_field.filter(|field| !is_stdio(field)) {
            kind.mistake(
                &mut context.report,
                "is not stdio, and this server has a `command`: take one of the two away",
            );
            return None;
        }
        let Some(program) = program_field else {
            fields.missing("command", "\"npx\"", &mut context.report);
            return None;
        };
        return process(&program, fields, context);
    }
    let transport = match kind_field {
        Some(kind) => {
            kind.choice(&choices.each_ref().map(|(word, transport)| (*word, transport)), &mut context.report)?
        }
        None => &Transport::Auto,
    };
    let Some(field) = ["url", "serverUrl", "httpUrl"].into_iter().find_map(|name| fields.take(name)) else {
        fields.missing("url", "\"http://127.0.0.1:9001/mcp\"", &mut context.report);
        return None;
    };
    Some(Reached { transport: transport.clone(), url: url(&field, context)?, at: field.place() })
}

fn process(program: &Field<'_>, fields: &mut Fields<'_>, context: &mut Context<'_>) -> Option<Reached> {
    let args = fields.take("args").map(|field| field.items(&mut context.report)).unwrap_or_default();
    let words: Vec<_> = args.iter().filter_map(|arg| word(arg, context)).collect();
    let env = fields.take("env").map_or_else(|| Some(BTreeMap::new()), |field| env(&field, context));
    let cwd = fields.take("cwd").map_or(Some(None), |field| cwd(&field, context).map(Some));
    let name = word(program, context)?;
    if name.is_empty() {
        program.mistake(&mut context.report, "is empty: write the program to start");
        return None;
    }
    let process = Process {
        program: name,
        args: (words.len() == args.len()).then_some(words)?,
        env: env?,
        cwd: cwd?,
        sharing: Sharing::default(),
        idle_seconds: IDLE_SECONDS,
        max_processes: MAX_PROCESSES,
    };
    Some(Reached { transport: Transport::Stdio(process), url: String::new(), at: program.place() })
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
