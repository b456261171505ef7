//! What the end-to-end tests are made of.
//!
//! * [`gateway`]: the gateway as it is shipped: `dist/mcp-gateway run`, with its Envoy, or `broker` without;
//! * [`Front`]: which of its ways in a test takes, and [`at_every_front`] for those that take all;
//! * [`fake`]: MCP servers in the test's own process, that record every byte they get and do what the test says;
//! * [`client`]: HTTP and MCP clients that send every byte as the test says;
//! * [`process`]: other processes, sample servers among them;
//! * [`peers`]: servers and clients of other SDKs;
//! * [`kubernetes`]: a real Kubernetes and Istio, without containers;
//! * [`registry`]: OCI registries; [`images`]: the images in them;
//! * [`redis`]: the store that brokers share;
//! * [`conformance`]: the official conformance suites, and servers for them;
//! * [`quadrants`]: every feature, by clients of either era at servers of either era.

pub mod client;
pub mod conformance;
pub mod fake;
mod front;
pub mod gateway;
pub mod images;
pub mod kubernetes;
pub mod peers;
pub mod process;
pub mod quadrants;
pub mod redis;
pub mod registry;
mod wait;

pub use front::Front;
pub use wait::{PATIENCE, until, until_told, until_told_within, within};
