//! Networks of their own: one for a cluster, one for each pod in it.
//!
//! A network lives as long as somebody holds it open or is in it, so nothing has to be taken down.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::{Command, Stdio};

/// Address of the cluster's node, where all that is no pod listens.
pub(super) const NODE: &str = "10.99.0.1";

/// Addresses of Services. All of them are the node's own.
pub(super) const SERVICES: &str = "10.96.0.0/16";

/// The bridge that pods are plugged into.
const BRIDGE: &str = "pods";
/// Its hardware address. Without one of its own a bridge takes the lowest of what is plugged in, so that it changes as pods come and go;
/// the others then send to the old one until they ask again, half a minute later.
const BRIDGE_ADDRESS: &str = "02:00:0a:63:00:01";

/// A network of its own.
#[derive(Debug)]
pub(super) struct Network(File);

impl Network {
    /// A new one, with nothing in it but a loopback device.
    fn new() -> Self {
        // It is there when the command says so; holding it open keeps it when the command has ended.
        let mut maker = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-ec",
                "ip link set lo up; echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; echo made; read -r _",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`unshare` has to be there");
        let mut line = String::new();
        let said = BufReader::new(maker.stdout.take().expect("is piped")).read_line(&mut line);
        assert!(said.is_ok() && line == "made\n", "a network cannot be made: this needs root and iproute2");
        let network = File::open(format!("/proc/{}/ns/net", maker.id())).expect("the maker waits");
        drop(maker.stdin.take());
        let _ = maker.wait();
        Self(network)
    }

    /// The network of a cluster. The calling thread is in it afterwards.
    pub(super) fn of_cluster() -> Self {
        let network = Self::new();
        network.enter();
        run(&["link", "add", BRIDGE, "address", BRIDGE_ADDRESS, "type", "bridge"]);
        run(&["addr", "add", &format!("{NODE}/16"), "dev", BRIDGE]);
        run(&["link", "set", BRIDGE, "up"]);
        run(&["route", "add", "local", SERVICES, "dev", "lo"]);
        network
    }

    /// The network of a pod with this address, plugged into the cluster's. The calling thread has to be in that one.
    pub(super) fn of_pod(address: &str, number: u32) -> Self {
        let network = Self::new();
        let (link, path) = (format!("pod{number}"), network.path());
        let inside = |args: &str| {
            let args: Vec<_> = args.split(' ').collect();
            check(Command::new("nsenter").arg(format!("--net={path}")).arg("ip").args(args));
        };
        run(&["link", "add", &link, "type", "veth", "peer", "name", &format!("{link}e")]);
        // By a process that is in the pod's network: `ip` takes process ids, not files.
        let holder = Command::new("nsenter")
            .arg(format!("--net={path}"))
            .args(["sh", "-c", "read -r _"])
            .stdin(Stdio::piped())
            .spawn();
        let mut holder = holder.expect("`nsenter` has to be there");
        while std::fs::read_link(format!("/proc/{}/ns/net", holder.id())).ok() != std::fs::read_link(&path).ok() {
            std::thread::yield_now();
        }
        run(&["link", "set", &format!("{link}e"), "netns", &holder.id().to_string(), "name", "eth0"]);
        drop(holder.stdin.take());
        let _ = holder.wait();
        run(&["link", "set", &link, "master", BRIDGE, "up"]);
        inside(&format!("addr add {address}/16 dev eth0"));
        inside("link set eth0 up");
        inside(&format!("route add default via {NODE}"));
        network
    }

    /// One that somebody else holds open.
    pub(super) fn of(file: File) -> Self {
        Self(file)
    }

    /// Moves the calling thread into it. Threads and processes that it starts from then on are in it too.
    pub(super) fn enter(&self) {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("entering a network as root");
    }

    /// Where other processes find it.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

fn run(args: &[&str]) {
    check(Command::new("ip").args(args));
}

fn check(command: &mut Command) {
    let output = command.output().expect("iproute2 has to be there");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
