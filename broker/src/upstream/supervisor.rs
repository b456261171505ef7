//! Keeps the connection to one server: connects, watches, and tries again after failures.

use super::connection::{Connection, Lost, Waiter, delays};
use super::error::UpstreamError;
use super::fresh::Fresh;
use super::probe::Down;
use super::server::{Snapshot, Start};
use super::turn::in_turn;
use crate::status::State;
use protocol::era::Era;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// A connection that lived for so long was a good one: the next is made without delay.
const STABLE: Duration = Duration::from_secs(5);
/// A server that is down is not tried more often on demand.
const LEAST_DELAY: Duration = Duration::from_millis(250);

/// How often a server is asked that wants to know its caller.
const WITHOUT_CALLER: Duration = Duration::from_secs(30);
/// How long a connection that is being opened is waited for when it is no longer wanted.
const LAST_OPEN: Duration = Duration::from_secs(1);

/// The task of one server.
pub(super) struct Supervisor {
    pub(super) start: Start,
    pub(super) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(super) fresh: Fresh,
    /// Those who wait until the lists are fresh.
    pub(super) refresh: mpsc::Receiver<Waiter>,
}

impl Supervisor {
    /// Runs until cancelled, then ends the session, and what was started for it.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        let client = self.start.client.clone();
        self.keep_connected(cancel).await;
        client.close().await;
    }

    async fn keep_connected(&mut self, cancel: CancellationToken) {
        let mut waits = delays();
        loop {
            self.fresh.clear();
            let (client, rules, fresh) = (self.start.client.clone(), self.start.rules.clone(), self.fresh.clone());
            let open = Connection::open(client, rules, self.start.config.era, fresh, cancel.clone());
            let open = in_turn(Arc::clone(&self.start.openings), open);
            let mut open = AbortOnDropHandle::new(tokio::spawn(open));
            let Some(opened) = cancel.run_until_cancelled(&mut open).await else {
                // A session that is just being opened is not left behind, if that can be helped.
                if let Ok(Ok(Ok(connection))) = tokio::time::timeout(LAST_OPEN, open).await {
                    connection.end().await;
                }
                return;
            };
            let opened =
                opened.unwrap_or_else(|_| Err(Down::because("could not be connected to: a fault in the gateway")));
            match opened {
                Ok(mut connection) => {
                    self.publish(&connection);
                    let Some(lost) = cancel.run_until_cancelled(self.watch(&mut connection)).await else {
                        return connection.end().await;
                    };
                    self.fresh.clear();
                    tracing::info!(server = self.start.config.name, reason = ?lost, "connecting anew");
                    let age = connection.age();
                    if !matches!(lost, Lost::Error(UpstreamError::SessionLost)) {
                        // Not waited for: the server may be gone.
                        tokio::spawn(connection.end());
                    }
                    if age >= STABLE {
                        waits = delays();
                        continue;
                    }
                }
                Err(down) => {
                    self.publish_down(down);
                }
            }
            let wait = waits.next().unwrap_or(LEAST_DELAY);
            if cancel.run_until_cancelled(self.pause(wait)).await.is_none() {
                return;
            }
        }
    }

    async fn watch(&mut self, connection: &mut Connection) -> Lost {
        loop {
            match connection.watch(&mut self.refresh).await {
                Ok(_waiters) => self.publish(connection),
                Err(lost) => return lost,
            }
        }
    }

    /// Waits, but not as long if somebody asks for the server.
    async fn pause(&mut self, wait: Duration) {
        let least = wait.min(LEAST_DELAY);
        tokio::time::sleep(least).await;
        if self.start.principal.is_some() {
            // Whoever invents callers is not to have servers asked for ever.
            if self.refresh.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            return;
        }
        let wait = if self.snapshot.borrow().state == State::PerCaller { WITHOUT_CALLER } else { wait };
        let _ = tokio::time::timeout(wait - least, self.refresh.recv()).await;
    }

    fn publish(&self, connection: &Connection) {
        if self.snapshot.borrow().state != State::Ready && self.start.principal.is_none() {
            tracing::info!(server = self.start.config.name, "server is ready");
        }
        self.send(Snapshot {
            state: State::Ready,
            error: connection.error(),
            legacy: connection.spoken(Era::Legacy),
            modern: connection.spoken(Era::Modern),
        });
    }

    /// What was known stays known: it tells where calls would go.
    fn publish_down(&self, down: Down) {
        let Start { config, principal, .. } = &self.start;
        let per_caller = down.unauthorized && !config.forward_headers.is_empty();
        let (state, error) = if per_caller {
            let headers = config.forward_headers.join(", ");
            let why = match principal {
                Some(_) => format!("does not take its caller's {headers}, and {}", down.why),
                None => format!("wants to know its caller by {headers}, and without that {}", down.why),
            };
            (State::PerCaller, why)
        } else {
            (State::Down, down.why)
        };
        let last = self.snapshot.borrow().clone();
        if last.error.as_ref() == Some(&error) || principal.is_some() {
            tracing::debug!(server = config.name, error, "server is still down");
        } else if per_caller {
            tracing::info!(server = config.name, "the server {error}");
        } else {
            tracing::warn!(server = config.name, error, "server is down");
        }
        self.send(Snapshot { state, error: Some(error), ..Snapshot::clone(&last) });
    }

    fn send(&self, snapshot: Snapshot) {
        self.snapshot.send_replace(Arc::new(snapshot));
        self.start.changed.notify_one();
    }
}
