//! One line a server: its state, its eras, what it offers.

use crate::console;
use broker::status::{ServerStatus, State};
use broker::{Broker, Status};
use protocol::era::Era;
use std::time::Duration;
use tokio::sync::watch;

/// How long the first lines wait for servers that have not answered yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits until every server has answered or failed, for a while, and tells how they are. Returns what was told.
pub(crate) async fn introduce(status: &mut watch::Receiver<Status>) -> Status {
    let settled = |status: &Status| status.servers.iter().all(|server| server.state != State::Connecting);
    let _ = tokio::time::timeout(PATIENCE, status.wait_for(settled)).await;
    let told = status.borrow_and_update().clone();
    for server in &told.servers {
        console::say(&line(server));
    }
    told
}

/// Tells how the session store is, if there is one.
pub(crate) async fn tell_store(broker: &Broker) {
    let Some(store) = broker.session_store().await else { return };
    let error =
        store.error.map_or_else(String::new, |error| format!(" ({error}); sessions are in memory until it is back"));
    console::say(&format!("Session store: {} {}{error}", store.url, store.state));
}

/// Tells what changes, for ever.
pub(crate) async fn report(mut status: watch::Receiver<Status>, mut told: Status) {
    while status.changed().await.is_ok() {
        let now = status.borrow_and_update().clone();
        for server in &now.servers {
            let before = told.servers.iter().find(|before| before.name == server.name);
            if before.is_none_or(|before| line(before) != line(server)) {
                console::say(&line(server));
            }
        }
        for gone in told.servers.iter().filter(|before| now.servers.iter().all(|server| server.name != before.name)) {
            console::say(&format!("  {:<16} removed", gone.name));
        }
        told = now;
    }
}

fn line(server: &ServerStatus) -> String {
    let state = match server.state {
        State::Connecting => "connecting",
        State::Ready => "ready",
        State::PerCaller => "per-caller",
        State::Down => "down",
    };
    let mut line = format!("  {:<16} {state:<10}", server.name);
    if server.state == State::Ready {
        let eras: Vec<_> = server.eras.iter().map(|era| era_name(*era)).collect();
        let offers = [
            (server.tools, "tool"),
            (server.prompts, "prompt"),
            (server.resources, "resource"),
            (server.templates, "template"),
        ];
        let offers: Vec<_> =
            offers.iter().filter(|(n, what)| *n > 0 || *what == "tool").map(|(n, what)| plural(*n, what)).collect();
        line.push_str(&format!(" {:<15} {}", eras.join(", "), offers.join(", ")));
    }
    if let Some(error) = &server.error {
        line.push_str(&format!(" ({error})"));
    }
    for conflict in &server.conflicts {
        line.push_str(&format!("\n    {}", conflict.message));
    }
    line
}

fn era_name(era: Era) -> &'static str {
    match era {
        Era::Legacy => "legacy",
        Era::Modern => "modern",
    }
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_a_server_offers() {
        let mut server = ServerStatus {
            name: "demo".to_owned(),
            prefix: "http_".to_owned(),
            state: State::Ready,
            eras: vec![Era::Legacy, Era::Modern],
            revisions: vec!["2025-11-25".to_owned(), "2026-07-28".to_owned()],
            transport: Some("streamable-http"),
            last_contact: None,
            tools: 5,
            prompts: 1,
            resources: 0,
            templates: 0,
            error: None,
            conflicts: Vec::new(),
        };
        assert_eq!(line(&server), "  demo             ready      legacy, modern  5 tools, 1 prompt");
        server.state = State::Down;
        server.error = Some("refused the connection".to_owned());
        assert_eq!(line(&server), "  demo             down       (refused the connection)");
    }
}
