//! `AuthorizationPolicy`s that were written for the endpoint's host or path, and do not see a call as the client sent it: they run
//! behind the filter, which has sent it on its way to a server by then.

use super::mesh::Mesh;
use super::workloads::{PolicyTarget, Workloads, is_for_gateway};
use super::{Caution, reason};
use crate::model::{Instance, ObjectName};
use crate::render::kubernetes::route;
use crate::source::kubernetes::kind::Kind;
use crate::source::kubernetes::world::{World, spec};
use protocol::http::path;
use serde::Deserialize;
use url::Url;

/// `spec` of an `AuthorizationPolicy`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AuthorizationPolicy {
    selector: Workloads,
    target_ref: Option<PolicyTarget>,
    target_refs: Vec<PolicyTarget>,
    action: String,
    rules: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rule {
    to: Vec<To>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct To {
    operation: Operation,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Operation {
    hosts: Vec<String>,
    not_hosts: Vec<String>,
    paths: Vec<String>,
    not_paths: Vec<String>,
}

/// A request, as policies see it.
struct Seen {
    host: String,
    path: String,
}

impl AuthorizationPolicy {
    /// Whether it may be for a request, whoever sends it.
    fn is_for(&self, seen: &Seen) -> bool {
        self.rules.iter().any(|rule| rule.to.is_empty() || rule.to.iter().any(|to| to.operation.is_for(seen)))
    }
}

impl Operation {
    fn is_for(&self, seen: &Seen) -> bool {
        let host = |pattern: &String| matches(&without_port(pattern).to_ascii_lowercase(), &seen.host);
        let path = |pattern: &String| pattern.contains('{') || matches(pattern, &seen.path);
        (self.hosts.is_empty() || self.hosts.iter().any(host))
            && !self.not_hosts.iter().any(host)
            && (self.paths.is_empty() || self.paths.iter().any(path))
            && !self.not_paths.iter().any(path)
    }
}

/// Istio's patterns: as it stands, with a `*` at one of its ends, or `*` alone.
fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => text.ends_with(end),
        (None, Some(begin)) => text.starts_with(begin),
        (None, None) => pattern == text,
    }
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').filter(|(_, port)| *port == "*" || port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host)
}

pub(super) fn of(world: &World, mesh: &Mesh, instance: &Instance) -> Vec<Caution> {
    let endpoint = Seen { host: instance.public_host.clone(), path: path::MCP.to_owned() };
    let calls: Vec<Seen> = instance
        .servers
        .iter()
        .filter_map(|upstream| {
            let host = route(instance, upstream)?.authority;
            Some(Seen { host, path: Url::parse(&upstream.server.url).ok()?.path().to_owned() })
        })
        .collect();
    let policies: Vec<_> = world
        .all(Kind::AuthorizationPolicy)
        .map(|(name, object)| (name, spec::<AuthorizationPolicy>(object).unwrap_or_default()))
        .filter(|(name, policy)| {
            let targets: Vec<_> = policy.target_ref.iter().chain(&policy.target_refs).collect();
            is_for_gateway(world, mesh, instance, &name.namespace, &targets, &policy.selector)
        })
        .collect();
    let allow: Vec<_> = policies.iter().filter(|(_, policy)| matches!(policy.action.as_str(), "" | "ALLOW")).collect();
    let deny = policies.iter().filter(|(_, policy)| policy.action == "DENY");
    let mut cautions: Vec<_> = deny.filter_map(|(name, policy)| denied(name, policy, &endpoint, &calls)).collect();
    let allowed = |seen: &Seen| allow.iter().any(|(_, policy)| policy.is_for(seen));
    if !allow.is_empty() && allowed(&endpoint) && !calls.iter().all(allowed) {
        let names: Vec<_> =
            allow.iter().filter(|(_, policy)| policy.is_for(&endpoint)).map(|(name, _)| name.to_string()).collect();
        let message = format!(
            "AuthorizationPolicy {} (ALLOW) lets requests to {} in, but no policy lets calls through that go straight to a server, \
             as host {} and the server's path: add that to operation.hosts (and paths).",
            names.join(", "),
            endpoint.host,
            hosts(&calls),
        );
        cautions.push(Caution { reason: reason::AUTHORIZATION_POLICY, message });
    }
    cautions
}

fn denied(name: &ObjectName, policy: &AuthorizationPolicy, endpoint: &Seen, calls: &[Seen]) -> Option<Caution> {
    let of_endpoint = policy.is_for(endpoint);
    let differs = calls.iter().any(|call| policy.is_for(call) != of_endpoint);
    let message = if !differs {
        return None;
    } else if of_endpoint {
        format!(
            "AuthorizationPolicy {name} (DENY) matches {} or {} and not calls that go straight to a server, which it sees as host \
             {} and the server's path: refuse by the caller (from) alone, or make it a CUSTOM policy, which comes before.",
            endpoint.host,
            endpoint.path,
            hosts(calls),
        )
    } else {
        format!(
            "AuthorizationPolicy {name} (DENY) refuses calls that go straight to a server, which it sees as host {} and the \
             server's path: leave these out (operation.notHosts).",
            hosts(calls),
        )
    };
    Some(Caution { reason: reason::AUTHORIZATION_POLICY, message })
}

/// The calls' hosts, as a policy can name them.
fn hosts(calls: &[Seen]) -> String {
    let host = calls.first().map_or("", |call| call.host.as_str());
    // Where the listener has one hostname, calls have it too.
    match host.split_once('.') {
        Some((label, domain)) if label.starts_with("s-") => format!("*.{domain}"),
        _ => host.to_owned(),
    }
}
