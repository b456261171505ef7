//! Redis: Debian's `redis-server`.

use crate::fake::Identity;
use crate::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A Redis that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    address: IpAddr,
    port: u16,
    password: Option<&'static str>,
    tls: bool,
    folder: TempDir,
}

impl Redis {
    /// One that everybody may use.
    pub async fn open() -> Self {
        Self::new(Ipv4Addr::LOCALHOST.into(), None, None).await
    }

    /// One at another address of this machine.
    pub async fn at(address: IpAddr, password: &'static str) -> Self {
        Self::new(address, Some(password), None).await
    }

    /// One with a password.
    pub async fn closed(password: &'static str) -> Self {
        Self::new(Ipv4Addr::LOCALHOST.into(), Some(password), None).await
    }

    /// One with a password, behind TLS.
    pub async fn with_tls(password: &'static str, identity: &Identity) -> Self {
        Self::new(Ipv4Addr::LOCALHOST.into(), Some(password), Some(identity)).await
    }

    async fn new(address: IpAddr, password: Option<&'static str>, identity: Option<&Identity>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        if let Some(identity) = identity {
            fs::write(folder.path().join("certificate.pem"), identity.certificate()).expect("writing a certificate");
            fs::write(folder.path().join("key.pem"), identity.key()).expect("writing a key");
        }
        let free = TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr()).expect("a free port");
        let mut redis = Self { process: None, address, port: free.port(), password, tls: identity.is_some(), folder };
        redis.start().await;
        redis
    }

    /// Starts it, empty, on the same port as before.
    pub async fn start(&mut self) {
        let (address, port) = (self.address.to_string(), self.port.to_string());
        let folder = self.folder.path().display().to_string();
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| format!("{folder}/{name}"));
        let mut args = vec!["--bind", &address, "--save", "", "--appendonly", "no", "--dir", &folder];
        if self.tls {
            args.extend(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            args.extend(["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &certificate]);
        } else {
            args.extend(["--port", &port]);
        }
        args.extend(self.password.into_iter().flat_map(|password| ["--requirepass", password]));
        let process = Process::start(Path::new("redis-server"), &args);
        process
            .says("Redis serves (is Debian's package redis-server installed?)", |line| {
                line.contains("Ready to accept connections").then_some(())
            })
            .await;
        self.process = Some(process);
    }

    /// Ends it, with all that it keeps.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Has it stand still, or go on.
    pub fn freeze(&self, frozen: bool) {
        let pids = self.process.iter().flat_map(|process| process.pids("redis-server"));
        for pid in pids.filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
            let signal = if frozen { Signal::STOP } else { Signal::CONT };
            kill_process(pid, signal).expect("Redis runs");
        }
    }

    /// Its address, without the password.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let host = if self.tls { "localhost".to_owned() } else { self.address.to_string() };
        format!("{scheme}://{host}:{}/0", self.port)
    }

    /// What it answers, line by line.
    pub fn ask(&self, command: &[&str]) -> Vec<String> {
        let port = self.port.to_string();
        let mut cli = Command::new("redis-cli");
        cli.args(["-h", &self.address.to_string(), "-p", &port]);
        cli.args(self.password.into_iter().flat_map(|password| ["--no-auth-warning", "-a", password]));
        let output = cli.args(command).output().expect("redis-cli runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // A process that stands still cannot be told to end.
        self.freeze(false);
    }
}
