//! The official conformance suites: those for servers at one strictly legacy and one strictly modern server, those for clients
//! at a client of one era; each directly, through the gateway, and through the gateway with a server or client of the other
//! era. `make conformance` shows the tables.

mod conformance_exceptions;

use conformance_exceptions::{CANNOT, FAILING};
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use mcp_gateway_tests::Front;
use mcp_gateway_tests::conformance::judge::{Exception, doubtful, faults};
use mcp_gateway_tests::conformance::suite::SUITES;
use mcp_gateway_tests::conformance::{Fixture, Suite, Table, Way};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;
use tokio::sync::Mutex;

/// How many suites run at once.
const AT_ONCE: usize = 3;

/// A gateway's configuration, for the front that is looked at: `make conformance FRONT=header` or `FRONT=broker`.
fn config() -> Config {
    Config::new().at(Front::wanted())
}

/// A fixture, and a gateway that has it alone, without a prefix: scenarios name their tools.
struct Side {
    fixture: Fixture,
    gateway: Gateway,
}

impl Side {
    async fn start(era: Era) -> Self {
        let fixture = Fixture::start(era).await;
        let gateway = config().server("fixture", "", fixture.url()).start().await;
        Self { fixture, gateway }
    }
}

struct Rig {
    legacy: Side,
    modern: Side,
}

impl Rig {
    /// Where a suite finds its server.
    fn url(&self, suite: Suite, way: Way) -> &str {
        let (own, other) = match suite.era {
            Era::Legacy => (&self.legacy, &self.modern),
            Era::Modern => (&self.modern, &self.legacy),
        };
        match way {
            Way::Direct => own.fixture.url(),
            Way::Through => own.gateway.url(),
            Way::Crossed => other.gateway.url(),
        }
    }
}

/// The tests take turns: some scenarios have deadlines of half a second.
static TURN: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn every_scenario_for_servers() {
    let _turn = TURN.lock().await;
    let (legacy, modern) = tokio::join!(Side::start(Era::Legacy), Side::start(Era::Modern));
    let rig = Rig { legacy, modern };
    let mut tables = SUITES.map(Table::of_servers);
    let runs = tables.iter().enumerate().flat_map(|(at, table)| Way::ALL.map(|way| (at, table.suite, way)));
    let runs = stream::iter(runs.collect::<Vec<_>>())
        .map(async |(at, suite, way)| (at, way, suite.run(rig.url(suite, way)).await))
        .buffer_unordered(AT_ONCE);
    for (at, way, outcomes) in runs.collect::<Vec<_>>().await {
        tables[at].add(way, outcomes);
    }
    for table in &mut tables {
        for (scenario, way) in doubtful(table, &listed()) {
            if let Some(outcome) = table.suite.run_one(rig.url(table.suite, way), &scenario).await {
                table.add_second(way, scenario, outcome);
            }
        }
    }
    show_and_judge(&tables);
}

#[tokio::test]
async fn every_scenario_for_clients() {
    let _turn = TURN.lock().await;
    let mut tables = SUITES.map(Table::of_clients);
    let lanes = Way::ALL.map(async |way| {
        let gateway = if way == Way::Direct { None } else { Some(config().start().await) };
        let scenarios =
            SUITES.iter().enumerate().flat_map(|(at, suite)| suite.clients.iter().map(move |name| (at, name)));
        let mut outcomes = Vec::new();
        for (at, scenario) in scenarios {
            let outcome = SUITES[at].run_client(scenario, client(SUITES[at], way), gateway.as_ref()).await;
            outcomes.extend(outcome.map(|outcome| (at, way, *scenario, outcome)));
        }
        outcomes
    });
    for (at, way, scenario, outcome) in join_all(lanes).await.into_iter().flatten() {
        tables[at].add(way, [(scenario.to_owned(), outcome)].into());
    }
    for table in &mut tables {
        for (scenario, way) in doubtful(table, &listed()) {
            let gateway = if way == Way::Direct { None } else { Some(config().start().await) };
            let outcome = table.suite.run_client(&scenario, client(table.suite, way), gateway.as_ref()).await;
            if let Some(outcome) = outcome {
                table.add_second(way, scenario, outcome);
            }
        }
    }
    show_and_judge(&tables);
}

/// The era of the client that is run against a suite.
fn client(suite: Suite, way: Way) -> Era {
    match (suite.era, way) {
        (era, Way::Direct | Way::Through) => era,
        (Era::Legacy, Way::Crossed) => Era::Modern,
        (Era::Modern, Way::Crossed) => Era::Legacy,
    }
}

fn listed() -> Vec<Exception> {
    [CANNOT, FAILING].concat()
}

#[expect(clippy::print_stdout, reason = "the tables are what `make conformance` is for")]
fn show_and_judge(tables: &[Table]) {
    for table in tables {
        println!("{table}");
    }
    for (title, listed) in [("Cannot pass, by what the eras are", CANNOT), ("Does not pass yet", FAILING)] {
        let shown =
            listed.iter().filter(|exception| tables.iter().any(|table| table.rows.contains_key(exception.scenario)));
        for Exception { scenario, suite, way, reason, .. } in shown {
            println!("{title}: {scenario}, {suite} {way}: {reason}");
        }
    }
    let wrong: Vec<_> = tables.iter().flat_map(|table| faults(table, &listed())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
