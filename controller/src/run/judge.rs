//! What conditions say: of an extension, and of a registration.

use super::observe::{BrokerStatus, Observation, ServerStatus, State};
use super::routes::Said;
use crate::model::ObjectName;
use crate::source::kubernetes::{ExtensionOutcome, Kind, RegistrationOutcome, Verdict, reason};
use std::collections::{BTreeMap, BTreeSet};

/// Names that a message tells one by one.
const NAMED: usize = 5;

/// What is known of a gateway beside what was declared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    /// The brokers' Deployment.
    pub(super) deployment: ObjectName,
    /// Version of the configuration that the brokers have to have.
    pub(super) config: Option<String>,
    /// What could not be applied, and why.
    pub(super) failed: Option<Verdict>,
    /// By server: what could not be applied for it alone.
    pub(super) server_failures: BTreeMap<String, Verdict>,
    /// What is said of its `Gateway`.
    pub(super) gateway: Said,
    /// What the module's registry says, if it has no module.
    pub(super) module_error: Option<String>,
    /// What is said of the endpoint's route.
    pub(super) endpoint_route: Said,
    /// By server: what is said of its route, if it is to have one.
    pub(super) server_routes: BTreeMap<String, Said>,
    /// The port that clients connect to.
    pub(super) port: Option<u16>,
    /// What brokers and endpoint tell.
    pub(super) seen: Observation,
}

impl Facts {
    /// The brokers that answer.
    pub(super) fn brokers(&self) -> impl Iterator<Item = &BrokerStatus> {
        self.seen.brokers.values().filter_map(|broker| broker.as_ref().ok())
    }

    /// A server, as each of the brokers sees it.
    pub(super) fn server<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ServerStatus> {
        self.brokers().filter_map(move |broker| broker.servers.iter().find(|server| server.name == name))
    }

    /// The filters that have reported, each with whether it goes by the brokers' table.
    fn reports(&self) -> BTreeMap<&str, bool> {
        let tables: Vec<_> = self.brokers().filter_map(|broker| broker.table.as_deref()).collect();
        let mut reports = BTreeMap::new();
        for filter in self.brokers().flat_map(|broker| &broker.filters) {
            let current = filter.table.as_deref().is_some_and(|table| tables.contains(&table));
            // Which broker it asks changes, and the one that it asked before has an old report.
            *reports.entry(filter.instance.as_str()).or_default() |= current;
        }
        reports
    }

    /// How many filters have reported, and how many of them go by the brokers' table.
    pub(super) fn filters(&self) -> (usize, usize) {
        let reports = self.reports();
        (reports.len(), reports.values().filter(|current| **current).count())
    }

    /// How many brokers have a session store, and how many of them can use it.
    pub(super) fn session_stores(&self) -> (usize, usize) {
        let stores = || self.brokers().filter_map(|broker| broker.session_store.as_ref());
        (stores().count(), stores().filter(|store| store.state == "up").count())
    }

    /// What is wrong with the session store, as a sentence. Empty if nothing is.
    fn session_store_note(&self) -> String {
        let error = self.brokers().find_map(|broker| broker.session_store.as_ref()?.error.as_deref());
        let Some(error) = error else { return String::new() };
        let (total, ready) = self.session_stores();
        format!(
            " But {} of {total} brokers cannot use the session store, and keep sessions in memory alone: {error}.",
            total - ready
        )
    }

    /// Why the brokers do not run what is wanted, if so.
    fn brokers_behind(&self) -> Option<Verdict> {
        if self.seen.brokers.is_empty() {
            let message =
                format!("No pod of Deployment {} is ready yet; `kubectl describe pods` says why.", self.deployment);
            return Some(Verdict::no(reason::BROKER_UNAVAILABLE, message));
        }
        if let Some((address, error)) =
            self.seen.brokers.iter().find_map(|(address, broker)| Some((address, broker.as_ref().err()?)))
        {
            let message = format!("The broker at {address} cannot be asked: {error}");
            return Some(Verdict::no(reason::BROKER_UNAVAILABLE, message));
        }
        let behind = self.brokers().any(|broker| broker.config != self.config);
        behind.then(|| Verdict::no(reason::BROKER_OUTDATED, "The broker has not got the newest configuration yet."))
    }
}

/// `Programmed` of an extension: whether everything that it needs is in place.
pub(super) fn extension_programmed(outcome: &ExtensionOutcome, facts: Option<&Facts>) -> Verdict {
    let Some(facts) = facts.filter(|_| outcome.instance.is_some()) else {
        return Verdict::no(outcome.accepted.reason, outcome.accepted.message.clone());
    };
    if let Some(error) = &facts.failed {
        return error.clone();
    }
    if outcome.instance.as_ref().is_some_and(|instance| instance.module.is_none()) {
        let why = facts.module_error.as_deref().unwrap_or("its registry has not answered yet");
        return Verdict::no(reason::MODULE_UNAVAILABLE, format!("There is no module for the filter: {why}"));
    }
    match &facts.gateway {
        Said::Accepted => {}
        Said::Nothing => {
            let message = "The Gateway is not programmed: Istio has not said anything of it yet.";
            return Verdict::no(reason::GATEWAY_NOT_PROGRAMMED, message);
        }
        Said::Refused(why) => {
            return Verdict::no(reason::GATEWAY_NOT_PROGRAMMED, format!("The Gateway is not programmed: {why}"));
        }
    }
    match &facts.endpoint_route {
        Said::Accepted => {}
        Said::Nothing => return Verdict::no(reason::PENDING, "The route of the endpoint is not accepted yet."),
        Said::Refused(why) => {
            return Verdict::no(reason::ROUTE_NOT_ACCEPTED, format!("The route of the endpoint is refused: {why}"));
        }
    }
    match &facts.module_error {
        Some(error) => {
            let message = format!("The module in force stays, as the new one cannot be had: {error}");
            Verdict::yes(reason::PROGRAMMED, message)
        }
        None => Verdict::yes(reason::PROGRAMMED, "Broker, filter and routes are in place."),
    }
}

/// `Ready` of an extension: whether a client gets an answer.
pub(super) fn extension_ready(outcome: &ExtensionOutcome, programmed: &Verdict, facts: Option<&Facts>) -> Verdict {
    let (true, true, Some(facts)) = (outcome.accepted.is_yes(), programmed.is_yes(), facts) else {
        let cause = if outcome.accepted.is_yes() { programmed } else { &outcome.accepted };
        return Verdict::no(cause.reason, cause.message.clone());
    };
    if let Some(behind) = facts.brokers_behind() {
        return behind;
    }
    let reports = facts.reports();
    if reports.is_empty() {
        let label = outcome.instance.as_ref().map(|instance| instance.gateway.name.as_str()).unwrap_or_default();
        let message = format!(
            "No filter of the Gateway has reported to a broker yet. If that lasts: its pods need the label gateway.networking.k8s.io/gateway-name: \
             {label} if others than Istio deploy them, and their log tells whether they could pull the module."
        );
        return Verdict::no(reason::FILTER_MISSING, message);
    }
    let outdated: Vec<_> = reports.iter().filter(|(_, current)| !**current).map(|(filter, _)| *filter).collect();
    if !outdated.is_empty() {
        let message = format!("Some filters have not got the newest table yet: {}", outdated.join(", "));
        return Verdict::no(reason::FILTER_OUTDATED, message);
    }
    match &facts.seen.endpoint {
        Some(Ok(())) => Verdict::yes(reason::READY, format!("Clients get answers.{}", facts.session_store_note())),
        Some(Err(why)) => {
            Verdict::no(reason::GATEWAY_UNREACHABLE, format!("The endpoint gives no answer through the Gateway: {why}"))
        }
        None => Verdict::no(reason::GATEWAY_UNREACHABLE, "The Gateway has no address yet."),
    }
}

/// `Programmed` of a registration: whether gateways know of it.
pub(super) fn registration_programmed(outcome: &RegistrationOutcome, facts: &BTreeMap<ObjectName, Facts>) -> Verdict {
    if !outcome.accepted.is_yes() {
        return Verdict::no(outcome.accepted.reason, outcome.accepted.message.clone());
    }
    for (extension, server) in &outcome.servers {
        let Some(facts) = facts.get(extension) else {
            return Verdict::no(reason::PENDING, format!("MCPGatewayExtension {extension} is not in place yet."));
        };
        if let Some(error) = &facts.failed {
            return error.clone();
        }
        if let Some(behind) = facts.brokers_behind() {
            return behind;
        }
        if facts.server(server).next().is_none() {
            return Verdict::no(reason::BROKER_OUTDATED, "The broker does not know the server yet.");
        }
        if let Some(failure) = facts.server_failures.get(server) {
            let message = format!("The broker carries its calls, as there is no route for it: {}", failure.message);
            return Verdict::yes(failure.reason, message);
        }
        match facts.server_routes.get(server) {
            None | Some(Said::Accepted) => {}
            Some(Said::Nothing) => {
                return Verdict::yes(reason::PENDING, "Its route is not accepted yet: the broker carries its calls.");
            }
            Some(Said::Refused(why)) => {
                let message = format!("Its route is refused, so the broker carries its calls: {why}");
                return Verdict::yes(reason::ROUTE_NOT_ACCEPTED, message);
            }
        }
    }
    Verdict::yes(reason::PROGRAMMED, "Broker and routes have it.")
}

/// A server that does not answer, and why that may be.
fn unavailable(outcome: &RegistrationOutcome, why: &str) -> Verdict {
    let compatible = &outcome.compatible;
    if compatible.reason == reason::MUTUAL_TLS {
        return Verdict::no(compatible.reason, format!("The server cannot be used: {why}. {}", compatible.message));
    }
    Verdict::no(reason::SERVER_UNAVAILABLE, format!("The server cannot be used: {why}"))
}

/// `Ready` of a registration: whether clients can call it now. `extensions` are the gateways' own.
pub(super) fn registration_ready(
    kind: Kind,
    outcome: &RegistrationOutcome,
    programmed: &Verdict,
    facts: &BTreeMap<ObjectName, Facts>,
    extensions: &BTreeMap<ObjectName, Verdict>,
) -> Verdict {
    if !programmed.is_yes() {
        return Verdict::no(programmed.reason, programmed.message.clone());
    }
    for (extension, server) in &outcome.servers {
        let Some(facts) = facts.get(extension) else {
            return Verdict::no(reason::PENDING, format!("MCPGatewayExtension {extension} is not in place yet."));
        };
        for seen in facts.server(server) {
            match (seen.state, &seen.error) {
                // Those that show who they are can call it: `callers` says what that takes.
                (State::Ready | State::PerCaller, _) => {}
                (State::Connecting, _) => {
                    return Verdict::no(reason::CONNECTING, "The server has not answered yet.");
                }
                (State::Down, error) => {
                    let why = error.as_deref().unwrap_or("the server is down");
                    return unavailable(outcome, why);
                }
            }
        }
        if let Some(ready) = extensions.get(extension).filter(|ready| !ready.is_yes()) {
            return Verdict::no(ready.reason, format!("MCPGatewayExtension {extension}: {}", ready.message));
        }
    }
    let conflicts: Vec<_> = outcome
        .servers
        .iter()
        .filter_map(|(extension, server)| facts.get(extension)?.server(server).next())
        .flat_map(|seen| &seen.conflicts)
        .collect();
    match conflicts.len() {
        0 => Verdict::yes(reason::READY, callers(outcome, facts).unwrap_or_else(|| "Clients can call it.".to_owned())),
        count => {
            let names: BTreeSet<_> = conflicts.iter().map(|conflict| conflict.name.as_str()).collect();
            let some: Vec<_> = names.into_iter().take(NAMED).collect();
            let more = if count > some.len() { " and more" } else { "" };
            let place =
                if kind == Kind::KagentiRegistration { String::new() } else { ": see status.refused".to_owned() };
            let message = format!("Clients can call it, but for {count} names ({}{more}){place}.", some.join(", "));
            Verdict::yes(reason::READY, message)
        }
    }
}

/// What clients have to show, where the server answers nobody else.
fn callers(outcome: &RegistrationOutcome, facts: &BTreeMap<ObjectName, Facts>) -> Option<String> {
    let mut seen = outcome.servers.iter().filter_map(|(extension, server)| Some(facts.get(extension)?.server(server)));
    let per_caller = seen.find_map(|mut servers| servers.find(|server| server.state == State::PerCaller))?;
    Some(format!("Clients can call it that show who they are: {}.", per_caller.error.as_deref()?))
}
