//! What the controller would make of resources in files, without a cluster.
//!
//! It is the controller's own [`interpret`] and renderers, fed from files. Nothing secret gets in or out: a credential has a stand-in, and
//! the filter's key a word to be replaced.

use crate::model::{Instance, Module, ObjectName};
use crate::render::kubernetes::{Object, config, render, render_envoy_gateway};
use crate::render::routed;
use crate::source::kubernetes::{Defaults, Interpretation, Kind, Verdict, World, interpret, reason};
use k8s_openapi::ByteString;
use kube::api::DynamicObject;
use serde_json::{Value, json};

/// What stands where the filter's key would.
const KEY: &str = "write-your-own-key";
/// What stands where a credential would: no object that is rendered has it.
const CREDENTIAL: &str = "credential";
/// Backends of this group are known to Istio alone.
const ISTIO: &str = "networking.istio.io";

/// Whose resources are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Istio's: all that the controller makes, but for the Secrets.
    Istio,
    /// Envoy Gateway's: the data path. The broker is somebody else's to run.
    EnvoyGateway,
}

/// What resources in files come to.
#[derive(Debug, Default)]
pub struct Rendered {
    /// The objects, in the order in which they are to be applied.
    pub objects: Vec<Value>,
    /// What is to be known of them, each a line.
    pub notes: Vec<String>,
    /// What is wrong with the resources, each a line.
    pub mistakes: Vec<String>,
}

/// Resources, as files have them.
#[derive(Debug)]
pub struct Files {
    world: World,
    /// Digest of modules whose URL is not known to the resources, in hex.
    sha256: Option<String>,
}

impl Files {
    /// No resources yet. `sha256` is the module's digest, in hex: no registry is asked for it.
    pub fn new(defaults: Defaults, sha256: Option<String>) -> Self {
        Self { world: World::new(defaults), sha256 }
    }

    /// Takes up a resource; one that names no namespace is in `namespace`. What is none of a gateway's business is passed over.
    /// An error says what is wrong with it.
    pub fn add(&mut self, mut resource: Value, namespace: &str) -> Result<(), String> {
        let text = |field: &str| resource[field].as_str().unwrap_or_default().to_owned();
        let (version, name) = (text("apiVersion"), text("kind"));
        let Some(kind) = Kind::of(&version, &name) else { return Ok(()) };
        let Some(metadata) = resource["metadata"].as_object_mut().filter(|metadata| metadata.contains_key("name"))
        else {
            return Err(format!("{name} has no metadata.name"));
        };
        let is_namespaced = !matches!(kind, Kind::Namespace | Kind::GatewayClass);
        if is_namespaced {
            metadata.entry("namespace").or_insert_with(|| json!(namespace));
        }
        if let Some(texts) = resource.get("stringData").and_then(Value::as_object).cloned() {
            for (key, text) in texts {
                resource["data"][key] = json!(ByteString(text.as_str().unwrap_or_default().into()));
            }
        }
        let object: DynamicObject = serde_json::from_value(resource).map_err(|error| format!("{name}: {error}"))?;
        self.world.insert(kind, object);
        Ok(())
    }

    /// What the resources come to.
    pub fn render(mut self, target: Target) -> Rendered {
        if target == Target::EnvoyGateway {
            // The controller serves Istio's classes alone, and says so.
            self.world.objects.remove(&Kind::GatewayClass);
        }
        self.stand_in();
        let mut rendered = Rendered::default();
        let found = interpret(&self.world);
        for module in found.extensions.values().filter_map(|extension| extension.module.as_ref()) {
            let by_digest = module.url.split_once("@sha256:").map(|(_, digest)| digest.to_owned());
            if let Some(sha256) = by_digest.or_else(|| self.sha256.clone()) {
                let found = Module { url: module.url.clone(), sha256, pull_secret: None };
                self.world.modules.insert(module.url.clone(), Ok(found));
            }
        }
        let found = interpret(&self.world);
        rendered.judge(&found);
        for (name, extension) in found.extensions {
            let Some(mut instance) = extension.instance else { continue };
            KEY.clone_into(&mut instance.key);
            if instance.module.is_none() {
                let url = extension.module.map_or_else(String::new, |module| module.url);
                rendered.mistakes.push(format!(
                    "MCPGatewayExtension {name}: the digest of {url} is not known: give it with --module-sha256 (`mcp-gateway push` prints it)"
                ));
            }
            let objects = match target {
                Target::Istio => render(&instance),
                Target::EnvoyGateway => rendered.for_envoy_gateway(instance),
            };
            rendered.objects.extend(objects.into_iter().map(|object| object.value));
        }
        if rendered.objects.iter().any(|object| object.to_string().contains(KEY)) {
            rendered.notes.push(format!("`{KEY}` stands for the filter's key, which is never printed"));
        }
        rendered
    }

    /// A credential need not be among the files: what is rendered does not depend on it.
    fn stand_in(&mut self) {
        let kinds = [Kind::Registration, Kind::KagentiRegistration];
        let registrations = kinds.into_iter().flat_map(|kind| self.world.all(kind));
        let wanted: Vec<_> = registrations
            .filter_map(|(name, registration)| {
                let reference = &registration.data["spec"]["credentialRef"];
                let secret =
                    ObjectName { namespace: name.namespace.clone(), name: reference["name"].as_str()?.to_owned() };
                Some((secret, reference["key"].as_str().unwrap_or("token").to_owned()))
            })
            .collect();
        for (name, key) in wanted {
            let known = self.world.get(Kind::Secret, &name).map(|secret| (**secret).clone());
            let mut secret = known.unwrap_or_else(|| {
                let mut secret = DynamicObject::new(&name.name, &Kind::Secret.api_resource());
                secret.metadata.namespace = Some(name.namespace.clone());
                secret.data = json!({});
                secret
            });
            secret.data["data"][key] = json!(ByteString(CREDENTIAL.into()));
            self.world.insert(Kind::Secret, secret);
        }
    }
}

impl Rendered {
    /// Tells what conditions would.
    fn judge(&mut self, found: &Interpretation) {
        let extensions = found.extensions.iter().map(|(name, outcome)| {
            let verdicts = [&outcome.accepted, &outcome.resolved, &outcome.compatible];
            (format!("{} {name}", Kind::Extension.kind()), verdicts)
        });
        let registrations = found.registrations.iter().map(|(id, outcome)| {
            let verdicts = [&outcome.accepted, &outcome.resolved, &outcome.compatible];
            (format!("{} {}", id.kind.kind(), id.name), verdicts)
        });
        for (resource, [accepted, resolved, compatible]) in extensions.chain(registrations) {
            let line = |verdict: &Verdict| format!("{resource}: {}: {}", verdict.reason, verdict.message);
            if accepted.reason == reason::DISABLED || compatible.holds == Some(false) {
                let told = if accepted.reason == reason::DISABLED { accepted } else { compatible };
                self.notes.push(line(told));
                continue;
            }
            if let Some(wrong) = [accepted, resolved].into_iter().find(|verdict| verdict.holds == Some(false)) {
                self.mistakes.push(line(wrong));
            }
        }
        if found.extensions.is_empty() {
            self.mistakes.push("there is no MCPGatewayExtension among the resources".to_owned());
        }
    }

    /// The data path, beside a broker that reads its servers from a file: it finds their routes by name and address.
    fn for_envoy_gateway(&mut self, mut instance: Instance) -> Vec<Object> {
        let name = instance.owner.object.to_string();
        if let Some(hostname) = &instance.listener.hostname {
            self.mistakes.push(format!(
                "MCPGatewayExtension {name}: listener `{}` has the hostname {hostname}: without a controller it has to have none",
                instance.listener.name
            ));
        }
        let labels = routed(config(&instance, |_| false)).servers;
        for (upstream, server) in instance.servers.iter_mut().zip(labels) {
            if let Some(label) = server.route.and_then(|route| Some(route.authority.split_once('.')?.0.to_owned())) {
                upstream.label = label;
            }
        }
        let objects = render_envoy_gateway(&instance);
        let is_foreign = |object: &Object| {
            let mut references = object.value["spec"]["rules"][0]["backendRefs"].as_array().into_iter().flatten();
            references.any(|reference| reference["group"] == ISTIO)
        };
        let foreign: Vec<_> = objects.iter().filter(|object| is_foreign(object)).map(Object::name).collect();
        for name in &foreign {
            self.mistakes.push(format!(
                "HTTPRoute {name}: its server is a ServiceEntry, which Envoy Gateway does not know: declare it by `url`, or as a Service"
            ));
        }
        for server in instance.servers.iter().map(|upstream| &upstream.server) {
            let line = json!({ "name": server.name, "prefix": server.prefix, "url": server.url });
            self.notes.push(format!("in the broker's gateway.yaml of {name}, under servers: - {line}"));
        }
        objects.into_iter().filter(|object| !foreign.contains(&object.name())).collect()
    }
}
