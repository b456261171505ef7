//! What ends servers' processes when the gateway cannot: after a SIGKILL, or when memory ran out.
//!
//! A second process reads which process groups there are. When its input ends, however that came about, it kills those that
//! are left. The kernel's signal for the death of a parent would not do: it reaches only the process that was started, while
//! `npx` and shells start others.
//!
//! There is one for the whole program, since it is the program's end that matters.

use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead as _, ErrorKind, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

static REAPER: OnceLock<Reaper> = OnceLock::new();

/// The second process, which is started when there is something to watch.
#[derive(Debug)]
struct Reaper {
    program: PathBuf,
    argument: OsString,
    child: Mutex<Option<Child>>,
}

/// Has every server's process end with this one. `program` with `argument` has to do no more than [`reap`]. Without this call, only
/// processes that heed the end of their input do.
pub fn reap_with(program: PathBuf, argument: impl Into<OsString>) {
    let reaper = Reaper { program, argument: argument.into(), child: Mutex::default() };
    // Whoever was first means the same program.
    let _ = REAPER.set(reaper);
}

/// The second process: kills what is left of the groups that its input names, when that ends.
pub fn reap() {
    // The name in lists of processes.
    let _ = rustix::thread::set_name(c"mcp-reaper");
    let mut groups = BTreeSet::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Some((sign, id)) = line.split_at_checked(1) else { continue };
        let Ok(id) = id.parse::<i32>() else { continue };
        if sign == "+" {
            groups.insert(id);
        } else {
            groups.remove(&id);
        }
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // Often nothing is left.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// A group that has to end with this program.
pub(crate) fn watch(leader: Pid) {
    let Some(reaper) = REAPER.get() else { return };
    let told = reaper.running(&mut reaper.lock()).and_then(|child| tell(child, '+', leader));
    if let Err(error) = told {
        tracing::warn!(%error, "servers' processes that ignore the end of their input may outlive a gateway that is killed");
    }
}

/// A group that has ended.
pub(crate) fn forget(leader: Pid) {
    let Some(reaper) = REAPER.get() else { return };
    if let Some(child) = &mut *reaper.lock() {
        // One that is gone has forgotten everything.
        let _ = tell(child, '-', leader);
    }
}

/// Ends the second process. Nothing is watched any more.
pub(crate) async fn end() {
    let Some(mut child) = REAPER.get().and_then(|reaper| reaper.lock().take()) else { return };
    // Waiting closes its input first.
    let ended = tokio::task::spawn_blocking(move || child.wait());
    let _ = ended.await;
}

fn tell(child: &mut Child, sign: char, leader: Pid) -> std::io::Result<()> {
    let input = child.stdin.as_mut().ok_or(ErrorKind::BrokenPipe)?;
    writeln!(input, "{sign}{}", leader.as_raw_pid())
}

impl Reaper {
    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running<'a>(&self, child: &'a mut Option<Child>) -> std::io::Result<&'a mut Child> {
        let started = match child.take() {
            Some(started) => started,
            // A group of its own, so that Ctrl-C is only the gateway's.
            None => Command::new(&self.program)
                .arg(&self.argument)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()?,
        };
        Ok(child.insert(started))
    }
}
