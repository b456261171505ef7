//! The binary `mcp-gateway`.

mod args;
mod broker_alone;
mod changes;
mod config_secret;
mod console;
mod control;
mod convert;
mod crds;
mod envoy;
mod follow;
mod key;
mod push;
mod render;
mod render_resources;
mod resource_files;
mod run;
mod servers;
mod signals;
mod tied;
mod validate;

use args::{Cli, Command};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;

/// What is logged if `RUST_LOG` says nothing. How servers are is told by [`servers`] already.
const LOG: &str = "warn,mcp_gateway_controller::run=info,mcp_gateway_broker::upstream::supervisor=error,mcp_gateway_broker::upstream::transport::stdio=info";

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    // Every HTTP client of the process needs it, those that speak no TLS too. An error says that it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = match cli.command {
        Command::Validate(args) => validate::validate(&args),
        Command::Crds => crds::print(),
        Command::Convert(args) => convert::convert(&args),
        Command::Render(args) => render::render(&args),
        Command::Push(args) => in_runtime(push::push(args)),
        Command::Controller(args) => in_runtime(control::run(args)),
        Command::Broker(args) => in_runtime(broker_alone::run(args)),
        Command::Run(args) => in_runtime(run::run(args)),
        Command::Tied(args) => tied::exec(&args),
        Command::Reap => {
            broker::reap();
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            console::complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// What a person has to know before the program ends with 1.
type Failure = String;

fn in_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    if let Ok(own) = std::env::current_exe() {
        broker::reap_with(own, "reap");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("error: the runtime cannot start: {error}"))?;
    runtime.block_on(work)
}

/// Logs go to standard error, as [`LOG`] or `RUST_LOG` says.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| LOG.into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(colours)
        .init();
}
