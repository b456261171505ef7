//! What the resources of one gateway in Kubernetes come to: references followed, names settled, defaults filled in.
//!
//! `source::kubernetes` makes an [`Instance`] of what was declared, without asking anybody; `render::kubernetes` makes of it the
//! objects to apply and the broker's configuration. Equal resources give equal instances, in whatever order they came.

mod backend;
mod broker;
mod instance;
mod upstream;

pub use backend::{Backend, External};
pub use broker::{BrokerSpec, Module};
pub use instance::{Cluster, Instance, Listener, Mode, ObjectName, Owner};
pub use upstream::Upstream;
