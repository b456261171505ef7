//! Envoy as a child process: found, started, watched over, ended.

mod admin;
mod find;
mod process;
mod supervisor;

pub(crate) use admin::{Admin, Versions};
pub(crate) use find::{envoy, module, wasm};
pub(crate) use process::Launch;
pub(crate) use supervisor::{Envoy, from_here};
