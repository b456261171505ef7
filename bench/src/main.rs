//! What the filter costs an Envoy, as ratios against the same Envoy without it: `make bench`.
//!
//! One process holds the load, an MCP server that answers at once, and the real broker. Beside it runs one real Envoy with
//! two workers and two listeners: `filter`, as `mcp-gateway run` renders it, and `plain`, the same connection manager
//! without the filter, straight to the server. Only the CPU time of the Envoy process is counted, so that neither load nor
//! server weighs in.
//!
//! How to read the report:
//!
//! * **CPU per call** comes from many short rounds, plain and filter in turn, so that a slow moment of the machine meets
//!   both. The ratio of the medians is what counts; the ratio of the minima says the same with less of the machine's noise.
//!   Absolute times are for this machine only. Other modules given with `--against` take their turns in the same Envoy: that
//!   shows differences of a microsecond, which runs one after the other do not.
//! * **Broker requests** are those that Envoy sent to the broker during the measured calls. The filter asks once a second
//!   whether its routes still hold; what is beyond that is requests that calls have caused, and should be none.
//! * **Memory** is the growth of Envoy's resident memory from just before to its peak, each in an Envoy of its own.
//!
//! Every answer is compared byte by byte. One that is wrong makes the numbers worthless: the program ends with 1. A limit
//! that is exceeded does not, since a busy machine exceeds it too: see the load average in the report.

mod against;
mod backend;
mod call;
mod client;
mod console;
mod cpu;
mod envoy;
mod memory;
mod plain;
mod process;
mod report;
mod rig;
mod session;

use clap::Parser;
use rig::{Parts, Rig};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// What a person has to know before the program ends with 1.
type Failure = String;

/// CPU time and memory that the filter costs an Envoy, against the same Envoy without it.
#[derive(Debug, Parser)]
struct Args {
    /// The Envoy to measure
    #[arg(long, value_name = "PATH", env = "MCP_GATEWAY_ENVOY")]
    envoy: PathBuf,
    /// The filter's module
    #[arg(long, value_name = "PATH", default_value = "dist/mcp-gateway.wasm")]
    wasm: PathBuf,
    /// Another module to compare with, in the same Envoy; may be given several times
    #[arg(long, value_name = "PATH")]
    against: Vec<PathBuf>,
    /// Rounds of each kind
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Length of a round, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    round_ms: u64,
    /// Connections that call at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // The broker's HTTP client needs it. An error says that it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = tokio::select! {
        outcome = measure(args) => outcome,
        // Envoy ends as the measurement is dropped.
        failure = interrupted() => Err(failure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            console::complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// Returns when a signal asks for the end, or when signals cannot be caught.
async fn interrupted() -> Failure {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
        return "error: signals cannot be caught".to_owned();
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    "error: interrupted".to_owned()
}

async fn measure(args: Args) -> Result<(), Failure> {
    let parts = Parts::find(&args.envoy, &args.wasm, &args.against)?;
    report::machine("at the start")?;

    console::complain("CPU time per call");
    let rig = Rig::start(&parts).await?;
    let length = Duration::from_millis(args.round_ms);
    let plan = cpu::Plan { rounds: args.rounds, length, connections: args.connections };
    let cpu = cpu::measure(&rig, plan).await;
    rig.end().await;
    let cpu = cpu?;

    console::complain("Memory of one long call to a slow server");
    let rig = Rig::start(&parts).await?;
    let slow = memory::slow_call(&rig).await;
    rig.end().await;
    let slow = slow?;

    console::complain("Memory of many uploads at once");
    let rig = Rig::start(&parts).await?;
    let uploads = memory::uploads(&rig).await;
    rig.end().await;
    let uploads = uploads?;

    report::machine("at the end")?;
    report::all(&cpu, &args.against, &uploads, &slow);
    match cpu.first_error() {
        Some(error) => Err(format!("error: {} answers were wrong; the first: {error}", cpu.errors())),
        None => Ok(()),
    }
}
