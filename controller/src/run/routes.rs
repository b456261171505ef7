//! Which routes are in force.

use crate::model::{Instance, ObjectName, Upstream};
use crate::render::kubernetes::ServerNames;
use crate::source::kubernetes::{Kind, World};
use kube::api::DynamicObject;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long a route that istiod has accepted takes to reach every Envoy.
const SETTLING: Duration = Duration::from_secs(1);

/// What a gateway's controller says of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing yet, or not of what it is now.
    Nothing,
    /// It is in force.
    Accepted,
    /// It is not, and why.
    Refused(String),
}

/// What is said of a route on the instance's listener.
pub(super) fn said(world: &World, name: &ObjectName, instance: &Instance) -> Said {
    world.get(Kind::HttpRoute, name).map_or(Said::Nothing, |route| of(route, instance))
}

fn of(route: &DynamicObject, instance: &Instance) -> Said {
    let namespace = route.metadata.namespace.as_deref().unwrap_or_default();
    let ours = |parent: &&Value| {
        let reference = &parent["parentRef"];
        reference["name"] == instance.gateway.name.as_str()
            && reference["namespace"].as_str().unwrap_or(namespace) == instance.gateway.namespace
            && reference["sectionName"].as_str().is_none_or(|section| section == instance.listener.name)
    };
    let parents = route.data["status"]["parents"].as_array();
    let Some(parent) = parents.into_iter().flatten().find(ours) else { return Said::Nothing };
    let conditions = parent["conditions"].as_array();
    let mut accepted = false;
    for condition in conditions.into_iter().flatten() {
        let current = condition["observedGeneration"].as_i64() >= route.metadata.generation;
        let kind = condition["type"].as_str().unwrap_or_default();
        if !["Accepted", "ResolvedRefs"].contains(&kind) {
            continue;
        }
        if !current {
            return Said::Nothing;
        }
        if condition["status"] == "False" {
            let text = |field: &str| condition[field].as_str().unwrap_or_default();
            return Said::Refused(format!("{}: {}", text("reason"), text("message")));
        }
        accepted |= kind == "Accepted" && condition["status"] == "True";
    }
    if accepted { Said::Accepted } else { Said::Nothing }
}

/// Since when the routes of servers have been in force.
#[derive(Default)]
pub(super) struct Routes {
    since: HashMap<ObjectName, Instant>,
}

impl Routes {
    /// Whether calls may be sent by a server's route. `known`: the broker was told so before, by an earlier controller.
    /// `until` is brought forward to when the answer may be another one.
    pub(super) fn usable(
        &mut self,
        world: &World,
        instance: &Instance,
        upstream: &Upstream,
        known: bool,
        until: &mut Option<Instant>,
    ) -> bool {
        let name = ServerNames::new(instance, upstream).object;
        match said(world, &name, instance) {
            Said::Refused(_) => {
                self.since.remove(&name);
                false
            }
            // One that was in force stays so while its new form is looked at.
            Said::Nothing => match self.since.get(&name) {
                Some(since) => since.elapsed() >= SETTLING,
                None => known && world.get(Kind::HttpRoute, &name).is_some(),
            },
            Said::Accepted => {
                let now = Instant::now();
                let long_ago = now.checked_sub(SETTLING).filter(|_| known);
                let since = *self.since.entry(name).or_insert(long_ago.unwrap_or(now));
                let at = since + SETTLING;
                if at > now {
                    sooner(until, at);
                }
                at <= now
            }
        }
    }

    /// Forgets a route that is gone.
    pub(super) fn forget(&mut self, name: &ObjectName) {
        self.since.remove(name);
    }
}

/// Brings `until` forward to `at`.
pub(super) fn sooner(until: &mut Option<Instant>, at: Instant) {
    *until = Some(until.map_or(at, |until| until.min(at)));
}
