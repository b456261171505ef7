//! Starts processes that do not outlive the cluster.
//!
//! The kernel kills them when the thread that started them ends (PR_SET_PDEATHSIG, which `setpriv` sets), so one thread that
//! lives as long as the cluster starts them all.

use super::network::Network;
use std::ffi::OsStr;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

type Order = (Command, Sender<std::io::Result<Child>>);

/// The thread that starts processes, in a network of its own.
#[derive(Debug)]
pub(super) struct Launcher {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Launcher {
    /// Makes a network, and starts the thread in it.
    pub(super) fn start() -> (Self, Network) {
        let (orders, received) = channel();
        let (made, network) = channel();
        let thread = std::thread::spawn(move || {
            if made.send(Network::of_cluster()).is_ok() {
                serve(&received);
            }
        });
        let network = network.recv().expect("making the cluster's network");
        (Self { orders: Some(orders), thread: Some(thread) }, network)
    }

    /// Starts a command that [`tied`] gave.
    pub(super) fn spawn(&self, command: Command) -> Child {
        let (reply, child) = channel();
        let program = format!("{command:?}");
        let orders = self.orders.as_ref().expect("there until it is dropped");
        orders.send((command, reply)).expect("the launcher lives");
        let child = child.recv().expect("the launcher answers");
        child.unwrap_or_else(|error| panic!("{program} cannot be started: {error}"))
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(orders: &Receiver<Order>) {
    for (mut command, reply) in orders {
        let _ = reply.send(command.spawn());
    }
}

/// A command whose process ends with the thread that starts it.
pub(super) fn tied(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
