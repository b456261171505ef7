//! One process of Envoy.

use crate::{console, tied};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr};
use tokio_util::sync::CancellationToken;

/// Lines of the log that are kept for the message when it ends by itself.
const KEPT_LINES: usize = 20;
/// How long it may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(3);

/// How Envoy is started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) binary: PathBuf,
    pub(crate) bootstrap: PathBuf,
    pub(crate) admin_socket: PathBuf,
    pub(crate) concurrency: Option<u16>,
}

/// A running Envoy. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    log: Arc<Mutex<VecDeque<String>>>,
    ending: CancellationToken,
}

impl Launch {
    /// Starts it in a process group of its own, so that a Ctrl-C at the terminal reaches only us, and tied to this process, so that it
    /// never outlives us.
    pub(crate) fn start(&self) -> std::io::Result<Process> {
        let _ = std::fs::remove_file(&self.admin_socket);
        let mut command = tied::command(&self.binary)?;
        command.arg("-c").arg(&self.bootstrap);
        command.args(["--disable-hot-restart", "--log-level", "warning", "--log-format", "%l: %v"]);
        if let Some(workers) = self.concurrency {
            command.arg("--concurrency").arg(workers.to_string());
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (log, ending) = (Arc::default(), CancellationToken::new());
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(pass_on(stderr, Arc::clone(&log), ending.clone()));
        }
        Ok(Process { child, log, ending })
    }
}

impl Process {
    /// Returns when it has ended by itself.
    pub(crate) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().map(|line| format!("\n  {line}")).collect()
    }

    /// Ends it: politely first.
    pub(crate) async fn end(mut self) {
        self.ending.cancel();
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// Passes Envoy's log on, as it comes.
async fn pass_on(stderr: ChildStderr, log: Arc<Mutex<VecDeque<String>>>, ending: CancellationToken) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if !ending.is_cancelled() {
            console::complain(&format!("envoy: {line}"));
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == KEPT_LINES {
            log.pop_front();
        }
        log.push_back(line);
    }
}
