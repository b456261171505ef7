//! Becomes another program that does not outlive the process that started it, however that ends.
//!
//! The kernel's signal for this is set by the child itself, before it becomes the program. It comes when the *thread* that
//! started the child ends: those of the runtime live as long as the process.

use crate::Failure;
use crate::args::TiedArgs;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The command to run `program` with, tied to this process.
pub(crate) fn command(program: &Path) -> std::io::Result<tokio::process::Command> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.args(["tied", &std::process::id().to_string(), "--"]).arg(program);
    Ok(command)
}

/// `tied`: returns only if the program cannot be run.
pub(crate) fn exec(args: &TiedArgs) -> Result<(), Failure> {
    let cannot = |error: &dyn std::fmt::Display| format!("error: {} cannot be run: {error}", args.program.display());
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| cannot(&error))?;
    if getppid().map(Pid::as_raw_pid) != Some(args.parent) {
        return Err(cannot(&"the process that wanted it has ended"));
    }
    Err(cannot(&Command::new(&args.program).args(&args.arguments).exec()))
}
