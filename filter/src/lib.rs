//! The Proxy-Wasm filter: routes MCP calls inside Envoy.
//!
//! A thin shell around `protocol`, which decides; here is what the host needs: contexts, buffers, headers, and a cache of the
//! broker's decisions. A request's way: [`stream`] takes its headers and body, [`resolver`] and [`cache`] tell where it goes,
//! [`answer`] edits what comes back. Nothing here may panic: a trap cuts every stream of the worker.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// Elsewhere there is no host to call.
#![cfg(target_arch = "wasm32")]

mod answer;
mod cache;
mod deadlines;
mod ended;
mod headers;
mod host;
mod news;
mod reply;
mod resolver;
mod root;
mod servers;
mod settings;
mod stream;

#[allow(missing_docs, reason = "the macro's function is the module's entry, not an item to be used")]
mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
        proxy_wasm::set_root_context(|id| Box::new(crate::root::Root::new(id)));
    }}
}
