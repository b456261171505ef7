//! Other processes, none of which outlives the test.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Runs a command, and ends it when its own stdin is closed, which happens however the test's process ends.
const GUARD: &str = r#"exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(read -r _ <&3; exec kill -TERM $child) &
watch=$!
exec 3<&-
wait $child
status=$?
kill $watch 2>/dev/null
exit $status"#;

/// How long a process may take to end when told to.
const GRACE: Duration = Duration::from_secs(10);

/// A running command. Told to end (SIGTERM) when dropped; whatever is left of what it started then is killed.
#[derive(Debug)]
pub struct Process {
    guard: Child,
    log: Log,
}

/// What a process wrote, stdout and stderr together, line by line.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<(Mutex<Written>, Condvar)>);

#[derive(Debug, Default)]
struct Written {
    lines: Vec<String>,
    /// How many of stdout and stderr are at their end.
    ended: usize,
}

impl Log {
    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.written().lines.clone()
    }

    /// Whether nothing more can come.
    fn ended(&self) -> bool {
        self.written().ended == 2
    }

    /// Waits until nothing more can come; `false` if that takes too long.
    fn wait_for_end(&self, patience: Duration) -> bool {
        let waited = self.0.1.wait_timeout_while(self.written(), patience, |written| written.ended < 2);
        waited.is_ok_and(|(_, timeout)| !timeout.timed_out())
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collect(&self, from: impl Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                log.written().lines.push(String::from_utf8_lossy(&line).into_owned());
            }
            log.written().ended += 1;
            log.0.1.notify_all();
        });
    }
}

impl Process {
    /// Starts a command.
    ///
    /// # Panics
    ///
    /// When there is no shell.
    pub fn start(command: &Path, args: &[&str]) -> Self {
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(command)
            .args(args)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh has to be there");
        let log = Log::default();
        log.collect(guard.stdout.take().expect("is piped"));
        log.collect(guard.stderr.take().expect("is piped"));
        Self { guard, log }
    }

    /// What it wrote so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Waits for a line, and gives what `find` finds in it. `what` completes "waited in vain until …".
    ///
    /// # Panics
    ///
    /// When the process ends before.
    pub async fn says<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        crate::until(what, || {
            let ended = self.log.ended();
            let found = self.log.lines().iter().find_map(|line| find(line));
            assert!(found.is_some() || !ended, "the process ended before {what}");
            found
        })
        .await
    }

    /// The processes that it started, itself included, whose command is `name`.
    pub fn pids(&self, name: &str) -> Vec<u32> {
        let all = self.descendants();
        all.into_iter().filter(|process| process.command == name).map(|process| process.pid).collect()
    }

    /// All processes under the guard.
    fn descendants(&self) -> Vec<Running> {
        let all = Running::all();
        let mut found = vec![self.guard.id()];
        let mut next = 0;
        while let Some(parent) = found.get(next) {
            let children: Vec<_> = all.iter().filter(|p| p.parent == *parent).map(|p| p.pid).collect();
            found.extend(children);
            next += 1;
        }
        all.into_iter().filter(|process| found.contains(&process.pid)).collect()
    }

    /// Tells it to end, and waits for that. `true` if it ended with 0, and nothing it started was left.
    pub fn stop(&mut self) -> bool {
        let started = self.descendants();
        drop(self.guard.stdin.take());
        let in_time = self.log.wait_for_end(GRACE);
        let status = if in_time { self.guard.wait().ok() } else { None };
        let left: Vec<_> = Running::all().into_iter().filter(|p| started.iter().any(|s| s.is(p))).collect();
        for process in &left {
            let pid = Pid::from_raw(process.pid.cast_signed());
            pid.map(|pid| kill_process(pid, Signal::KILL));
        }
        let _ = self.guard.wait();
        status.is_some_and(|status| status.success()) && left.is_empty()
    }
}

/// A process of this machine.
#[derive(Debug)]
struct Running {
    pid: u32,
    parent: u32,
    command: String,
    /// When it was started, in the kernel's units.
    since: String,
}

impl Running {
    fn all() -> Vec<Self> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(Self::of).filter(|process| process.parent != 0).collect()
    }

    /// As `/proc/PID/stat` tells (proc(5)). Those that have ended and only wait to be noticed do not count; while a thread is left,
    /// so are the sockets.
    fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(") ")?;
        let (_, command) = head.split_once('(')?;
        let fields: Vec<_> = tail.split(' ').collect();
        let (state, parent, since) = (*fields.first()?, fields.get(1)?.parse().ok()?, *fields.get(19)?);
        let threads: u32 = fields.get(17)?.parse().ok()?;
        (state != "Z" || threads > 1).then(|| Self {
            pid,
            parent,
            command: command.to_owned(),
            since: since.to_owned(),
        })
    }

    fn is(&self, other: &Self) -> bool {
        (self.pid, &self.since) == (other.pid, &other.since)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let lines = self.log.lines();
            let shown = lines.len().saturating_sub(60);
            // The test's own output: shown where the test fails.
            let text = lines.get(shown..).unwrap_or_default().join("\n");
            std::io::Write::write_all(&mut std::io::stderr(), format!("--- log ---\n{text}\n").as_bytes()).ok();
        }
    }
}

/// The project's own folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// A file that `make build` makes. `MCP_GATEWAY_DIST` names another folder than `dist/`.
///
/// # Panics
///
/// When it is not there.
pub fn built(name: &str) -> PathBuf {
    let folder = std::env::var_os("MCP_GATEWAY_DIST").map_or_else(|| root().join("dist"), PathBuf::from);
    let file = folder.join(name);
    assert!(file.exists(), "{} is missing: run `make build` first", file.display());
    file
}

/// A sample server, or a peer of another SDK, that tells where it listens.
#[derive(Debug)]
pub struct Server {
    /// Where it listens, as `http://127.0.0.1:PORT/mcp`.
    pub url: String,
    /// Its process.
    pub process: Process,
}

impl Server {
    /// Starts a command that prints `listening on URL`.
    pub async fn start(command: &Path, args: &[&str]) -> Self {
        let process = Process::start(command, args);
        let url = process.says("a server listens", |line| Some(line.strip_prefix("listening on ")?.to_owned())).await;
        Self { url, process }
    }

    /// Starts `sample-tools` or `sample-features` on a port of the system's choice.
    pub async fn sample(name: &str, args: &[&str]) -> Self {
        let args = [&["--listen", "127.0.0.1:0"], args].concat();
        Self::start(&built(name), &args).await
    }
}
