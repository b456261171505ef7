//! One entry of `servers`.

use super::Context;
use super::expand::expand;
use super::fields::{Field, Fields};
use super::node::Place;
use super::transport::{self, Reached};
use super::{forward, values};
use protocol::config::{Cache, CacheScope, EraChoice, OnSessionLoss, Server, Transport};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long a server may take where nothing else is said, in milliseconds.
const TIMEOUT_MS: u64 = 60_000;
const NAME_BYTES: usize = 63;
const PREFIX_BYTES: usize = 64;

/// A server, and where its fields stand.
pub(super) struct Declared {
    pub(super) server: Server,
    pub(super) path: String,
    pub(super) name_at: Place,
    pub(super) prefix_at: Place,
    pub(super) url_at: Place,
}

/// Whether names and prefixes may hold `c`.
pub(super) fn legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// Reads an entry of `servers` in `gateway.yaml`. `None` if there is a mistake in it.
pub(super) fn read(entry: &Field<'_>, context: &mut Context<'_>) -> Option<Declared> {
    let mut fields = Fields::of(entry.node, &entry.path, &mut context.report)?;
    let name_field = fields.require("name", "demo", &mut context.report);
    let name = name_field.as_ref().and_then(|field| name(field, context));
    let prefix_field = fields.take("prefix");
    let prefix = prefix_field.as_ref().map_or(Some(String::new()), |field| prefix(field, context));

    let reached = transport::read(&mut fields, context);
    let headers = fields.take("headers").map_or_else(|| Some(BTreeMap::new()), |field| headers(&field, context));
    let forward_headers = forwarded(&mut fields, prefix.as_deref(), headers.as_ref(), context);
    let cache = fields.take("cache").map_or_else(|| Some(Cache::default()), |field| cache(&field, context));
    let ca = match fields.take("caFile") {
        Some(field) => authorities(&field, context).map(Some),
        None => Some(None),
    };
    let era = fields.take("era").map_or(Some(EraChoice::Auto), |field| {
        let choices = [("auto", EraChoice::Auto), ("legacy", EraChoice::Legacy), ("modern", EraChoice::Modern)];
        field.choice(&choices, &mut context.report)
    });
    let on_session_loss = fields.take("onSessionLoss").map_or(Some(OnSessionLoss::Reopen), |field| {
        field.choice(&[("reopen", OnSessionLoss::Reopen), ("end", OnSessionLoss::End)], &mut context.report)
    });
    let timeout = fields.take("timeout").map_or(Some(TIMEOUT_MS), |field| timeout(&field, context));
    fields.finish(&mut context.report);

    let reached = reached?;
    let forward_headers = forward_headers?;
    if !forward_headers.is_empty() {
        suits_callers(&reached, cache?, entry, context)?;
    }
    Some(Declared {
        path: entry.path.clone(),
        name_at: name_field?.place(),
        prefix_at: prefix_field.map_or(entry.place(), |field| field.place()),
        url_at: reached.at,
        server: Server {
            name: name?,
            prefix: prefix?,
            transport: reached.transport,
            url: reached.url,
            address: None,
            headers: headers?,
            forward_headers,
            cache: cache?,
            ca: ca?,
            era: era?,
            on_session_loss: on_session_loss?,
            timeout_ms: timeout?,
            route: None,
        },
    })
}

fn name(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let name = field.text(&mut context.report)?;
    if name.is_empty() || name.len() > NAME_BYTES || !name.chars().all(legal) {
        let message = format!("is `{name}`: write 1 to {NAME_BYTES} of the characters A-Z, a-z, 0-9, _, . and -");
        field.mistake(&mut context.report, message);
        return None;
    }
    Some(name.to_owned())
}

fn prefix(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let prefix = field.text(&mut context.report)?;
    if prefix.len() > PREFIX_BYTES || !prefix.chars().all(legal) {
        let message = format!(
            "is `{prefix}`: write {PREFIX_BYTES} at most of the characters A-Z, a-z, 0-9, _, . and -, as in http_"
        );
        field.mistake(&mut context.report, message);
        return None;
    }
    Some(prefix.to_owned())
}

/// The server's URL, its variables replaced.
pub(super) fn url(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let text = field.text(&mut context.report)?;
    let url = expand(text, context.environment).and_then(|text| values::endpoint(&text));
    url.map(String::from).map_err(|message| field.mistake(&mut context.report, message)).ok()
}

/// The server's headers, their variables replaced.
pub(super) fn headers(field: &Field<'_>, context: &mut Context<'_>) -> Option<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    let entries = field.entries(&mut context.report);
    let count = entries.len();
    for (name, field) in entries {
        let Some(text) = field.text(&mut context.report) else { continue };
        let header = values::header_name(name).and_then(|name| {
            let value = expand(text, context.environment)?;
            values::header_value(&value)?;
            if headers.contains_key(&name) {
                return Err("stands here twice, in other letters: keep one".into());
            }
            Ok((name, value))
        });
        match header {
            Ok((name, value)) => _ = headers.insert(name, value),
            Err(message) => field.mistake(&mut context.report, message),
        }
    }
    (headers.len() == count).then_some(headers)
}

/// The headers of clients that the server is sent.
fn forwarded(
    fields: &mut Fields<'_>,
    prefix: Option<&str>,
    headers: Option<&BTreeMap<String, String>>,
    context: &mut Context<'_>,
) -> Option<Vec<String>> {
    let unsafe_passthrough = match fields.take("unsafePassthrough") {
        Some(field) => field.truth(&mut context.report)?,
        None => false,
    };
    let Some(field) = fields.take("forwardHeaders") else { return Some(Vec::new()) };
    let names = forward::read(&field, headers, unsafe_passthrough, &mut context.report);
    if prefix == Some("") && names.as_ref().is_none_or(|names| !names.is_empty()) {
        field.mistake(&mut context.report, forward::NEEDS_PREFIX);
        return None;
    }
    names
}

/// Reports what cannot be had together with `forwardHeaders`.
fn suits_callers(reached: &Reached, cache: Cache, entry: &Field<'_>, context: &mut Context<'_>) -> Option<()> {
    if matches!(reached.transport, Transport::Stdio(_)) {
        let field = format!("{}.forwardHeaders", entry.path);
        context.report.mistake(entry.place(), &field, "goes with url: a command is sent no headers, take it away");
        return None;
    }
    if cache.scope == Some(CacheScope::Shared) {
        let field = format!("{}.cache.scope", entry.path);
        context.report.mistake(entry.place(), &field, forward::NOT_SHARED);
        return None;
    }
    Some(())
}

fn cache(field: &Field<'_>, context: &mut Context<'_>) -> Option<Cache> {
    let mut fields = Fields::of(field.node, &field.path, &mut context.report)?;
    let scope = match fields.take("scope") {
        Some(field) => {
            let choices = [("shared", CacheScope::Shared), ("private", CacheScope::Private)];
            field.choice(&choices, &mut context.report).map(Some)
        }
        None => Some(None),
    };
    let max_age_ms = match fields.take("maxAge") {
        Some(field) => milliseconds(&field, values::MAX_AGE, context).map(Some),
        None => Some(None),
    };
    fields.finish(&mut context.report);
    Some(Cache { scope: scope?, max_age_ms: max_age_ms? })
}

/// What the file named by `field` holds.
pub(super) fn authorities(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let path = context.directory.join(field.text(&mut context.report)?);
    context.report.file(&path);
    values::certificates(&path).map_err(|message| field.mistake(&mut context.report, message)).ok()
}

fn timeout(field: &Field<'_>, context: &mut Context<'_>) -> Option<u64> {
    milliseconds(field, Duration::from_millis(100)..=Duration::from_secs(3600), context)
}

fn milliseconds(field: &Field<'_>, bounds: RangeInclusive<Duration>, context: &mut Context<'_>) -> Option<u64> {
    let text = field.text_or_number(&mut context.report)?;
    let duration = values::duration(&text, bounds);
    let duration = duration.map_err(|message| field.mistake(&mut context.report, message)).ok()?;
    u64::try_from(duration.as_millis()).ok()
}

impl Declared {
    /// A server of which only the name, how it is reached and headers are told.
    pub(super) fn plain(entry: &Field<'_>, name: String, reached: Reached, headers: BTreeMap<String, String>) -> Self {
        Self {
            path: entry.path.clone(),
            name_at: entry.place(),
            prefix_at: entry.place(),
            url_at: reached.at,
            server: Server {
                prefix: format!("{name}_"),
                name,
                transport: reached.transport,
                url: reached.url,
                address: None,
                headers,
                forward_headers: Vec::new(),
                cache: Cache::default(),
                ca: None,
                era: EraChoice::Auto,
                on_session_loss: OnSessionLoss::Reopen,
                timeout_ms: TIMEOUT_MS,
                route: None,
            },
        }
    }
}
