//! Every feature by clients of either era at servers of either era: directly where both are of one era, and through the
//! gateway. `make quadrants` shows the tables, which are `docs/quadrants.md`.

use futures::{StreamExt as _, stream};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;
use mcp_gateway_tests::process::{Server, root};
use mcp_gateway_tests::quadrants::known::{self, Instead, refuses};
use mcp_gateway_tests::quadrants::{Case, ClientSdk, Place, Rmcp, Seen, ServerSdk, cases, table};
use std::fmt;
use std::time::{Duration, Instant};

/// How many clients run at once.
const AT_ONCE: usize = 3;

/// Names the runs to make, by words that all have to be in a run's name; without it, all are made.
const ONLY: &str = "QUADRANTS_ONLY";

const RMCP: Rmcp =
    Rmcp { client: env!("CARGO_BIN_EXE_quadrants-rmcp-client"), server: env!("CARGO_BIN_EXE_quadrants-rmcp-server") };

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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {:.500}", self.run, self.case.name, self.text)
    }
}

impl Rig {
    async fn start() -> Self {
        let starting = ServerSdk::ALL.map(async |sdk| (sdk, sdk.start(RMCP).await));
        let servers = futures::future::join_all(starting).await;
        let config = servers.iter().fold(Config::new(), |config, (sdk, server)| {
            config.server(sdk.id(), &format!("{}_", sdk.id()), &server.url)
        });
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
        let possible = |run: &Self| match (run.era, run.server.era()) {
            // Not yet.
            (Era::Modern, Era::Legacy) => false,
            (from, to) => run.through || from == to,
        };
        runs.filter(possible).filter(wanted).collect()
    }

    fn place(self) -> Place {
        let way = if self.through { "through" } else { "direct" };
        let run = format!("{}-{}-{way}", self.client.name(), self.era).to_lowercase();
        let prefix = if self.through { format!("{}_", self.server.id()) } else { String::new() };
        Place { prefix, client: self.era, server: self.server.era(), run }
    }

    /// Whether the case is to be tried. What an SDK cannot do needs no gateway to fail.
    fn tries(self, case: &Case) -> bool {
        !self.through || known::lack(case.name, self.client, self.era, self.server).is_none()
    }

    /// What is not as it has to be, and how long it took.
    async fn execute(self, rig: &Rig, cases: &[Case]) -> (Vec<Fault>, Duration) {
        let place = self.place();
        let cases: Vec<_> = cases.iter().filter(|case| self.tries(case)).collect();
        let plans = cases.iter().map(|case| {
            let mut plan = (case.plan)(&place);
            plan["name"] = case.name.into();
            plan
        });
        let plans: Vec<_> = plans.collect();
        let began = Instant::now();
        let (seen, ended) = self.client.run(RMCP, rig.url(self), &place, &plans).await;
        let found = |case: &Case| seen.iter().find(|seen| seen.case == case.name);
        let faults = cases.into_iter().filter_map(|case| {
            let text = self.fault(case, &place, found(case), &ended)?;
            Some(Fault { run: self, case: *case, text })
        });
        (faults.collect(), began.elapsed())
    }

    fn fault(self, case: &Case, place: &Place, seen: Option<&Seen>, ended: &Result<(), String>) -> Option<String> {
        let verdict = match seen {
            Some(seen) => (case.judge)(place, seen),
            None => Err(format!("not reached: {ended:?}")),
        };
        let lack = known::lack(case.name, self.client, self.era, self.server).map(|lack| lack.reason);
        let known = known::exception(case.name, self.client, self.era, self.server).filter(|_| self.through);
        match (verdict, lack.or(known.map(|known| known.reason))) {
            (Ok(()), None) => None,
            (Ok(()), Some(reason)) => Some(format!("passes, and is listed as one that does not: {reason}")),
            (Err(fault), None) => Some(fault),
            (Err(fault), Some(_)) => match known.map(|known| known.instead) {
                Some(Instead::Refused(words)) if !seen.is_some_and(|seen| refuses(seen, words)) => {
                    Some(format!("is not refused with {words:?}: {fault}"))
                }
                _ => None,
            },
        }
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
async fn execute(rig: &Rig, runs: Vec<(Run, Vec<Case>)>) -> (Vec<String>, Vec<Fault>) {
    let runs = stream::iter(runs).map(async |(run, cases)| {
        let (faults, time) = run.execute(rig, &cases).await;
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
    let (reports, faults) = execute(&rig, runs).await;
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
    let (_, faults) = execute(&rig, again).await;
    println!("{}", table::page());
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} cells are not as they have to be:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_page_of_the_documentation_is_up_to_date() {
    let file = root().join("docs/quadrants.md");
    let page = table::page();
    if std::env::var_os("QUADRANTS_WRITE").is_some() {
        std::fs::write(&file, &page).expect("writing docs/quadrants.md");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "docs/quadrants.md is not what is known: run `make quadrants`");
}
