//! A real Kubernetes with a real Istio on one machine, without containers: what `scripts/setup-testbed.sh` installs.
//!
//! * [`test`] runs a test inside of a [`Cluster`] that all tests of its binary share, [`test_api`] beside a bare API server;
//!   one that breaks parts is run by [`breakable`], one that needs a cluster of its own by [`test_on`];
//! * `network`: every cluster has a network of its own, so that clusters run side by side and no port clashes;
//! * `launcher`, [`Part`]: its processes, none of which outlives the cluster, however that ends;
//! * `control_plane`, `istiod`, `registry`: what these processes are;
//! * `kubelet`: runs pods as local processes: a network, a root file system, a process tree, a user each, as containers have;
//! * `services`: what kube-proxy, the cluster's DNS and a cloud's load balancers do elsewhere.
//! * [`Site`]: a Gateway with an `MCPGatewayExtension`, and servers of the test behind it; [`Load`]: clients that call and
//!   count, [`under_load`] what happens meanwhile; [`Authorizer`]: whom policies ask; `admin`: what an Envoy says of itself; [`Tunnel`]: TLS for clients that have none.
//!
//! It needs root, for the networks and mounts. Tests of it are named `kubernetes_*`; `make test-fast` leaves them out.

mod admin;
mod authorizer;
mod certificates;
mod cluster;
mod control_plane;
mod disturbance;
mod install;
mod istiod;
mod kubectl;
mod kubelet;
mod launcher;
mod load;
mod network;
mod part;
mod registry;
mod services;
mod site;
mod testbed;
mod tunnel;

/// How long anything may take in a cluster, many parts of which start at once.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

pub use authorizer::{Asked, Authorizer, PROVIDER, REFUSAL, REFUSED};
pub use cluster::{Cluster, Size, test, test_api, test_on};
pub use disturbance::{WHILE, breakable, under_load};
pub use install::install;
pub use kubectl::Kubectl;
pub use load::{Load, Outcome};
pub use part::Part;
pub use site::{Mode, Site};
pub use tunnel::Tunnel;
