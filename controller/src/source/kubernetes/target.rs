//! Where a registration's target leads.

use super::gateway_api::{
    BackendRef, BackendTlsPolicy, EntryEndpoint, EntryPort, GROUP, HttpRoute, ISTIO, ParentRef, Rule, Service,
    ServiceEntry, ServicePort,
};
use super::grants::{Referrer, permitted};
use super::kind::Kind;
use super::registration::{Registration, Target, TargetRef};
use super::verdict::{Verdict, reason};
use super::world::{World, spec};
use crate::model::{Backend, External, ObjectName};
use crate::source::values;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

/// A server, found.
#[derive(Debug)]
pub(super) struct Found {
    /// The broker's way to it.
    pub(super) url: String,
    /// Where that leads, if not to the host in it.
    pub(super) address: Option<String>,
    /// What the target has sent to it with every request.
    pub(super) headers: BTreeMap<String, String>,
    /// Envoy's. `None` if there is none.
    pub(super) backend: Option<Backend>,
    /// The authorities that its certificate has to be issued by, where the target says so itself.
    pub(super) ca: Option<String>,
    /// The gateways that it is on; `None` for any.
    pub(super) gateways: Option<Vec<ObjectName>>,
    /// What the operator has to know beside.
    pub(super) notes: Vec<String>,
}

impl Found {
    fn new(url: String, backend: Option<Backend>) -> Self {
        Self { url, address: None, headers: BTreeMap::new(), backend, ca: None, gateways: None, notes: Vec::new() }
    }
}

/// A host and port in the cluster or the mesh.
struct Place {
    /// The name that it goes by, in `Host` and in its certificate.
    host: String,
    /// Where it is, if that is another name.
    address: Option<String>,
    port: u16,
    tls: bool,
    /// Whether Envoy speaks TLS by itself, since the cluster's own resources say so.
    tls_by_policy: bool,
    ca: Option<String>,
}

impl Place {
    fn url(&self, path: &str) -> String {
        let (scheme, default) = if self.tls { ("https", 443) } else { ("http", 80) };
        let (host, port) = (&self.host, self.port);
        if port == default { format!("{scheme}://{host}{path}") } else { format!("{scheme}://{host}:{port}{path}") }
    }

    fn external(&self, ca: Option<String>) -> Backend {
        Backend::External(External { host: self.host.clone(), port: self.port, tls: self.tls, ca })
    }
}

/// Finds what `registration` is about. `ca` is what the registration itself trusts.
pub(super) fn find(world: &World, registration: &Registration, ca: Option<&str>) -> Result<Found, Verdict> {
    match &registration.target {
        Target::Url(url) => outside(url, ca),
        Target::Ref(TargetRef { kind, name, port, rule }) => {
            let namespace = &registration.id.name.namespace;
            let from = Referrer { group: registration.id.kind.group(), kind: registration.id.kind.kind(), namespace };
            if !permitted(world, &from, (kind.group(), kind.kind()), name) {
                return Err(not_permitted(*kind, name, &from));
            }
            let lookup = Lookup { world, registration, ca };
            match kind {
                Kind::Service => lookup.service(name, *port),
                Kind::ServiceEntry => lookup.entry(name, *port),
                _ => lookup.route(name, rule.as_deref()),
            }
        }
    }
}

fn not_permitted(kind: Kind, name: &ObjectName, from: &Referrer<'_>) -> Verdict {
    let message = format!(
        "{} {name} is in another namespace: a ReferenceGrant there has to allow {} of namespace {}",
        kind.kind(),
        from.kind,
        from.namespace
    );
    Verdict::no(reason::REF_NOT_PERMITTED, message)
}

fn outside(url: &str, ca: Option<&str>) -> Result<Found, Verdict> {
    let url = values::endpoint(url).map_err(|error| Verdict::no(reason::INVALID, format!("url {error}")))?;
    let place = Place {
        host: url.host_str().unwrap_or_default().to_owned(),
        address: None,
        port: url.port_or_known_default().unwrap_or(443),
        tls: url.scheme() == "https",
        tls_by_policy: false,
        ca: None,
    };
    Ok(Found::new(Url::into(url), Some(place.external(ca.map(str::to_owned)))))
}

struct Lookup<'a> {
    world: &'a World,
    registration: &'a Registration,
    ca: Option<&'a str>,
}

impl Lookup<'_> {
    fn namespace(&self) -> &str {
        &self.registration.id.name.namespace
    }

    fn missing(kind: Kind, name: &ObjectName) -> Verdict {
        Verdict::no(reason::TARGET_NOT_FOUND, format!("there is no {} {name}", kind.kind()))
    }

    /// A `Service`, as the target itself.
    fn service(&self, name: &ObjectName, port: Option<u16>) -> Result<Found, Verdict> {
        let place = self.service_place(name, port).ok_or_else(|| match self.world.get(Kind::Service, name) {
            None => Self::missing(Kind::Service, name),
            Some(service) if is_external(service) => Verdict::no(
                reason::INVALID_KIND,
                format!("Service {name} is an ExternalName without ports: name the host in url, or a ServiceEntry in targetRef"),
            ),
            Some(_) => no_port(Kind::Service, name, port),
        })?;
        let reference = json!({ "group": "", "kind": "Service", "namespace": name.namespace, "name": name.name, "port": place.port });
        self.one(place, reference)
    }

    /// A `ServiceEntry`, as the target itself.
    fn entry(&self, name: &ObjectName, port: Option<u16>) -> Result<Found, Verdict> {
        let entry = self.world.get(Kind::ServiceEntry, name).ok_or_else(|| Self::missing(Kind::ServiceEntry, name))?;
        let invalid = |error: String| Verdict::no(reason::INVALID, format!("ServiceEntry {name}: {error}"));
        let entry: ServiceEntry = spec(entry).map_err(invalid)?;
        let host = entry.hosts.first().filter(|host| !host.contains('*'));
        let host = host.ok_or_else(|| invalid("its first host has a wildcard: one host has to be named".into()))?;
        let (place, port) = entry_place(host, &entry, port).ok_or_else(|| no_port(Kind::ServiceEntry, name, port))?;
        let reference = json!({ "group": ISTIO, "kind": "Hostname", "name": host, "port": port });
        self.one(place, reference)
    }

    /// A server at one place, without a route of its own.
    fn one(&self, place: Place, reference: Value) -> Result<Found, Verdict> {
        let mut found = Found::new(place.url(&self.registration.path), None);
        found.ca = place.ca.clone();
        found.address = place.address.clone();
        found.backend = Some(if place.tls && !place.tls_by_policy {
            place.external(self.ca.map(str::to_owned))
        } else {
            Backend::Refs { refs: vec![reference], filters: Vec::new(), timeouts: None, host: place.host }
        });
        Ok(found)
    }

    /// An `HTTPRoute`: the rule that is named, or else the one that the registration's path falls under.
    fn route(&self, name: &ObjectName, wanted: Option<&str>) -> Result<Found, Verdict> {
        let route = self.world.get(Kind::HttpRoute, name).ok_or_else(|| Self::missing(Kind::HttpRoute, name))?;
        let invalid = |error: String| Verdict::no(reason::INVALID, format!("HTTPRoute {name}: {error}"));
        let route: HttpRoute = spec(route).map_err(invalid)?;
        let path = &self.registration.path;
        let meant = |rule: &&Rule| match wanted {
            Some(wanted) => rule.name.as_deref() == Some(wanted),
            None => takes(rule, path),
        };
        let rule = route.rules.iter().find(meant).ok_or_else(|| match wanted {
            Some(wanted) => invalid(format!("no rule of it is called {wanted}: correct targetRef.sectionName")),
            None => invalid(format!("no rule of it takes the path {path}: correct path")),
        })?;
        let backends = self.backends(rule, name)?;
        let Some((chosen, _)) = backends.first() else {
            return Err(Verdict::no(
                reason::BACKEND_NOT_FOUND,
                format!("HTTPRoute {name} has no backend for this path"),
            ));
        };
        let mut place = self.backend_place(chosen, name)?;
        let mut rewritten = rewrite(rule, path);
        let host = rewritten.host.take().unwrap_or_else(|| place.host.clone());
        if !place.tls && host != place.host {
            let own = std::mem::replace(&mut place.host, host.clone());
            place.address.get_or_insert(own);
        }
        let mut found = Found::new(place.url(&rewritten.path), None);
        found.ca = place.ca.clone();
        found.address = place.address.clone();
        found.headers = rewritten.headers;
        found.gateways = Some(route.parent_refs.iter().filter_map(|parent| gateway_of(parent, name)).collect());
        found.notes = rewritten.left_out;
        let reaches = backends.iter().all(|(backend, _)| self.route_may_reach(backend, name));
        found.backend = if place.tls && !place.tls_by_policy {
            found.notes.extend(lost_outside(&rewritten.filters, (&host, &place.host), backends.len()));
            (backends.len() == 1).then(|| place.external(self.ca.map(str::to_owned)))
        } else if reaches {
            if backends.len() > 1 {
                found.notes.push(
                    "the broker asks the first of the HTTPRoute's backends alone, and Envoy all of them: they have to be one server, and one \
                     without sessions"
                        .to_owned(),
                );
            }
            let refs = backends.into_iter().map(|(_, reference)| reference).collect();
            Some(Backend::Refs { refs, filters: rewritten.filters, timeouts: rule.timeouts.clone(), host })
        } else {
            found.notes.push(format!(
                "calls go by the broker, as routes of namespace {} may not refer to the backends: a ReferenceGrant for HTTPRoutes would let Envoy reach them itself",
                self.namespace()
            ));
            None
        };
        Ok(found)
    }

    /// The rule's backends that get requests, and the references to them with their namespace filled in.
    fn backends(&self, rule: &Rule, route: &ObjectName) -> Result<Vec<(BackendRef, Value)>, Verdict> {
        let mut backends = Vec::new();
        for reference in &rule.backend_refs {
            let invalid = |error| Verdict::no(reason::INVALID, format!("HTTPRoute {route}: backendRefs: {error}"));
            let mut backend: BackendRef = serde_json::from_value(reference.clone()).map_err(invalid)?;
            let mut reference = reference.clone();
            if backend.group.is_empty() {
                let namespace = backend.namespace.get_or_insert_with(|| route.namespace.clone());
                reference["namespace"] = json!(namespace);
            }
            if backend.weight != Some(0) {
                backends.push((backend, reference));
            }
        }
        Ok(backends)
    }

    fn backend_place(&self, backend: &BackendRef, route: &ObjectName) -> Result<Place, Verdict> {
        match (backend.group.as_str(), backend.kind.as_str()) {
            ("", "Service") => {
                let namespace = backend.namespace.clone().unwrap_or_else(|| route.namespace.clone());
                let name = ObjectName { namespace, name: backend.name.clone() };
                let from = Referrer { group: GROUP, kind: "HTTPRoute", namespace: &route.namespace };
                if !permitted(self.world, &from, ("", "Service"), &name) {
                    return Err(not_permitted(Kind::Service, &name, &from));
                }
                self.service_place(&name, backend.port).ok_or_else(|| {
                    let message =
                        format!("HTTPRoute {route} leads to Service {name}, which is not there or has no such port");
                    Verdict::no(reason::BACKEND_NOT_FOUND, message)
                })
            }
            (ISTIO, "Hostname") => Ok(self.hostname(backend)),
            (group, kind) => {
                let message = format!(
                    "HTTPRoute {route} leads to a {kind} of group `{group}`: only a Service or a Hostname of {ISTIO} can be followed"
                );
                Err(Verdict::no(reason::INVALID_KIND, message))
            }
        }
    }

    /// A host of the mesh: its `ServiceEntry` says whether it is reached by TLS.
    fn hostname(&self, backend: &BackendRef) -> Place {
        let entries = self.world.all(Kind::ServiceEntry).filter_map(|(_, entry)| spec::<ServiceEntry>(entry).ok());
        let named = entries.filter(|entry| entry.hosts.contains(&backend.name));
        let known = named.filter_map(|entry| entry_place(&backend.name, &entry, backend.port)).next();
        let port = backend.port.unwrap_or(443);
        let unknown = || Place {
            host: backend.name.clone(),
            address: None,
            port,
            tls: port == 443,
            tls_by_policy: false,
            ca: None,
        };
        known.map_or_else(unknown, |(place, _)| place)
    }

    fn service_place(&self, name: &ObjectName, port: Option<u16>) -> Option<Place> {
        let service: Service = spec(self.world.get(Kind::Service, name)?).ok()?;
        let port = match port {
            Some(port) => service.ports.iter().find(|known| known.port == port)?,
            None => the_one(&service.ports, |port| &port.name)?,
        };
        let host = format!("{}.{}.svc.{}", name.name, name.namespace, self.world.defaults.cluster.domain);
        let policy = self.tls_policy(name, &port.name);
        let ca = policy.as_ref().and_then(|policy| self.authorities(policy, &name.namespace));
        Some(Place {
            address: policy.as_ref().map(|_| host.clone()),
            host: policy.as_ref().map_or(host, |policy| policy.validation.hostname.clone()),
            port: port.port,
            tls: policy.is_some() || is_tls(port),
            tls_by_policy: policy.is_some(),
            ca,
        })
    }

    fn tls_policy(&self, service: &ObjectName, port: &str) -> Option<BackendTlsPolicy> {
        let own = self.world.all(Kind::BackendTlsPolicy).filter(|(name, _)| name.namespace == service.namespace);
        own.filter_map(|(_, policy)| spec::<BackendTlsPolicy>(policy).ok()).find(|policy| {
            policy.target_refs.iter().any(|target| {
                target.kind == "Service"
                    && target.name == service.name
                    && target.section_name.as_ref().is_none_or(|section| section == port)
            })
        })
    }

    fn authorities(&self, policy: &BackendTlsPolicy, namespace: &str) -> Option<String> {
        let texts = policy.validation.ca_certificate_refs.iter().filter_map(|reference| {
            let kind = if reference.kind == "Secret" { Kind::Secret } else { Kind::ConfigMap };
            let name = ObjectName { namespace: namespace.to_owned(), name: reference.name.clone() };
            self.world.value(kind, &name, "ca.crt")
        });
        let text = texts.collect::<Vec<_>>().join("\n");
        (!text.is_empty()).then_some(text)
    }

    /// Whether the route that is made for the server, in the registration's namespace, may refer to a backend.
    fn route_may_reach(&self, backend: &BackendRef, route: &ObjectName) -> bool {
        let namespace = backend.namespace.clone().unwrap_or_else(|| route.namespace.clone());
        let name = ObjectName { namespace, name: backend.name.clone() };
        let from = Referrer { group: GROUP, kind: "HTTPRoute", namespace: self.namespace() };
        !backend.group.is_empty() || permitted(self.world, &from, ("", "Service"), &name)
    }
}

fn is_external(service: &DynamicObject) -> bool {
    spec::<Service>(service)
        .is_ok_and(|service| service.kind.as_deref() == Some("ExternalName") && service.ports.is_empty())
}

fn is_tls(port: &ServicePort) -> bool {
    let by_protocol = port.app_protocol.as_deref().is_some_and(|protocol| protocol.eq_ignore_ascii_case("https"));
    by_protocol || (port.app_protocol.is_none() && (port.name == "https" || port.name.starts_with("https-")))
}

/// The broker's way to a host of a `ServiceEntry`, and the number of its port there.
fn entry_place(host: &str, entry: &ServiceEntry, port: Option<u16>) -> Option<(Place, u16)> {
    let port = match port {
        Some(port) => entry.ports.iter().find(|known| known.number == port)?,
        None => the_one(&entry.ports, |port| &port.name)?,
    };
    let tls = ["HTTPS", "TLS"].contains(&port.protocol.to_ascii_uppercase().as_str());
    let mut place =
        Place { host: host.to_owned(), address: None, port: port.number, tls, tls_by_policy: false, ca: None };
    // No name server may know the host, as only the mesh has to. With TLS a ServiceEntry of ours stands for it, which goes by DNS.
    if let Some((address, number)) = endpoint(&entry.endpoints, port).filter(|_| !tls) {
        place.address = Some(address.to_owned());
        place.port = number;
    }
    Some((place, port.number))
}

/// Where the first endpoint is that has an address on the network.
fn endpoint<'a>(endpoints: &'a [EntryEndpoint], port: &EntryPort) -> Option<(&'a str, u16)> {
    let endpoint = endpoints.iter().find(|endpoint| !endpoint.address.is_empty() && !endpoint.address.contains('/'))?;
    let own = endpoint.ports.get(&port.name).copied();
    Some((&endpoint.address, own.or(port.target_port).unwrap_or(port.number)))
}

/// The only port; of several the one that is called so.
fn the_one<T>(ports: &[T], name: impl Fn(&T) -> &str) -> Option<&T> {
    match ports {
        [only] => Some(only),
        several => several.iter().find(|port| ["mcp", "http", "https"].contains(&name(port))),
    }
}

fn no_port(kind: Kind, name: &ObjectName, port: Option<u16>) -> Verdict {
    let kind = kind.kind();
    let message = match port {
        Some(port) => format!("{kind} {name} has no port {port}: correct targetRef.port"),
        None => format!("{kind} {name} has several ports, or none: name one in targetRef.port"),
    };
    Verdict::no(reason::BACKEND_NOT_FOUND, message)
}

fn gateway_of(parent: &ParentRef, route: &ObjectName) -> Option<ObjectName> {
    let is_gateway = parent.kind.as_deref().is_none_or(|kind| kind == "Gateway")
        && parent.group.as_deref().is_none_or(|group| group == GROUP);
    is_gateway.then(|| ObjectName {
        namespace: parent.namespace.clone().unwrap_or_else(|| route.namespace.clone()),
        name: parent.name.clone(),
    })
}

/// Whether a rule is for requests to `path`.
fn takes(rule: &Rule, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    rule.matches.is_empty()
        || rule.matches.iter().any(|matched| {
            let Some(wanted) = &matched.path else { return true };
            let value = wanted.value.as_deref().unwrap_or("/");
            match wanted.kind.as_deref().unwrap_or("PathPrefix") {
                "Exact" => path == value,
                "PathPrefix" => {
                    let prefix = value.trim_end_matches('/');
                    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                }
                // Expressions are not read: the rule may be meant.
                _ => true,
            }
        })
}

/// What a rule's filters make of a request.
struct Rewritten {
    path: String,
    host: Option<String>,
    /// Headers that it is given.
    headers: BTreeMap<String, String>,
    filters: Vec<Value>,
    left_out: Vec<String>,
}

/// The filter that gives a request headers.
const HEADERS: &str = "RequestHeaderModifier";
/// Filters that a call can pass on its way to a server, as they are.
const PASSING: [&str; 2] = ["ResponseHeaderModifier", "ExtensionRef"];

fn rewrite(rule: &Rule, path: &str) -> Rewritten {
    let mut rewritten = Rewritten {
        path: path.to_owned(),
        host: None,
        headers: BTreeMap::new(),
        filters: Vec::new(),
        left_out: Vec::new(),
    };
    for filter in &rule.filters {
        let kind = filter["type"].as_str().unwrap_or_default();
        if kind == "URLRewrite" {
            let change = &filter["urlRewrite"];
            rewritten.host = change["hostname"].as_str().map(str::to_owned);
            if let Some(full) = change["path"]["replaceFullPath"].as_str() {
                rewritten.path = full.to_owned();
            } else if let Some(prefix) = change["path"]["replacePrefixMatch"].as_str() {
                rewritten.path = replace_prefix(rule, path, prefix);
            }
        } else if kind == HEADERS {
            rewritten.filters.push(with_headers(filter, &mut rewritten.headers, &mut rewritten.left_out));
        } else if PASSING.contains(&kind) {
            rewritten.filters.push(filter.clone());
        } else {
            rewritten.left_out.push(left_out(kind));
        }
    }
    rewritten
}

/// What a route says and a server that is reached by TLS of ours does not get.
fn lost_outside(filters: &[Value], (host, own): (&str, &str), backends: usize) -> Vec<String> {
    let kinds = filters.iter().filter_map(|filter| filter["type"].as_str());
    let others = kinds.filter(|kind| *kind != HEADERS);
    let mut lost: Vec<_> = others.map(left_out).collect();
    if host != own {
        lost.push(format!(
            "the server gets the host {own} and not {host}, as its certificate is checked by that: a BackendTLSPolicy can name another"
        ));
    }
    if backends > 1 {
        lost.push("calls go by the broker, to the first of several backends with TLS: a BackendTLSPolicy for them would let Envoy reach all".to_owned());
    }
    lost
}

fn left_out(filter: &str) -> String {
    format!("the HTTPRoute's filter {filter} is left out: calls do not pass it")
}

/// Takes the headers that a filter gives a request, for those that no route takes to the server. In the filter that is left none is
/// added to itself.
fn with_headers(filter: &Value, headers: &mut BTreeMap<String, String>, left_out: &mut Vec<String>) -> Value {
    let mut filter = filter.clone();
    let modifier = &mut filter["requestHeaderModifier"];
    let mut given = Vec::new();
    for field in ["add", "set"] {
        if let Some(Value::Array(more)) = modifier.as_object_mut().and_then(|modifier| modifier.remove(field)) {
            given.extend(more);
        }
    }
    let mut kept = BTreeMap::new();
    for header in given {
        let (name, value) = (header["name"].as_str().unwrap_or_default(), header["value"].as_str().unwrap_or_default());
        match values::header_name(name).and_then(|name| values::header_value(value).map(|()| name)) {
            Ok(name) => {
                headers.insert(name.clone(), value.to_owned());
                kept.insert(name, header);
            }
            Err(error) => {
                left_out.push(format!("the header {name} of the HTTPRoute's filters {error}, and is left out"));
            }
        }
    }
    if !kept.is_empty() {
        modifier["set"] = kept.into_values().collect();
    }
    filter
}

fn replace_prefix(rule: &Rule, path: &str, by: &str) -> String {
    let prefixes = rule.matches.iter().filter_map(|matched| matched.path.as_ref()?.value.as_deref());
    let longest = prefixes
        .map(|prefix| prefix.trim_end_matches('/'))
        .filter(|prefix| path.starts_with(prefix))
        .max_by_key(|prefix| prefix.len())
        .unwrap_or_default();
    let rest = path.get(longest.len()..).unwrap_or_default();
    let joined = format!("{}{rest}", by.trim_end_matches('/'));
    if joined.is_empty() { "/".to_owned() } else { joined }
}
