//! What the kernel counts for a process.

use crate::Failure;
use procfs::process::Process as Proc;
use std::time::Duration;

/// A running process.
pub(crate) struct Process(Proc);

/// Resident memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// `VmRSS`
    pub(crate) now: u64,
    /// `VmHWM`: the most since the process began.
    pub(crate) most: u64,
}

impl Process {
    pub(crate) fn new(pid: u32) -> Result<Self, Failure> {
        let pid = i32::try_from(pid).map_err(|error| error.to_string())?;
        Proc::new(pid).map(Self).map_err(|error| unreadable(&error))
    }

    /// CPU time of all its threads until now, in user mode and in the kernel. Counted in ticks of 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let stat = self.0.stat().map_err(|error| unreadable(&error))?;
        Ok(Duration::from_secs(stat.utime + stat.stime).div_f64(procfs::ticks_per_second() as f64))
    }

    pub(crate) fn resident(&self) -> Result<Resident, Failure> {
        let status = self.0.status().map_err(|error| unreadable(&error))?;
        let bytes = |kib: Option<u64>| kib.map(|kib| kib << 10).ok_or("error: Envoy has ended");
        Ok(Resident { now: bytes(status.vmrss)?, most: bytes(status.vmhwm)? })
    }
}

fn unreadable(error: &procfs::ProcError) -> Failure {
    format!("error: Envoy's numbers in /proc cannot be read: {error}")
}
