//! The cluster's own processes, by name.

use super::launcher::{Launcher, tied};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// A process of the cluster, that a test may stop and start again.
#[derive(Debug)]
pub struct Part {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    launcher: Arc<Launcher>,
    running: Mutex<Option<Child>>,
}

impl Part {
    /// One that works in `folder/NAME`, and is not started yet.
    pub(super) fn new(name: &'static str, program: PathBuf, cluster: &Path, launcher: &Arc<Launcher>) -> Self {
        let folder = cluster.join(name);
        std::fs::create_dir_all(&folder).expect("a folder for a part of the cluster");
        Self {
            name,
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            folder,
            launcher: launcher.clone(),
            running: Mutex::default(),
        }
    }

    /// With arguments.
    #[must_use]
    pub(super) fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// With variables of the environment.
    #[must_use]
    pub(super) fn envs(mut self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.environment.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    /// Where it works.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it, unless it runs.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return;
        }
        let log = File::options().create(true).append(true).open(self.log()).expect("a log file");
        let mut command = tied(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command.stdout(log.try_clone().expect("another handle of the log")).stderr(log);
        *running = Some(self.launcher.spawn(command));
    }

    /// Ends it, as a crash would, and waits for that.
    pub fn kill(&self) {
        self.end(Signal::KILL);
    }

    /// Tells it to end, and waits for that.
    pub fn stop(&self) {
        self.end(Signal::TERM);
    }

    fn end(&self, signal: Signal) {
        let child = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            let _ = Pid::from_raw(child.id().cast_signed()).map(|pid| kill_process(pid, signal));
            let _ = child.wait();
        }
    }

    /// Whether it runs.
    pub(super) fn runs(&self) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// What it wrote.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}
