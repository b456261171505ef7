//! The outcomes as tables, one a quadrant. They are what the lists of [`known`] say, which a run holds against what it saw.

use super::known::{self, EXCEPTIONS, Instead, LACKS, Who};
use super::{ClientSdk, ServerSdk, cases};
use crate::peers::Era;
use std::fmt::Write as _;

const QUADRANTS: [(Era, Era); 3] = [(Era::Legacy, Era::Modern), (Era::Legacy, Era::Legacy), (Era::Modern, Era::Modern)];

const HEAD: &str = "\
# Every feature in every quadrant

Clients of either era at servers of either era, through the gateway: Envoy, the filter and the broker, with each server
behind a prefix. `make quadrants` runs all of it and writes this page; `make test` fails where it is not as it says here.

*Legacy* is 2025-11-25, with a session; *modern* is 2026-07-28. Every peer is of an official SDK and pinned to one era, so that
nobody but the gateway can translate. Clients: npm `@modelcontextprotocol/client`, PyPI `mcp` and crates.io `rmcp`. Legacy
servers: npm `@modelcontextprotocol/sdk` 1 and PyPI `mcp` 1; modern ones: npm `@modelcontextprotocol/server` and `rmcp`.

| sign | meaning |
| --- | --- |
| ✓ | works, as it does without a gateway |
| n/a | the SDK on one side cannot do it: it fails without a gateway just so |
| refused | the other era has no form for it; an error says so |
| fails | does not work yet |
";

/// The page, as Markdown.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for (from, to) in QUADRANTS {
        let _ = writeln!(page, "\n## {} client, {to} server\n", capital(from));
        quadrant(&mut page, from, to);
    }
    reasons(&mut page);
    page
}

fn quadrant(page: &mut String, from: Era, to: Era) {
    let servers: Vec<_> = ServerSdk::ALL.into_iter().filter(|server| server.era() == to).collect();
    let columns: Vec<_> =
        ClientSdk::ALL.into_iter().flat_map(|client| servers.iter().map(move |server| (client, *server))).collect();
    let heads = columns.iter().map(|(client, server)| format!(" {} → {} |", client.name(), server.name()));
    let _ = writeln!(page, "| feature |{}", heads.collect::<String>());
    let _ = writeln!(page, "| --- |{}", " --- |".repeat(columns.len()));
    for case in cases::all() {
        let cells = columns.iter().map(|(client, server)| format!(" {} |", cell(case.name, *client, from, *server)));
        let _ = writeln!(page, "| {} |{}", case.name, cells.collect::<String>());
    }
}

fn cell(case: &str, client: ClientSdk, from: Era, server: ServerSdk) -> &'static str {
    if known::lack(case, client, from, server).is_some() {
        return "n/a";
    }
    match known::exception(case, client, from, server).map(|known| known.instead) {
        None => "✓",
        Some(Instead::Refused(_)) => "refused",
        Some(Instead::Fails) => "fails",
    }
}

fn reasons(page: &mut String) {
    let refused: Vec<_> = EXCEPTIONS.iter().filter(|known| matches!(known.instead, Instead::Refused(_))).collect();
    let failing: Vec<_> = EXCEPTIONS.iter().filter(|known| matches!(known.instead, Instead::Fails)).collect();
    for (title, list) in [("What is refused, and why", refused), ("What fails, and why", failing)] {
        if list.is_empty() {
            continue;
        }
        let _ = writeln!(page, "\n## {title}\n");
        for known in list {
            let client = known.client.map_or("any", ClientSdk::name);
            let server = known.server.map_or("any", ServerSdk::name);
            let (from, to) = (known.from, known.to);
            let _ =
                writeln!(page, "* {} ({client} {from} client, {server} {to} server): {}.", known.case, known.reason);
        }
    }
    if !LACKS.is_empty() {
        let _ = writeln!(page, "\n## What SDKs cannot do\n");
    }
    for lack in LACKS {
        let who = match lack.who {
            Who::Client(client, era) => format!("{} client, {era}", client.name()),
            Who::Server(server) => format!("{} server, {}", server.name(), server.era()),
        };
        let _ = writeln!(page, "* {} ({who}): {}.", lack.case, lack.reason);
    }
}

fn capital(era: Era) -> &'static str {
    match era {
        Era::Legacy => "Legacy",
        Era::Modern => "Modern",
    }
}
