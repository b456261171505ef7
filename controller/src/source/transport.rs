//! How a server is reached: `url`, `command`, and what belongs to either.

use super::Context;
use super::expand::expand;
use super::fields::{Field, Fields};
use super::gateway::number;
use super::node::{Place, Value};
use super::server::url;
use super::values;
use protocol::config::{Process, Sharing, Transport};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Seconds without a request until a process is ended, where nothing else is said.
pub(super) const IDLE_SECONDS: u64 = 300;
/// Processes of one server at once, where nothing else is said.
pub(super) const MAX_PROCESSES: usize = 32;
const IDLE: RangeInclusive<usize> = 1..=30 * 24 * 3600;
const PROCESSES: RangeInclusive<usize> = 1..=10_000;

const URL: &str = "http://127.0.0.1:9001/mcp";
const COMMAND: &str = "[npx, -y, \"@modelcontextprotocol/server-everything\"]";
/// Fields that only a URL has.
const OF_URLS: [&str; 2] = ["headers", "caFile"];

/// How a server is reached, and where that stands.
pub(super) struct Reached {
    pub(super) transport: Transport,
    /// Empty for a process.
    pub(super) url: String,
    pub(super) at: Place,
}

#[derive(Clone, Copy)]
enum Word {
    StreamableHttp,
    Sse,
    Stdio,
}

/// The fields that only a process has.
struct OfProcess<'a> {
    env: Option<Field<'a>>,
    cwd: Option<Field<'a>>,
    process: Option<Field<'a>>,
    idle_seconds: Option<Field<'a>>,
    max_processes: Option<Field<'a>>,
}

/// Takes `transport`, `url`, `command` and what belongs to a command. `None` if there is a mistake in them.
pub(super) fn read(fields: &mut Fields<'_>, context: &mut Context<'_>) -> Option<Reached> {
    let (transport, url_field, command) = (fields.take("transport"), fields.take("url"), fields.take("command"));
    let of_process = OfProcess {
        env: fields.take("env"),
        cwd: fields.take("cwd"),
        process: fields.take("process"),
        idle_seconds: fields.take("idleSeconds"),
        max_processes: fields.take("maxProcesses"),
    };
    if let Some(args) = fields.take("args") {
        let message = "is no field of its own: put the arguments into `command`, after the program";
        args.mistake(&mut context.report, message);
    }
    let choices = [("streamable-http", Word::StreamableHttp), ("sse", Word::Sse), ("stdio", Word::Stdio)];
    let word = match &transport {
        Some(field) => Some(field.choice(&choices, &mut context.report)?),
        None => None,
    };
    match (url_field, command, word) {
        (Some(url), Some(_), _) => {
            let message = "stands beside `command`: a server has one of the two, take the other away";
            url.mistake(&mut context.report, message);
        }
        (_, None, Some(Word::Stdio)) => fields.missing("command", COMMAND, &mut context.report),
        (None, None, _) => {
            fields.missing("url", &format!("{URL}`, or `command: {COMMAND}"), &mut context.report);
        }
        (None, Some(_), Some(Word::StreamableHttp | Word::Sse)) => {
            let message = "is for servers with a `url`, and this one has a `command`: take `transport` away";
            transport?.mistake(&mut context.report, message);
        }
        (None, Some(command), _) => {
            let strangers = OF_URLS.map(|name| fields.peek(name));
            let own = of(&strangers.each_ref().map(Option::as_ref), "url", "command", context);
            let process = process(&command, of_process, context);
            let transport = Transport::Stdio(process.filter(|_| own)?);
            return Some(Reached { transport, url: String::new(), at: command.place() });
        }
        (Some(field), None, _) => {
            let OfProcess { env, cwd, process, idle_seconds, max_processes } = &of_process;
            let strangers = [env, cwd, process, idle_seconds, max_processes].map(Option::as_ref);
            let own = of(&strangers, "command", "url", context);
            let transport = match word {
                Some(Word::StreamableHttp) => Transport::StreamableHttp,
                Some(Word::Sse) => Transport::Sse,
                Some(Word::Stdio) | None => Transport::Auto,
            };
            let url = url(&field, context).filter(|_| own)?;
            return Some(Reached { transport, url, at: field.place() });
        }
    }
    None
}

/// Whether none of `strangers` is there, which are for servers that have `other`; each that is there is reported.
fn of(strangers: &[Option<&Field<'_>>], other: &str, has: &str, context: &mut Context<'_>) -> bool {
    for field in strangers.iter().flatten() {
        let message = format!("is for servers with a `{other}`, and this one has a `{has}`: take it away");
        field.mistake(&mut context.report, message);
    }
    strangers.iter().all(Option::is_none)
}

fn process(command: &Field<'_>, of_process: OfProcess<'_>, context: &mut Context<'_>) -> Option<Process> {
    let words = words(command, context);
    let env = of_process.env.map_or_else(|| Some(BTreeMap::new()), |field| env(&field, context));
    let cwd = of_process.cwd.map_or(Some(None), |field| cwd(&field, context).map(Some));
    let sharing = of_process.process.map_or(Some(Sharing::default()), |field| {
        field.choice(&[("session", Sharing::Session), ("shared", Sharing::Shared)], &mut context.report)
    });
    let idle_seconds =
        of_process.idle_seconds.map_or(Some(IDLE_SECONDS), |field| u64::try_from(number(&field, IDLE, context)?).ok());
    let most = of_process.max_processes;
    let max_processes = most.as_ref().map_or(Some(MAX_PROCESSES), |field| number(field, PROCESSES, context));
    if let (Some(field), Some(Sharing::Shared)) = (&most, sharing) {
        let message = "is for `process: session`, and this server's process is shared: take it away";
        field.mistake(&mut context.report, message);
        return None;
    }
    let mut words = words?.into_iter();
    Some(Process {
        program: words.next()?,
        args: words.collect(),
        env: env?,
        cwd: cwd?,
        sharing: sharing?,
        idle_seconds: idle_seconds?,
        max_processes: max_processes?,
    })
}

/// A command as a list: the program and its arguments.
fn words(field: &Field<'_>, context: &mut Context<'_>) -> Option<Vec<String>> {
    if let Value::String(_) = field.node.value {
        field.mistake(&mut context.report, format!("is text: write a list of program and arguments, as in {COMMAND}"));
        return None;
    }
    let items = field.items(&mut context.report);
    let words: Vec<_> = items.iter().filter_map(|item| word(item, context)).collect();
    if items.is_empty() && matches!(field.node.value, Value::List(_)) {
        field.mistake(&mut context.report, format!("is empty: write program and arguments, as in {COMMAND}"));
    }
    if words.first().is_some_and(String::is_empty) {
        field.mistake(&mut context.report, "begins with an empty text: write the program first");
        return None;
    }
    (!words.is_empty() && words.len() == items.len()).then_some(words)
}

/// A program or argument, its variables replaced.
pub(super) fn word(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let text = field.text(&mut context.report)?;
    let word = expand(text, context.environment).and_then(|text| values::process_text(&text).map(|()| text));
    word.map_err(|message| field.mistake(&mut context.report, message)).ok()
}

/// The folder that a process runs in, its variables replaced.
pub(super) fn cwd(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let folder = word(field, context)?;
    values::folder(&context.directory.join(folder)).map_err(|message| field.mistake(&mut context.report, message)).ok()
}

/// A process's variables, with those of the gateway's own environment that they name replaced.
pub(super) fn env(field: &Field<'_>, context: &mut Context<'_>) -> Option<BTreeMap<String, String>> {
    let entries = field.entries(&mut context.report);
    let mut env = BTreeMap::new();
    let count = entries.len();
    for (name, field) in entries {
        if name.is_empty() || name.contains(['=', '\0']) {
            field.mistake(&mut context.report, "is no name of a variable: it has to be without = and not empty");
        } else if let Some(value) = word(&field, context) {
            env.insert(name.to_owned(), value);
        }
    }
    (env.len() == count).then_some(env)
}
