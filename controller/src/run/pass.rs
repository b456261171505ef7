//! One pass: from what is there to what has to be.

use super::apply::{Applier, Key, hash_of, is_terminating, key};
use super::judge::{self, Facts};
use super::modules::Modules;
use super::observe::{Observation, Observer, Target};
use super::probe::Probe;
use super::refusals::Refusals;
use super::routes::{self, Routes, sooner};
use super::selections::Selection;
use super::status::{self, Conditions};
use super::watch::Watches;
use super::{contents, gateway, prune, report, secrets};
use crate::model::{Instance, ObjectName};
use crate::render::kubernetes::{Names, Object, ServerNames, Step, render, route};
use crate::source::kubernetes::{Asked, Defaults, Interpretation, Kind, Verdict, World, interpret, reason};
use futures::StreamExt;
use kube::runtime::events::Recorder;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How many writes are under way at once.
const AT_ONCE: usize = 16;
/// How often in a row what was looked at may lead to more that has to be.
const ROUNDS: usize = 8;
/// When what failed is tried again.
const AGAIN: Duration = Duration::from_secs(3);
/// How long brokers and filters may take to follow a change.
const UPTAKE: Duration = Duration::from_secs(10);
/// The brokers' port for operators.
const BROKER_PORT: u16 = 8090;

/// An object that could not be applied, and what is to be said of it.
type Failure = (Step, Verdict, Key);

/// What is kept from pass to pass. Without it a new controller comes to the same.
pub(super) struct Passes {
    pub(super) defaults: Defaults,
    pub(super) applier: Applier,
    pub(super) routes: Routes,
    pub(super) modules: Modules,
    pub(super) observer: Observer,
    pub(super) recorder: Recorder,
    pub(super) refusals: Refusals,
    /// Objects that nobody wants any more, and since when.
    pub(super) unwanted: HashMap<Key, Instant>,
    /// When a broker's configuration was last changed.
    pub(super) published: Option<Instant>,
}

impl Passes {
    /// Makes everything what it has to be. Returns when to look again even if nothing happens.
    pub(super) async fn run(&mut self, watches: &Watches) -> Option<Instant> {
        let mut again = None;
        let mut looked = self.look(watches).await;
        if let Ok((world, result)) = &looked
            && self.make_keys(watches, world, result, &mut again).await
        {
            looked = self.look(watches).await;
        }
        let (world, result) = match looked {
            Ok(looked) => looked,
            Err(error) => {
                tracing::warn!(%error, "what resources refer to cannot be read");
                return Some(Instant::now() + AGAIN);
            }
        };
        for extension in result.extensions.values() {
            if let Some(wanted) = extension.module.as_ref().filter(|wanted| !wanted.in_force)
                && let Some(at) = self.modules.want(&world, wanted)
            {
                sooner(&mut again, at);
            }
        }
        let heard = self.observer.heard();
        let mut facts = BTreeMap::new();
        let mut wanted = Vec::new();
        for (name, extension) in &result.extensions {
            let Some(instance) = extension.instance.as_ref().filter(|instance| !instance.key.is_empty()) else {
                continue;
            };
            let objects = render(instance);
            wanted.extend(objects.iter().filter_map(key));
            let seen = heard.get(name).cloned().unwrap_or_default();
            let module_error = extension.module.as_ref().and_then(|wanted| {
                let error = world.modules.get(&wanted.url)?.as_ref().err()?;
                Some(format!("{} ({error})", wanted.url))
            });
            let fact = self.put_in_place(watches, &world, instance, &objects, seen, module_error, &mut again).await;
            facts.insert(name.clone(), fact);
        }
        if prune::prune(self, watches, &world, &result, &wanted, &mut again).await {
            sooner(&mut again, Instant::now() + AGAIN);
        }
        self.refusals.keep(&wanted);
        if let Some(at) = self.refusals.next() {
            sooner(&mut again, at);
        }
        self.observer.set(targets(&world, &result));
        if let Some(at) = self.published.map(|at| at + UPTAKE).filter(|at| *at > Instant::now()) {
            sooner(&mut again, at);
        }
        if !self.report(watches, &world, &result, &facts).await {
            sooner(&mut again, Instant::now() + AGAIN);
        }
        again
    }

    fn world(&self, watches: &Watches) -> World {
        World {
            objects: watches.objects(),
            modules: self.modules.found(),
            absent: watches.absent(),
            asked: Asked::default(),
            defaults: self.defaults.clone(),
        }
    }

    /// What there is, and what it comes to, with the data of everything that it refers to.
    async fn look(&self, watches: &Watches) -> Result<(World, Interpretation), kube::Error> {
        for _ in 0..ROUNDS {
            let (world, result) = self.interpreted(watches);
            if !contents::fetch(self.applier.client(), watches, &world.asked.so_far()).await? {
                return Ok((world, result));
            }
        }
        // Something changes all the time, and is looked at again soon.
        Ok(self.interpreted(watches))
    }

    fn interpreted(&self, watches: &Watches) -> (World, Interpretation) {
        let world = self.world(watches);
        let result = interpret(&world);
        // What this pass is going to look for beside.
        for extension in result.extensions.values() {
            if let Some(secret) = extension.module.as_ref().and_then(|module| module.pull_secret.as_ref()) {
                world.get(Kind::Secret, secret);
            }
            if let Some(instance) = &extension.instance {
                let names = Names::new(instance);
                world.get(Kind::Secret, &names.key_secret());
                world.get(Kind::Secret, &names.config_secret());
            }
        }
        for (name, _) in world.all(Kind::ConfigMap).filter(|(_, object)| prune::maker(object).is_some()) {
            world.get(Kind::ConfigMap, name);
        }
        (world, result)
    }

    /// Makes what keys are missing. Whether any were.
    async fn make_keys(
        &self,
        watches: &Watches,
        world: &World,
        result: &Interpretation,
        again: &mut Option<Instant>,
    ) -> bool {
        let mut made = false;
        for instance in result.extensions.values().filter_map(|extension| extension.instance.as_ref()) {
            match secrets::make_keys(&self.applier, watches, world, instance).await {
                Ok(()) => made |= instance.key.is_empty(),
                Err(error) if is_terminating(&error) => {
                    tracing::debug!(extension = %instance.owner.object, "its namespace is being terminated");
                }
                Err(error) => {
                    tracing::warn!(extension = %instance.owner.object, %error, "the keys could not be made");
                    sooner(again, Instant::now() + AGAIN);
                }
            }
        }
        made
    }

    /// Applies what one gateway is made of: the broker's configuration first, so that whatever leads there later finds it.
    #[allow(clippy::too_many_arguments, reason = "they are what one pass knows")]
    async fn put_in_place(
        &mut self,
        watches: &Watches,
        world: &World,
        instance: &Instance,
        objects: &[Object],
        seen: Observation,
        module_error: Option<String>,
        again: &mut Option<Instant>,
    ) -> Facts {
        let before = secrets::in_force(world, instance);
        let mut usable = BTreeMap::new();
        for upstream in &instance.servers {
            let name = &upstream.server.name;
            let known = before.as_ref().is_some_and(|gateway| {
                gateway.servers.iter().any(|server| server.name == *name && server.route.is_some())
            });
            let is_usable = instance.module.is_some() && self.routes.usable(world, instance, upstream, known, again);
            usable.insert(name.clone(), is_usable);
        }
        let config =
            secrets::wanted(instance, |upstream| usable.get(&upstream.server.name).copied().unwrap_or_default());
        let mut failures = Vec::new();
        if before.as_ref() != Some(&config) {
            match secrets::publish(&self.applier, watches, world, instance, &config).await {
                Ok(()) => tracing::info!(
                    extension = %instance.owner.object, version = config.version, servers = config.servers.len(),
                    "the broker's configuration has changed"
                ),
                Err(error) => {
                    let secret = (Kind::Secret, Names::new(instance).config_secret());
                    failures.push((Step::Broker, not_applied(&secret, &error), secret));
                    sooner(again, Instant::now() + AGAIN);
                }
            }
            self.published = Some(Instant::now());
            self.observer.hurry();
        }
        failures.extend(self.apply(watches, world, objects).await);
        let endpoint = Names::new(instance).endpoint();
        let routed = instance.servers.iter().filter(|upstream| route(instance, upstream).is_some());
        let (of_servers, of_gateway): (Vec<_>, Vec<_>) =
            failures.into_iter().partition(|(step, ..)| *step >= Step::Backend);
        let server_failures = instance.servers.iter().filter_map(|upstream| {
            let object = ServerNames::new(instance, upstream).object;
            let (_, failure, _) = of_servers.iter().find(|(_, _, (_, name))| *name == object)?;
            Some((upstream.server.name.clone(), failure.clone()))
        });
        Facts {
            deployment: Names::new(instance).broker(),
            config: config.version,
            failed: of_gateway.into_iter().next().map(|(_, failure, _)| failure),
            server_failures: server_failures.collect(),
            gateway: gateway::said(world, &instance.gateway),
            module_error,
            port: listener_port(world, instance),
            endpoint_route: routes::said(world, &endpoint, instance),
            server_routes: routed
                .map(|upstream| {
                    let name = ServerNames::new(instance, upstream).object;
                    (upstream.server.name.clone(), routes::said(world, &name, instance))
                })
                .collect(),
            seen,
        }
    }

    /// Applies objects, step by step. Returns what failed.
    async fn apply(&mut self, watches: &Watches, world: &World, objects: &[Object]) -> Vec<Failure> {
        let mut steps: BTreeMap<(Step, bool), Vec<_>> = BTreeMap::new();
        for object in objects {
            // The API server lets nobody bind a role that is not there.
            let after_its_step = object.kind() == Kind::RoleBinding.kind();
            steps.entry((object.step, after_its_step)).or_default().push(object);
        }
        let mut failures = Vec::new();
        for (step, objects) in steps {
            let mut pending = self.applier.pending(world, objects.into_iter());
            // What it says of the broker is good to have, and nothing leads there by it.
            let is_extra = |key: &Key| step.0 == Step::Broker && key.0 == Kind::DestinationRule;
            pending.retain(|(key, _)| !(is_extra(key) && world.absent.contains(&key.0)));
            pending.retain(|(key, _)| {
                let is_there = !world.absent.contains(&key.0);
                // What is for one server has one name: no route without the TLS that belongs to it.
                let is_led_to = !failures.iter().any(|(_, _, (_, name))| *name == key.1);
                if !is_there {
                    failures.push((step.0, no_kind(key.0), key.clone()));
                }
                is_there && is_led_to
            });
            pending.retain(|(key, value)| {
                let standing = self.refusals.standing(key, hash_of(value));
                failures.extend(standing.map(|verdict| (step.0, verdict.clone(), key.clone())));
                standing.is_none()
            });
            if pending.is_empty() && failures.is_empty() {
                continue;
            }
            if !pending.is_empty() {
                self.observer.hurry();
            }
            let applier = &self.applier;
            let applied: Vec<_> = futures::stream::iter(pending)
                .map(|(key, value)| async move {
                    let applied = applier.apply(&key, &value).await;
                    (key, value, applied)
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            for (key, value, applied) in applied {
                match applied {
                    Ok(live) => {
                        tracing::info!(kind = key.0.kind(), object = %key.1, "applied");
                        self.refusals.remove(&key);
                        self.applier.settle(key, &value, live, watches);
                    }
                    Err(error) => {
                        if is_terminating(&error) {
                            tracing::debug!(kind = key.0.kind(), object = %key.1, "its namespace is being terminated");
                        } else {
                            tracing::warn!(kind = key.0.kind(), object = %key.1, %error, "could not be applied");
                        }
                        let verdict = not_applied(&key, &error);
                        self.refusals.add(key.clone(), hash_of(&value), &error, verdict.clone());
                        failures.push((step.0, verdict, key));
                    }
                }
            }
            // What comes next leads to what failed. From there on each object is for one server, and the others are to go on.
            if !failures.is_empty() && step.0 < Step::Backend {
                break;
            }
        }
        failures
    }

    /// Writes all statuses that are not so already. Whether that worked.
    async fn report(
        &self,
        watches: &Watches,
        world: &World,
        result: &Interpretation,
        facts: &BTreeMap<ObjectName, Facts>,
    ) -> bool {
        let mut extensions = BTreeMap::new();
        let mut ready = BTreeMap::new();
        for (name, outcome) in &result.extensions {
            let facts = facts.get(name);
            let programmed = judge::extension_programmed(outcome, facts);
            let is_ready = judge::extension_ready(outcome, &programmed, facts);
            extensions.insert(name, programmed);
            ready.insert(name.clone(), is_ready);
        }
        let mut writes = Vec::new();
        let mut servers: BTreeMap<&ObjectName, usize> = BTreeMap::new();
        for (id, outcome) in &result.registrations {
            let programmed = judge::registration_programmed(outcome, facts);
            let is_ready = judge::registration_ready(id.kind, outcome, &programmed, facts, &ready);
            for extension in outcome.servers.keys().filter(|_| is_ready.is_yes()) {
                *servers.entry(extension).or_default() += 1;
            }
            let conditions = vec![
                ("Accepted", outcome.accepted.clone()),
                ("ResolvedRefs", outcome.resolved.clone()),
                ("Compatible", outcome.compatible.clone()),
                ("Programmed", programmed),
                ("Ready", is_ready),
            ];
            writes.push((id.kind, id.name.clone(), conditions, report::registration(id.kind, outcome, facts)));
        }
        for (name, programmed) in extensions {
            let (Some(outcome), Some(is_ready)) = (result.extensions.get(name), ready.get(name)) else { continue };
            let conditions = vec![
                ("Accepted", outcome.accepted.clone()),
                ("ResolvedRefs", outcome.resolved.clone()),
                ("Compatible", outcome.compatible.clone()),
                ("Programmed", programmed),
                ("Ready", is_ready.clone()),
            ];
            let callable = servers.get(name).copied().unwrap_or_default();
            let rest = report::extension(outcome, facts.get(name), callable);
            writes.push((Kind::Extension, name.clone(), conditions, rest));
        }
        for (name, accepted) in &result.virtual_servers {
            let selection = Selection::of(name, result, facts);
            let conditions = vec![("Accepted", accepted.clone()), ("ResolvedRefs", selection.resolved(accepted))];
            writes.push((Kind::VirtualServer, name.clone(), conditions, selection.fields()));
        }
        let written = futures::stream::iter(writes)
            .map(|(kind, name, conditions, rest)| self.write(watches, world, kind, name, conditions, rest))
            .buffer_unordered(AT_ONCE);
        written.all(|written| async move { written }).await
    }

    async fn write(
        &self,
        watches: &Watches,
        world: &World,
        kind: Kind,
        name: ObjectName,
        conditions: Conditions,
        rest: serde_json::Map<String, serde_json::Value>,
    ) -> bool {
        let Some(object) = world.get(kind, &name) else { return true };
        let settling = self.published.is_some_and(|at| at.elapsed() < UPTAKE);
        let conditions = if settling { status::steady(object, conditions) } else { conditions };
        let Some(wanted) = status::wanted(kind, object, &conditions, rest) else { return true };
        match status::write(&self.applier, watches, kind, &name, &wanted).await {
            Ok(()) => {
                status::tell(&self.recorder, kind, object, &conditions).await;
                true
            }
            Err(error) => {
                tracing::warn!(kind = kind.kind(), object = %name, %error, "a status could not be written");
                false
            }
        }
    }
}

fn not_applied((kind, name): &Key, error: &kube::Error) -> Verdict {
    let why = match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    };
    Verdict::no(reason::APPLY_FAILED, format!("{} {name} could not be applied: {why}", kind.kind()))
}

/// Nothing can be made of a kind that the cluster has no definition of.
fn no_kind(kind: Kind) -> Verdict {
    let message = format!(
        "The cluster has no {} ({}): install a release of the Gateway API and of Istio that bring it (docs/istio.md)",
        kind.kind(),
        kind.api_version()
    );
    Verdict::no(reason::UNSUPPORTED_VERSION, message)
}

/// Whom to ask about each gateway.
fn targets(world: &World, result: &Interpretation) -> BTreeMap<ObjectName, Target> {
    let instances = result.extensions.iter().filter_map(|(name, extension)| Some((name, extension.instance.as_ref()?)));
    instances
        .map(|(name, instance)| {
            let target = Target { brokers: brokers(world, instance), endpoint: endpoint(world, instance) };
            (name.clone(), target)
        })
        .collect()
}

/// The addresses of the brokers that are ready.
fn brokers(world: &World, instance: &Instance) -> Vec<SocketAddr> {
    let service = Names::new(instance).broker();
    let slices = world.all(Kind::EndpointSlice).filter(|(name, slice)| {
        let labels = slice.metadata.labels.as_ref();
        name.namespace == service.namespace
            && labels.is_some_and(|labels| labels.get("kubernetes.io/service-name") == Some(&service.name))
    });
    let endpoints = slices.flat_map(|(_, slice)| slice.data["endpoints"].as_array().into_iter().flatten());
    let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"].as_bool() != Some(false));
    let addresses = ready.flat_map(|endpoint| endpoint["addresses"].as_array().into_iter().flatten());
    let mut brokers: Vec<_> = addresses
        .filter_map(|address| address.as_str()?.parse().ok())
        .map(|address| SocketAddr::new(address, BROKER_PORT))
        .collect();
    brokers.sort_unstable();
    brokers.dedup();
    brokers
}

/// The endpoint, at the first address of its gateway.
fn endpoint(world: &World, instance: &Instance) -> Option<Probe> {
    let gateway = world.get(Kind::Gateway, &instance.gateway)?;
    let address = gateway.data["status"]["addresses"].as_array()?.first()?["value"].as_str()?;
    Some(Probe {
        host: instance.public_host.clone(),
        address: address.to_owned(),
        port: listener_port(world, instance)?,
        https: instance.listener.https,
    })
}

/// The port that clients connect to.
fn listener_port(world: &World, instance: &Instance) -> Option<u16> {
    let gateway = world.get(Kind::Gateway, &instance.gateway)?;
    let listeners = gateway.data["spec"]["listeners"].as_array()?;
    let listener = listeners.iter().find(|listener| listener["name"] == instance.listener.name.as_str())?;
    listener["port"].as_u64().and_then(|port| u16::try_from(port).ok())
}

impl Passes {
    /// Forgets what was known of a route.
    pub(super) fn forget(&mut self, key: &Key) {
        if key.0 == Kind::HttpRoute {
            self.routes.forget(&key.1);
        }
    }
}
