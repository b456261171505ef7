//! What statuses tell beside their conditions.

use super::judge::Facts;
use super::observe::{Conflict, ServerStatus};
use crate::model::{Instance, Mode, ObjectName};
use crate::source::kubernetes::{ExtensionOutcome, Kind, RegistrationOutcome};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Names and URIs that are told one by one.
const REFUSED: usize = 50;

/// Of an extension. `ready`: how many of its servers clients can call.
pub(super) fn extension(outcome: &ExtensionOutcome, facts: Option<&Facts>, ready: usize) -> Map<String, Value> {
    let Some((instance, facts)) = outcome.instance.as_ref().zip(facts) else {
        return fields([
            ("mode", Value::Null),
            ("servers", Value::Null),
            ("proxies", Value::Null),
            ("brokers", Value::Null),
            ("sessionStore", Value::Null),
        ]);
    };
    let (filters, current) = facts.filters();
    let brokers = facts.seen.brokers.values();
    let up_to_date =
        brokers.clone().filter(|broker| broker.as_ref().is_ok_and(|broker| broker.config == facts.config)).count();
    let mode = match instance.mode {
        Mode::WasmPlugin => "WasmPlugin",
        Mode::EnvoyFilter => "EnvoyFilter",
    };
    fields([
        ("mode", json!(mode)),
        ("urls", json!(facts.port.map(|port| vec![url(instance, port)]))),
        ("servers", json!({ "ready": ready, "total": instance.servers.len() })),
        ("proxies", json!({ "ready": current, "total": filters })),
        ("brokers", json!({ "ready": up_to_date, "total": brokers.count() })),
        ("sessionStore", session_store(facts)),
        ("module", json!(instance.module.as_ref().map(|module| format!("{}@sha256:{}", module.url, module.sha256)))),
    ])
}

fn session_store(facts: &Facts) -> Value {
    match facts.session_stores() {
        (0, _) => Value::Null,
        (total, ready) => json!({ "ready": ready, "total": total }),
    }
}

fn url(instance: &Instance, port: u16) -> String {
    let (scheme, default) = if instance.listener.https { ("https", 443) } else { ("http", 80) };
    let port = if port == default { String::new() } else { format!(":{port}") };
    format!("{scheme}://{}{port}{}", instance.public_host, protocol::http::path::MCP)
}

/// Of a registration.
pub(super) fn registration(
    kind: Kind,
    outcome: &RegistrationOutcome,
    facts: &BTreeMap<ObjectName, Facts>,
) -> Map<String, Value> {
    let servers = || outcome.servers.iter().filter_map(|(extension, server)| Some((facts.get(extension)?, server)));
    let seen: Vec<&ServerStatus> = servers().flat_map(|(facts, server)| facts.server(server)).collect();
    let most = |count: fn(&ServerStatus) -> u64| json!(seen.iter().map(|server| count(server)).max());
    if kind == Kind::KagentiRegistration {
        return fields([("discoveredTools", most(|server| server.tools))]);
    }
    let gateways: Vec<Value> = outcome
        .servers
        .iter()
        .map(
            |(extension, server)| json!({ "namespace": extension.namespace, "name": extension.name, "server": server }),
        )
        .collect();
    let refused: BTreeSet<&Conflict> = seen.iter().flat_map(|server| &server.conflicts).collect();
    let eras: BTreeSet<&str> = seen.iter().flat_map(|server| &server.eras).filter_map(|era| era_name(era)).collect();
    let eras: Vec<_> = eras.into_iter().collect();
    let versions: BTreeSet<&String> = seen.iter().flat_map(|server| &server.revisions).collect();
    let transport = seen.iter().find_map(|server| server.transport.as_deref());
    let contact = seen.iter().filter_map(|server| server.last_contact.0.as_ref()).max();
    fields([
        ("gateways", json!(gateways)),
        ("era", if eras.is_empty() { Value::Null } else { json!(eras.join(",")) }),
        ("transport", json!(transport.map(transport_name))),
        ("protocolVersions", json!(versions)),
        ("tools", most(|server| server.tools)),
        ("prompts", most(|server| server.prompts)),
        ("resources", most(|server| server.resources)),
        ("templates", most(|server| server.templates)),
        ("lastContact", json!(contact)),
        ("refused", json!(refused.iter().take(REFUSED).collect::<Vec<_>>())),
        ("refusedCount", json!((!seen.is_empty()).then_some(refused.len()))),
    ])
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn era_name(era: &str) -> Option<&'static str> {
    match era {
        "legacy" => Some("Legacy"),
        "modern" => Some("Modern"),
        _ => None,
    }
}

fn transport_name(transport: &str) -> &str {
    match transport {
        "streamable-http" => "StreamableHTTP",
        "sse" => "SSE",
        other => other,
    }
}
