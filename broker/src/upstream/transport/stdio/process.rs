//! One process: its start, its streams, and its end with all that it started.

use super::output;
use crate::reaper;
use crate::upstream::error::UpstreamError;
use crate::upstream::reply::ANSWER_LIMIT;
use crate::upstream::transport::mux::{Link, Mux};
use bytes::Bytes;
use protocol::config;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio as Streams};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Variables of the gateway's own environment that every process gets. Others may hold the gateway's secrets.
const INHERITED: [&str; 14] = [
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
];
/// Messages that wait for a process that reads slowly.
const QUEUE: usize = 64;
/// How long a process may take to end after its input was closed, and then after SIGTERM.
const CLOSED: Duration = Duration::from_secs(1);
const TERMINATED: Duration = Duration::from_secs(1);
/// How long what a process wrote before it ended is read, and how long it may live once it has closed its output.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A running process. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    ending: CancellationToken,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

/// Starts a process, whose messages `mux` takes until it ends. Its tasks, its end among them, are among `tasks`.
///
/// # Errors
/// [`UpstreamError::Start`].
pub(super) fn start(
    server: &str,
    config: &config::Process,
    mux: &Mux,
    tasks: &TaskTracker,
) -> Result<(Process, Link), UpstreamError> {
    let mut command = Command::new(&config.program);
    command.args(&config.args).env_clear();
    if let Some(folder) = &config.cwd {
        command.current_dir(folder);
    }
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)))).envs(&config.env);
    command.stdin(Streams::piped()).stdout(Streams::piped()).stderr(Streams::piped());
    // A group of its own: Ctrl-C is the gateway's, and what it starts ends with it.
    command.process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        tracing::warn!(server, program = config.program, %error, "the process could not be started");
        UpstreamError::Start(why(error.kind(), config))
    })?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    tracing::info!(server, program = config.program, pid = pid.map(Pid::as_raw_pid), "process started");
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(UpstreamError::Start("it has no standard streams"));
    };
    let ending = CancellationToken::new();
    let (lines, queue) = mpsc::channel(QUEUE);
    tasks.spawn(write(stdin, queue, ending.clone()));
    tasks.spawn(output::log(server.to_owned(), "stderr", BufReader::new(stderr)));
    let supervised = Supervised { server: server.to_owned(), child, group: Group::of(pid), mux: mux.clone() };
    tasks.spawn(supervised.run(stdout, ending.clone()));
    Ok((Process { ending }, Link::Pipe(lines)))
}

fn why(kind: ErrorKind, config: &config::Process) -> &'static str {
    match kind {
        ErrorKind::NotFound if config.cwd.as_ref().is_some_and(|folder| !Path::new(folder).is_dir()) => {
            "there is no such folder as its cwd"
        }
        ErrorKind::NotFound => "there is no such program; check command and PATH",
        ErrorKind::PermissionDenied => "the program may not be run; check its permissions",
        _ => "the system refused",
    }
}

/// Writes lines until the process is to end; its input is closed then.
async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Bytes>, ending: CancellationToken) {
    let writing = async {
        while let Some(line) = queue.recv().await {
            let written = async {
                stdin.write_all(&line).await?;
                stdin.write_all(b"\n").await?;
                stdin.flush().await
            };
            if written.await.is_err() {
                return;
            }
        }
    };
    ending.run_until_cancelled(writing).await;
}

/// What a process started ends with it, whatever happens to the gateway's tasks.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    /// The group that a process leads.
    fn of(leader: Option<Pid>) -> Self {
        if let Some(pid) = leader {
            reaper::watch(pid);
        }
        Self(leader)
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // Often nothing is left.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(pid) = self.0 {
            reaper::forget(pid);
        }
    }
}

struct Supervised {
    server: String,
    child: Child,
    group: Group,
    mux: Mux,
}

impl Supervised {
    /// Reads what the process writes until it ends, or is to.
    async fn run(mut self, stdout: ChildStdout, ending: CancellationToken) {
        let (server, mux) = (self.server.clone(), self.mux.clone());
        let reading = read(&server, &mux, stdout);
        tokio::pin!(reading);
        let error = tokio::select! {
            status = self.child.wait() => {
                let _ = timeout(LAST_WORDS, &mut reading).await;
                ended(status.ok())
            }
            fault = &mut reading => match timeout(LAST_WORDS, self.child.wait()).await {
                Ok(status) => fault.unwrap_or_else(|| ended(status.ok())),
                Err(_) => fault.unwrap_or(UpstreamError::Closed),
            },
            () = ending.cancelled() => {
                let _ = timeout(CLOSED + TERMINATED, reading).await;
                return self.end().await;
            }
        };
        tracing::warn!(server, %error, "the process ended of its own accord");
        self.mux.close(&error);
        ending.cancel();
        self.end().await;
    }

    /// Sees to it that it ends (2026-07-28, *stdio*: Shutdown). Its input is closed already.
    async fn end(mut self) {
        if timeout(CLOSED, self.child.wait()).await.is_err() {
            self.group.signal(Signal::TERM);
            if timeout(TERMINATED, self.child.wait()).await.is_err() {
                self.group.signal(Signal::KILL);
                let _ = self.child.wait().await;
            }
        }
        tracing::info!(server = self.server, pid = self.group.0.map(Pid::as_raw_pid), "process ended");
    }
}

fn ended(status: Option<ExitStatus>) -> UpstreamError {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => UpstreamError::Exited("with exit code", code),
        Some((_, Some(signal))) => UpstreamError::Exited("by signal", signal),
        _ => UpstreamError::Closed,
    }
}

/// Reads messages to the end of a process's output. `None`: it ended as it should.
async fn read(server: &str, mux: &Mux, stdout: ChildStdout) -> Option<UpstreamError> {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    let mut others = output::Meter::default();
    loop {
        line.clear();
        let limit = u64::try_from(ANSWER_LIMIT).unwrap_or(u64::MAX);
        let read = (&mut stdout).take(limit).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            return None;
        }
        if line.len() >= ANSWER_LIMIT && !line.ends_with(b"\n") {
            return Some(UpstreamError::TooLarge(ANSWER_LIMIT));
        }
        let text = line.trim_ascii();
        let is_message = text.is_empty() || std::str::from_utf8(text).is_ok_and(|text| mux.receive(text));
        if !is_message {
            others.log(server, "stdout", text);
        }
    }
}
