//! `gateway.yaml`.

use super::fields::{Field, Fields};
use super::node::Node;
use super::server::{self, Declared};
use super::{Context, DEFAULT_LISTEN, Read, editing, session_store, values, virtual_server};
use protocol::config::{Access, Limits, SessionStore};
use std::net::SocketAddr;
use std::time::Duration;

const HELD_BODY: std::ops::RangeInclusive<u32> = 1 << 10..=256 << 20;
const SESSION_IDLE: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);
const INPUT: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
const INPUT_ROUNDS: std::ops::RangeInclusive<usize> = 1..=1000;
const INPUT_BATCH: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(10);
const LIST_PAGE: std::ops::RangeInclusive<usize> = 1..=1_000_000;
const SESSIONS: std::ops::RangeInclusive<usize> = 1..=10_000_000;

/// Reads the document. What is `None` or missing in the result has been reported.
pub(super) fn read(document: &Node, context: &mut Context<'_>) -> Option<Read> {
    let mut fields = Fields::of(document, "", &mut context.report)?;
    let listen = fields.take("listen").map_or(Some(DEFAULT_LISTEN), |field| listen(&field, context));
    let servers: Vec<Declared> = fields
        .require("servers", "[{ name: demo, url: \"http://127.0.0.1:9001/mcp\" }]", &mut context.report)
        .map(|field| field.items(&mut context.report))
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| server::read(entry, context))
        .collect();
    let virtual_servers =
        fields.take("virtualServers").map_or_else(Vec::new, |field| virtual_server::read(&field, context));
    let access = Access {
        allowed_origins: list(fields.take("allowedOrigins"), values::origin, context),
        allowed_hosts: list(fields.take("allowedHosts"), values::host, context),
    };
    let limits = fields.take("limits").map_or_else(Limits::default, |field| limits(&field, context));
    let editing = editing::read(&mut fields, context);
    let session_store = fields
        .take("sessionStore")
        .map_or_else(|| Some(SessionStore::default()), |field| session_store::read(&field, context));
    fields.finish(&mut context.report);
    Some(Read { listen: listen?, servers, virtual_servers, access, limits, editing, session_store: session_store? })
}

fn listen(field: &Field<'_>, context: &mut Context<'_>) -> Option<SocketAddr> {
    let text = field.text_or_number(&mut context.report)?;
    let address = text.parse().ok();
    if address.is_none() {
        field.mistake(
            &mut context.report,
            format!("is `{text}`: write ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080"),
        );
    }
    address
}

fn list(field: Option<Field<'_>>, read: fn(&str) -> Result<String, String>, context: &mut Context<'_>) -> Vec<String> {
    let Some(field) = field else { return Vec::new() };
    let mut values = Vec::new();
    for item in field.items(&mut context.report) {
        let Some(text) = item.text(&mut context.report) else { continue };
        match read(text) {
            Ok(value) => values.push(value),
            Err(message) => item.mistake(&mut context.report, message),
        }
    }
    values
}

fn limits(field: &Field<'_>, context: &mut Context<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut fields) = Fields::of(field.node, &field.path, &mut context.report) else { return limits };
    if let Some(field) = fields.take("heldBody")
        && let Some(bytes) = parsed(&field, |text| values::bytes(text, HELD_BODY), context)
    {
        limits.held_body_bytes = bytes;
    }
    if let Some(field) = fields.take("sessionIdle")
        && let Some(idle) = parsed(&field, |text| values::duration(text, SESSION_IDLE), context)
    {
        limits.session_idle_seconds = idle.as_secs();
    }
    if let Some(sessions) = fields.take("sessions").and_then(|field| number(&field, SESSIONS, context)) {
        limits.sessions = sessions;
    }
    if let Some(entries) = fields.take("listPage").and_then(|field| number(&field, LIST_PAGE, context)) {
        limits.list_page = entries;
    }
    if let Some(field) = fields.take("input")
        && let Some(input) = parsed(&field, |text| values::duration(text, INPUT), context)
    {
        limits.input_seconds = input.as_secs();
    }
    if let Some(rounds) = fields.take("inputRounds").and_then(|field| number(&field, INPUT_ROUNDS, context)) {
        limits.input_rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    }
    if let Some(field) = fields.take("inputBatch")
        && let Some(batch) = parsed(&field, |text| values::duration(text, INPUT_BATCH), context)
    {
        limits.input_batch_ms = u64::try_from(batch.as_millis()).unwrap_or(u64::MAX);
    }
    if let Some(sessions) = fields.take("pooledSessions").and_then(|field| number(&field, SESSIONS, context)) {
        limits.pooled_sessions = sessions;
    }
    fields.finish(&mut context.report);
    limits
}

pub(super) fn number(
    field: &Field<'_>,
    range: std::ops::RangeInclusive<usize>,
    context: &mut Context<'_>,
) -> Option<usize> {
    let number = usize::try_from(field.integer(&mut context.report)?).ok().filter(|number| range.contains(number));
    if number.is_none() {
        let message = format!("is out of range: write a number from {} to {}", range.start(), range.end());
        field.mistake(&mut context.report, message);
    }
    number
}

fn parsed<T>(field: &Field<'_>, parse: impl Fn(&str) -> Result<T, String>, context: &mut Context<'_>) -> Option<T> {
    let text = field.text_or_number(&mut context.report)?;
    parse(&text).map_err(|message| field.mistake(&mut context.report, message)).ok()
}
