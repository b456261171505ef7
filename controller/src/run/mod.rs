//! The controller: watches a cluster and keeps its gateways what they are declared to be.
//!
//! [`interpret`](crate::source::kubernetes::interpret) says what the resources come to, [`render`](crate::render::kubernetes) of what
//! objects that consists. What is here follows the API server (`watch`), makes the difference (`pass`, `apply`, `prune`, `secrets`), asks
//! brokers and gateways how it went (`observe`, `probe`), and tells (`judge`, `report`, `status`). Nothing is kept that a new controller
//! would need.
//!
//! What it may do, and what for:
//!
//! | resources | verbs | reason |
//! | --- | --- | --- |
//! | mcpgatewayextensions, mcpserverregistrations (both groups), mcpvirtualservers | list watch | what is declared |
//! | the same | patch on /status | how it is |
//! | mcpgatewayextensions | patch, update on /finalizers | the finalizer of those whose Gateway is in another namespace; owning objects |
//! | mcpserverregistrations (both groups) | update on /finalizers | owning objects (`blockOwnerDeletion`) |
//! | gateways, gatewayclasses, referencegrants, namespaces | list watch | listeners, whose the Gateway is, consent, labels for `allowedRoutes` |
//! | authorizationpolicies, peerauthentications | list watch | what stands against the filter |
//! | httproutes, services, serviceentries, backendtlspolicies | list watch create patch delete | targets; what is made |
//! | configmaps | get list watch create patch delete | authorities, the mesh's configuration; what is made |
//! | secrets | get list watch create patch | credentials; keys and configuration of brokers |
//! | deployments, poddisruptionbudgets, networkpolicies, serviceaccounts, roles, rolebindings, destinationrules, wasmplugins, envoyfilters | list watch create patch delete | what is made |
//! | endpointslices | list watch | where the brokers are |
//! | events (events.k8s.io) | create patch | transitions |
//! | leases, in its own namespace | get create update | who of several controllers acts |
//!
//! To give a broker its role, the controller has to have what is in it: get, list and watch of secrets.

mod apply;
mod contents;
mod gateway;
mod judge;
mod lease;
mod metrics;
mod modules;
mod observe;
mod pass;
mod probe;
mod prune;
mod refusals;
mod report;
mod routes;
mod secrets;
mod selections;
mod serve;
mod status;
#[cfg(test)]
mod tests;
mod watch;

use crate::oci::Registries;
use crate::source::kubernetes::Defaults;
use apply::Applier;
use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use lease::Candidate;
use metrics::Metrics;
use modules::Modules;
use observe::Observer;
use pass::Passes;
use refusals::Refusals;
use routes::Routes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use watch::Watches;

/// Changes that come together are taken together.
const SETTLING: Duration = Duration::from_millis(50);
/// How often is looked even if nothing happens: what came to nothing is found then.
const AT_LEAST: Duration = Duration::from_secs(60);
/// The name of the lease.
const LEASE: &str = "mcp-gateway-controller";

/// What a controller is started with.
#[derive(Debug)]
pub struct Options {
    /// What holds where resources say nothing else.
    pub defaults: Defaults,
    /// The registries of modules.
    pub registries: Registries,
    /// Who this is, among several controllers.
    pub identity: String,
    /// For `/healthz`, `/readyz` and `/metrics`.
    pub listener: TcpListener,
}

/// Runs until `ending` is cancelled.
pub async fn run(client: Client, options: Options, ending: CancellationToken) {
    let Options { defaults, registries, identity, listener } = options;
    let watches = Arc::new(Watches::start(&client));
    let metrics = Arc::new(Metrics::default());
    let serving = tokio::spawn(serve::serve(listener, Arc::clone(&watches), Arc::clone(&metrics), ending.clone()));
    let namespace = defaults.cluster.controller_namespace.clone();
    let mut candidate = Candidate::new(client.clone(), &namespace, LEASE, identity.clone());
    while !ending.is_cancelled() {
        if ending.run_until_cancelled(candidate.acquire()).await.is_none() {
            break;
        }
        tracing::info!(identity, "this controller acts");
        metrics.leads(true);
        let reporter = Reporter { controller: LEASE.to_owned(), instance: Some(identity.clone()) };
        let passes = Passes {
            defaults: defaults.clone(),
            applier: Applier::new(client.clone()),
            routes: Routes::default(),
            modules: Modules::new(registries.clone(), Arc::clone(&watches.changed)),
            observer: Observer::start(Arc::clone(&watches.changed)),
            recorder: Recorder::new(client.clone(), reporter),
            refusals: Refusals::default(),
            unwanted: HashMap::new(),
            published: None,
        };
        tokio::select! {
            () = ending.cancelled() => {}
            () = candidate.keep() => tracing::warn!("the lease is lost: another controller may act now"),
            () = act(passes, &watches, &metrics) => {}
        }
        metrics.leads(false);
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), candidate.release()).await;
    let _ = serving.await;
}

/// Pass after pass, for ever.
async fn act(mut passes: Passes, watches: &Watches, metrics: &Metrics) {
    while !watches.complete() {
        watches.changed.notified().await;
    }
    loop {
        let begun = Instant::now();
        let again = passes.run(watches).await;
        metrics.passed(begun.elapsed());
        let until = again.unwrap_or(begun + AT_LEAST).min(begun + AT_LEAST);
        tokio::select! {
            () = watches.changed.notified() => {}
            () = sleep_until(until) => {}
        }
        sleep(SETTLING).await;
    }
}
