//! What resources say, of whichever group, in one form.

use super::kind::Kind;
use super::registration::{Credential, Registration, RegistrationId, Target, TargetRef, ValueRef};
use super::world::{Defaults, name_of, spec};
use crate::api;
use crate::api::kagenti;
use crate::model::{BrokerSpec, Mode, ObjectName, Owner};
use crate::source::{forward, values};
use kube::api::DynamicObject;
use protocol::config::{Access, Cache, CacheScope, EraChoice, Limits, OnSessionLoss, Transport};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// What one `MCPGatewayExtension` says.
pub(super) struct Extension {
    pub(super) name: ObjectName,
    pub(super) owner: Owner,
    pub(super) gateway: ObjectName,
    pub(super) listener: Option<String>,
    pub(super) public_host: Option<String>,
    pub(super) mode: Mode,
    pub(super) module: String,
    pub(super) module_pull_secret: Option<String>,
    pub(super) broker: BrokerSpec,
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) uri_meta_keys: Vec<String>,
    /// `None`: from two servers on.
    pub(super) label_elicitations: Option<bool>,
    pub(super) session_store: api::SessionStore,
}

/// Reads an extension. An error names the field.
pub(super) fn extension(object: &DynamicObject, defaults: &Defaults) -> Result<Extension, String> {
    let spec: api::ExtensionSpec = spec(object)?;
    let name = name_of(object);
    let in_access = |error: String| format!("spec.access: {error}");
    let origins = spec.access.allowed_origins.iter().map(|origin| values::origin(origin));
    let hosts = spec.access.allowed_hosts.iter().map(|host| values::host(host));
    let broker = spec.broker;
    let (module, module_pull_secret) = match spec.module {
        Some(module) => (module.url, module.pull_secret),
        None => (defaults.module.clone(), None),
    };
    Ok(Extension {
        gateway: ObjectName {
            namespace: spec.target_ref.namespace.unwrap_or_else(|| name.namespace.clone()),
            name: spec.target_ref.name,
        },
        listener: spec.target_ref.section_name,
        public_host: spec.public_host,
        mode: match spec.data_path.mode {
            api::DataPathMode::WasmPlugin => Mode::WasmPlugin,
            api::DataPathMode::EnvoyFilter => Mode::EnvoyFilter,
        },
        module,
        module_pull_secret,
        broker: BrokerSpec {
            image: broker.image.unwrap_or_else(|| defaults.image.clone()),
            pull_policy: broker.image_pull_policy.map(|policy| policy.as_str().to_owned()),
            pull_secrets: broker.image_pull_secrets,
            replicas: broker.replicas,
            resources: broker.resources.map_or_else(|| json!({}), |resources| resources.to_value()),
        },
        access: Access {
            allowed_origins: origins.collect::<Result<_, _>>().map_err(in_access)?,
            allowed_hosts: hosts.collect::<Result<_, _>>().map_err(in_access)?,
        },
        limits: spec.limits.to_config().map_err(|error| format!("spec.{error}"))?,
        uri_meta_keys: spec.editing.uri_meta_keys,
        label_elicitations: spec.editing.label_elicitations,
        session_store: spec.session_store,
        owner: owner(Kind::Extension, object),
        name,
    })
}

/// Reads a registration of either group. An error names the field.
pub(super) fn registration(kind: Kind, object: &DynamicObject) -> Result<Registration, String> {
    let read = if kind == Kind::KagentiRegistration { of_kagenti } else { ours };
    let registration = read(object)?;
    if let Some(bad) = registration.path.chars().find(|character| *character == '#' || !character.is_ascii_graphic()) {
        return Err(format!(
            "spec.path is `{}`: it holds `{bad}`, which a URL cannot have there: write it as %XX, and take away #",
            registration.path
        ));
    }
    if !registration.path.starts_with('/') {
        return Err(format!("spec.path is `{}`: it has to begin with /, as in /mcp", registration.path));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !registration.prefix.chars().all(legal) {
        let prefix = &registration.prefix;
        return Err(format!("spec: the prefix `{prefix}` holds other characters than A-Z, a-z, 0-9, _, . and -"));
    }
    Ok(registration)
}

fn ours(object: &DynamicObject) -> Result<Registration, String> {
    let spec: api::RegistrationSpec = spec(object)?;
    let id = RegistrationId { kind: Kind::Registration, name: name_of(object) };
    let forward_headers = forwarded(&spec)?;
    let cache = cache(&spec)?;
    let target = match (spec.url, spec.target_ref) {
        (Some(url), None) => Target::Url(url),
        (None, Some(target)) => Target::Ref(TargetRef {
            kind: match target.kind {
                api::TargetKind::HTTPRoute => Kind::HttpRoute,
                api::TargetKind::Service => Kind::Service,
                api::TargetKind::ServiceEntry => Kind::ServiceEntry,
            },
            name: ObjectName {
                namespace: target.namespace.unwrap_or_else(|| id.name.namespace.clone()),
                name: target.name,
            },
            port: target.port,
            rule: target.section_name,
        }),
        _ => return Err("spec: write either targetRef or url".to_owned()),
    };
    let bounds = Duration::from_millis(100)..=Duration::from_secs(3600);
    let timeout = values::duration(&spec.timeout, bounds).map_err(|error| format!("spec.timeout {error}"))?;
    let extensions = spec.extension_refs.into_iter().map(|extension| ObjectName {
        namespace: extension.namespace.unwrap_or_else(|| id.name.namespace.clone()),
        name: extension.name,
    });
    Ok(Registration {
        owner: owner(id.kind, object),
        enabled: spec.state == api::ServerState::Enabled,
        prefix: spec.prefix,
        path: spec.path,
        target,
        transport: match spec.transport {
            api::ServerTransport::Auto => Transport::Auto,
            api::ServerTransport::StreamableHttp => Transport::StreamableHttp,
            api::ServerTransport::Sse => Transport::Sse,
        },
        era: match spec.era {
            api::Era::Auto => EraChoice::Auto,
            api::Era::Legacy => EraChoice::Legacy,
            api::Era::Modern => EraChoice::Modern,
        },
        on_session_loss: match spec.on_session_loss {
            api::OnSessionLoss::Reopen => OnSessionLoss::Reopen,
            api::OnSessionLoss::End => OnSessionLoss::End,
        },
        forward_headers,
        cache,
        credential: spec.credential_ref.map(|reference| Credential {
            value: ValueRef { kind: Kind::Secret, name: reference.name, key: reference.key },
            header: reference.header,
        }),
        ca: spec.ca_certificate_ref.as_ref().map(ValueRef::of_ca),
        timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        extensions: extensions.collect(),
        id,
    })
}

/// `spec.forwardHeaders`, in the form in which a server is configured.
fn forwarded(spec: &api::RegistrationSpec) -> Result<Vec<String>, String> {
    let mut names = BTreeSet::new();
    for (at, header) in spec.forward_headers.iter().enumerate() {
        let wrong = |error: String| format!("spec.forwardHeaders[{at}] {error}");
        let name = forward::name(header, spec.unsafe_passthrough).map_err(wrong)?;
        if spec.credential_ref.as_ref().is_some_and(|credential| credential.header.eq_ignore_ascii_case(&name)) {
            return Err(wrong(format!("is `{header}`, which credentialRef sets too: keep it in one of the two")));
        }
        if !names.insert(name) {
            return Err(wrong(format!("is `{header}` a second time: keep one")));
        }
    }
    if !names.is_empty() && spec.prefix.is_empty() {
        return Err(format!("spec.forwardHeaders {}", forward::NEEDS_PREFIX));
    }
    Ok(names.into_iter().collect())
}

/// `spec.cache`.
fn cache(spec: &api::RegistrationSpec) -> Result<Cache, String> {
    let Some(declared) = &spec.cache else { return Ok(Cache::default()) };
    let max_age = declared.max_age.as_ref().map(|text| values::duration(text, values::MAX_AGE)).transpose();
    let max_age = max_age.map_err(|error| format!("spec.cache.maxAge {error}"))?;
    let scope = declared.scope.map(|scope| match scope {
        api::CacheScope::Shared => CacheScope::Shared,
        api::CacheScope::Private => CacheScope::Private,
    });
    if scope == Some(CacheScope::Shared) && !spec.forward_headers.is_empty() {
        return Err(format!("spec.cache.scope {}", forward::NOT_SHARED));
    }
    Ok(Cache { scope, max_age_ms: max_age.and_then(|max_age| u64::try_from(max_age.as_millis()).ok()) })
}

/// The same time as in the other group's default.
const TIMEOUT_MS: u64 = 60_000;

fn of_kagenti(object: &DynamicObject) -> Result<Registration, String> {
    let spec: kagenti::RegistrationSpec = spec(object)?;
    let id = RegistrationId { kind: Kind::KagentiRegistration, name: name_of(object) };
    let target = spec.target_ref;
    if target.kind != Kind::HttpRoute.kind() {
        return Err(format!("spec.targetRef.kind is {}: it has to be HTTPRoute", target.kind));
    }
    Ok(Registration {
        owner: owner(id.kind, object),
        enabled: true,
        prefix: spec.tool_prefix.unwrap_or_default(),
        path: spec.path,
        target: Target::Ref(TargetRef {
            kind: Kind::HttpRoute,
            name: ObjectName {
                namespace: target.namespace.unwrap_or_else(|| id.name.namespace.clone()),
                name: target.name,
            },
            port: None,
            rule: None,
        }),
        transport: Transport::Auto,
        era: EraChoice::Auto,
        on_session_loss: OnSessionLoss::Reopen,
        forward_headers: Vec::new(),
        cache: Cache::default(),
        credential: spec.credential_ref.map(|reference| Credential {
            value: ValueRef { kind: Kind::Secret, name: reference.name, key: reference.key },
            header: "Authorization".to_owned(),
        }),
        ca: None,
        timeout_ms: TIMEOUT_MS,
        extensions: Vec::new(),
        id,
    })
}

fn owner(kind: Kind, object: &DynamicObject) -> Owner {
    Owner {
        api_version: kind.api_version(),
        kind: kind.kind().to_owned(),
        object: name_of(object),
        uid: object.metadata.uid.clone().unwrap_or_default(),
    }
}
