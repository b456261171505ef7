//! The outcomes as tables, one a quadrant: `docs/quadrants.md`.

use super::{ClientSdk, ServerSdk, cases};
use crate::peers::Era;
use std::fmt::Write as _;

const QUADRANTS: [(Era, Era); 4] =
    [(Era::Legacy, Era::Modern), (Era::Modern, Era::Legacy), (Era::Legacy, Era::Legacy), (Era::Modern, Era::Modern)];

const HEAD: &str = "\
# Every feature in every quadrant

Clients of either era at servers of either era, through the gateway: Envoy, the filter and the broker, with each server
behind a prefix. `make quadrants` runs all of it and writes this page; `make test` fails where it is not as it says here.

*Legacy* is 2025-11-25, with a session; *modern* is 2026-07-28. Every peer is of an official SDK and pinned to one era, so that
nobody but the gateway can translate. Clients: npm `@modelcontextprotocol/client`, PyPI `mcp` and crates.io `rmcp`. Legacy
servers: npm `@modelcontextprotocol/sdk` 1 and PyPI `mcp` 1; modern ones: npm `@modelcontextprotocol/server` and `rmcp`.

A ✓ works as it does without a gateway, which the same run tries first, wherever both sides are of one era. What the eras cannot carry
over at all is told in [Across the eras](eras.md).
";

/// A cell: the case, the client and its era, the server.
pub type Cell = (&'static str, ClientSdk, Era, ServerSdk);

/// The page, as Markdown, given the cells that failed through the gateway.
pub fn page(failed: &[Cell]) -> String {
    let mut page = HEAD.to_owned();
    for (from, to) in QUADRANTS {
        let _ = writeln!(page, "\n## {} client, {to} server\n", capital(from));
        quadrant(&mut page, from, to, failed);
    }
    page
}

fn quadrant(page: &mut String, from: Era, to: Era, failed: &[Cell]) {
    let servers: Vec<_> = ServerSdk::ALL.into_iter().filter(|server| server.era() == to).collect();
    let columns: Vec<_> =
        ClientSdk::ALL.into_iter().flat_map(|client| servers.iter().map(move |server| (client, *server))).collect();
    let heads = columns.iter().map(|(client, server)| format!(" {} → {} |", client.name(), server.name()));
    let _ = writeln!(page, "| feature |{}", heads.collect::<String>());
    let _ = writeln!(page, "| --- |{}", " --- |".repeat(columns.len()));
    for case in cases::all() {
        let cells = columns.iter().map(|(client, server)| {
            if failed.contains(&(case.name, *client, from, *server)) { " **fails** |" } else { " ✓ |" }
        });
        let _ = writeln!(page, "| {} |{}", case.name, cells.collect::<String>());
    }
}

fn capital(era: Era) -> &'static str {
    match era {
        Era::Legacy => "Legacy",
        Era::Modern => "Modern",
    }
}
