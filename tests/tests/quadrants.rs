//! Every feature by clients of either era at servers of either era: directly where both are of one era, and through the
//! gateway. `make quadrants` shows the tables, which are `docs/quadrants.md`, and are to be the same with `FRONT=header` and
//! `FRONT=broker`.

use futures::{StreamExt as _, stream};
use mcp_gateway_tests::Front;
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;
use mcp_gateway_tests::process::{Server, root};
use mcp_gateway_tests::quadrants::{Case, ClientSdk, Place, Rmcp, ServerSdk, cases, table};
use std::fmt;
use std::time::{Duration, Instant};

/// How many clients run at once.
const AT_ONCE: usize = 3;

/// Names the runs to make, by words that all have to be in a run's name; without it, all are made.
const ONLY: &str = "QUADRANTS_ONLY";

const RMCP: Rmcp =
    Rmcp { client: env!("CARGO_BIN_EXE_quadrants-rmcp-client"), server: env!("CARGO_BIN_EXE_quadrants-rmcp-server") };

/// When it is set, the page of the documentation is written anew.
const WRITE: &str = "QUADRANTS_WRITE";

struct Rig {
    servers: Vec<(ServerSdk, Server)>,
    gateway: Gateway,
}

/// One client before one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    client: ClientSdk,
    era: Era,
    server: ServerSdk,
    /// Through the gateway, or directly.
    through: bool,
}

/// A cell that is not as it has to be.
struct Fault {
    run: Run,
    case: Case,
    text: String,
}

impl Fault {
    fn cell(&self) -> table::Cell {
        (self.case.name, self.run.client, self.run.era, self.run.server)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {:.500}", self.run, self.case.name, self.text)
    }
}

impl Rig {
    async fn start() -> Self {
        let starting = ServerSdk::ALL.map(async |sdk| (sdk, sdk.start(RMCP).await));
        let servers = futures::future::join_all(starting).await;
        // So short that a case can see what becomes of a question that nobody answers.
        let config = Config::new().at(Front::wanted()).line("limits: { input: 5s }");
        let config = servers
            .iter()
            .fold(config, |config, (sdk, server)| config.server(sdk.id(), &format!("{}_", sdk.id()), &server.url));
        Self { gateway: config.start().await, servers }
    }

    fn url(&self, run: Run) -> &str {
        let direct = self.servers.iter().find(|(sdk, _)| *sdk == run.server).map(|(_, server)| server.url.as_str());
        if run.through { self.gateway.url() } else { direct.expect("every server runs") }
    }
}

impl Run {
    /// Every client at every server that it could understand, and through the gateway at all.
    fn all() -> Vec<Self> {
        let clients = ClientSdk::ALL.into_iter().flat_map(|client| [Era::Legacy, Era::Modern].map(|era| (client, era)));
        let runs = clients.flat_map(|(client, era)| {
            ServerSdk::ALL
                .into_iter()
                .flat_map(move |server| [false, true].map(|through| Self { client, era, server, through }))
        });
        let only = std::env::var(ONLY).unwrap_or_default();
        let wanted = |run: &Self| only.split_whitespace().all(|word| run.to_string().contains(word));
        runs.filter(|run| run.through || run.era == run.server.era()).filter(wanted).collect()
    }

    fn place(self, attempt: usize) -> Place {
        let way = if self.through { "through" } else { "direct" };
        let run = format!("{}-{}-{way}-{attempt}", self.client.name(), self.era).to_lowercase();
        let prefix = if self.through { format!("{}_", self.server.id()) } else { String::new() };
        Place { prefix, client: self.era, server: self.server.era(), run }
    }

    /// What is not as it has to be, and how long it took.
    async fn execute(self, rig: &Rig, cases: &[Case], attempt: usize) -> (Vec<Fault>, Duration) {
        let place = self.place(attempt);
        let plans = cases.iter().map(|case| {
            let mut plan = (case.plan)(&place);
            plan["name"] = case.name.into();
            plan
        });
        let plans: Vec<_> = plans.collect();
        let began = Instant::now();
        let (seen, ended) = self.client.run(RMCP, rig.url(self), &place, &plans).await;
        let faults = cases.iter().filter_map(|case| {
            let verdict = match seen.iter().find(|seen| seen.case == case.name) {
                Some(seen) => (case.judge)(&place, seen),
                None => Err(format!("not reached: {ended:?}")),
            };
            verdict.err().map(|text| Fault { run: self, case: *case, text })
        });
        (faults.collect(), began.elapsed())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match (self.through, self.era == self.server.era()) {
            (false, _) => "direct",
            (true, true) => "through",
            (true, false) => "crossed",
        };
        let (client, server) = (self.client.name(), self.server.name());
        write!(f, "{client}→{server} {}→{} {way}", self.era, self.server.era())
    }
}

/// A line for each run, and the faults of all of them. Some run at once.
async fn execute(rig: &Rig, runs: Vec<(Run, Vec<Case>)>, attempt: usize) -> (Vec<String>, Vec<Fault>) {
    let runs = stream::iter(runs).map(async |(run, cases)| {
        let (faults, time) = run.execute(rig, &cases, attempt).await;
        (format!("{run}: {} cases in {time:.1?}", cases.len()), faults)
    });
    let (reports, faults): (Vec<_>, Vec<_>) = runs.buffer_unordered(AT_ONCE).unzip().await;
    (reports, faults.into_iter().flatten().collect())
}

#[tokio::test]
async fn every_feature_in_every_quadrant() {
    let rig = Rig::start().await;
    let all = cases::all();
    let runs = Run::all().into_iter().map(|run| (run, all.clone())).collect();
    let (reports, faults) = execute(&rig, runs, 1).await;
    println!("{}", reports.join("\n"));
    // A busy machine does not keep every deadline: what is not as it has to be is tried once more.
    let mut again: Vec<(Run, Vec<Case>)> = Vec::new();
    for fault in faults {
        println!("again: {fault}");
        match again.iter_mut().find(|(run, _)| *run == fault.run) {
            Some((_, cases)) => cases.push(fault.case),
            None => again.push((fault.run, vec![fault.case])),
        }
    }
    let (_, faults) = execute(&rig, again, 2).await;
    let failed: Vec<_> = faults.iter().filter(|fault| fault.run.through).map(Fault::cell).collect();
    let page = table::page(&failed);
    println!("{page}");
    let file = root().join("docs/quadrants.md");
    if std::env::var_os(WRITE).is_some() && std::env::var_os(ONLY).is_none() {
        std::fs::write(&file, &page).expect("writing docs/quadrants.md");
    }
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} cells are not as they have to be:\n{}", lines.len(), lines.join("\n"));
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "docs/quadrants.md is not up to date: run `make quadrants`");
}
