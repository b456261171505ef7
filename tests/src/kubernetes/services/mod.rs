//! Services: their names, their addresses, and who answers there.
//!
//! * A Service's name leads to its cluster address, as DNS has it, by the pods' `/etc/hosts`; a headless one's to a pod.
//! * Connections to a Service's address and port are carried to a ready endpoint, as kube-proxy does it.
//! * A Service of type `LoadBalancer` gets its cluster address as its external one.

mod hosts;
mod proxy;

pub(super) use hosts::Hosts;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt as _};
use proxy::{Backends, Proxies};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Follows Services and their endpoints for ever.
pub(super) async fn run(client: Client, hosts: Hosts) {
    let (services, service_writer) = reflector::store::<Service>();
    let (slices, slice_writer) = reflector::store::<EndpointSlice>();
    let watch = watcher::Config::default();
    let service_changes =
        watcher(Api::<Service>::all(client.clone()), watch.clone()).default_backoff().reflect(service_writer);
    let slice_changes =
        watcher(Api::<EndpointSlice>::all(client.clone()), watch).default_backoff().reflect(slice_writer);
    let service_changes = service_changes.map_ok(drop).boxed();
    let slice_changes = slice_changes.map_ok(drop).boxed();
    let mut changes = futures::stream::select(service_changes, slice_changes);
    let mut proxies = Proxies::default();
    while changes.next().await.is_some() {
        let endpoints = endpoints(&slices.state().iter().map(AsRef::as_ref).collect::<Vec<_>>());
        let services = services.state();
        let mut names = BTreeMap::new();
        let mut wanted = BTreeMap::new();
        for service in &services {
            let name = (service.namespace().unwrap_or_default(), service.name_any());
            let Some(spec) = &service.spec else { continue };
            let address = spec.cluster_ip.clone().filter(|address| !matches!(address.as_str(), "" | "None"));
            let ports = spec.ports.clone().unwrap_or_default();
            let backends = |port: &Option<String>| {
                endpoints.get(&(name.clone(), port.clone().unwrap_or_default())).cloned().unwrap_or_default()
            };
            let Some(address) = address else {
                let pod =
                    ports.iter().find_map(|port| backends(&port.name).first().map(|backend| backend.ip().to_string()));
                names.extend(pod.map(|pod| (name.clone(), pod)));
                continue;
            };
            for port in ports {
                let at = format!("{address}:{}", port.port).parse::<SocketAddr>();
                wanted.extend(at.ok().map(|at| (at, backends(&port.name))));
            }
            // Who waits for that does not keep the others' connections waiting.
            tokio::spawn(give_external_address(client.clone(), Arc::clone(service), address.clone()));
            names.insert(name, address);
        }
        hosts.services(names);
        proxies.set(wanted);
    }
}

/// Ready endpoints, by Service and name of port.
fn endpoints(slices: &[&EndpointSlice]) -> BTreeMap<((String, String), String), Backends> {
    let mut all = BTreeMap::<_, Backends>::new();
    for slice in slices {
        let Some(service) = slice.labels().get("kubernetes.io/service-name") else { continue };
        let service = (slice.namespace().unwrap_or_default(), service.clone());
        for port in slice.ports.iter().flatten() {
            let Some(number) = port.port else { continue };
            let of_port = all.entry((service.clone(), port.name.clone().unwrap_or_default())).or_default();
            for endpoint in &slice.endpoints {
                let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
                let addresses = endpoint.addresses.iter().filter(|_| ready);
                of_port
                    .extend(addresses.filter_map(|address| format!("{address}:{number}").parse::<SocketAddr>().ok()));
            }
        }
    }
    all
}

async fn give_external_address(client: Client, service: Arc<Service>, address: String) {
    let balanced = service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
    let given = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref())
        .is_some_and(|all| !all.is_empty());
    if balanced && !given {
        let status = serde_json::json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}});
        let api = Api::<Service>::namespaced(client, &service.namespace().unwrap_or_default());
        // It may be gone by now; if not, the next change of anything brings another try.
        let _ = api
            .patch_status(&service.name_any(), &kube::api::PatchParams::default(), &kube::api::Patch::Merge(status))
            .await;
    }
}
