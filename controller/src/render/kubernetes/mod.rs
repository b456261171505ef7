//! The objects of one gateway in Kubernetes, from its [`Instance`]: pure functions, one file a kind of object.
//!
//! Istio's Envoy gets the filter by a `WasmPlugin` ([`wasm_plugin`]), which in `EnvoyFilter` mode is replaced in the chain
//! ([`envoy_filter`]); requests to the endpoint and to the servers go by `HTTPRoute`s ([`endpoint_route`], [`server_route`]).
//! `docs/istio.md` has the reasons.

mod config;
mod config_access;
mod deployment;
mod destination_rule;
mod disruption_budget;
mod endpoint_route;
mod envoy_filter;
mod envoy_gateway;
mod external;
mod names;
mod network_policy;
mod object;
mod plugin;
mod server_route;
mod service;
#[cfg(test)]
mod tests;
mod wasm_plugin;

pub use config::{config, route};
pub use envoy_gateway::render_envoy_gateway;
pub use names::{Names, ServerNames};
pub use object::{MANAGED_BY, Object, Step};

use crate::model::Instance;

/// Everything that makes up a gateway, but for what is secret, in the order in which it is to be applied: see [`Step`].
///
/// The order of `instance.servers` makes no difference. Without a module there is no filter, and nothing leads to the broker or
/// to a server: no resource names a module that nobody has seen.
pub fn render(instance: &Instance) -> Vec<Object> {
    let names = Names::new(instance);
    let mut objects = vec![
        config_access::service_account(instance, &names),
        config_access::role(instance, &names),
        config_access::role_binding(instance, &names),
        network_policy::network_policy(instance, &names),
        service::service(instance, &names),
        deployment::deployment(instance, &names),
        destination_rule::destination_rule(instance, &names),
    ];
    objects.extend(disruption_budget::disruption_budget(instance, &names));
    if let Some(module) = &instance.module {
        objects.push(wasm_plugin::wasm_plugin(instance, &names, module));
        objects.extend(envoy_filter::envoy_filter(instance, &names, module));
        objects.push(endpoint_route::endpoint(instance, &names));
        objects.extend(endpoint_route::unrouted(instance, &names));
        for upstream in &instance.servers {
            objects.extend(external::external(instance, upstream));
            objects.extend(server_route::server_route(instance, upstream));
        }
    }
    objects.sort_by_cached_key(|object| (object.step, object.kind().to_owned(), object.name()));
    objects
}
